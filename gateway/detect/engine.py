"""The search itself: one walk, two prefilters over all of the text, then only what they hint at."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeAlias

from gateway.detect.checks import CHECKS, WORTHS
from gateway.detect.findings import Finding
from gateway.detect.linear import LinearPattern
from gateway.detect.names import HINT, rule_for
from gateway.detect.rules import CARRIERS, FORMAT_RULES, NAMING_KEYS, FormatRule
from gateway.places import Path, PointerWriter
from signing.references import KEY
from signing.strict_json import JsonValue

_SMALLEST_NUMBER = 100  # a number with fewer digits is no secret
_LIMIT_OF_NUMBERS = 10**19  # nor is one with more than a card's
_BETWEEN = "\x00"


@dataclass(frozen=True, slots=True)
class _Format:
    rule: FormatRule
    hint: LinearPattern
    pattern: LinearPattern


# Text, its place (of a key: its object's), its name (of a key: None), whether it is a number.
_Leaf: TypeAlias = tuple[str, Path, str | None, bool]
_Object: TypeAlias = dict[str, JsonValue]
_Node: TypeAlias = tuple[_Object | list[JsonValue], Path, str]


def find_secrets(args: JsonValue) -> tuple[Finding, ...]:
    """Find what looks like a secret, by its format or by its name.

    A reference, an object with the one key `$secret`, is not looked into. Of each place the
    first rule is told.

    Raises:
        TooManyPlacesError: where the pointers to all findings are together too long.
    """
    values, objects = _walk(args)
    rules = _by_name(values)
    if _ANY_HINT.found_in(_text_of(values, objects)):
        values += [(key, path, None, False) for node, path in objects for key in node]
        rules |= _by_format(values)
    writer = PointerWriter()
    found: dict[tuple[str, bool], Finding] = {}
    for index in sorted(rules):
        _, path, name, _ = values[index]
        finding = Finding(writer.write(path), rules[index], as_key=name is None)
        found.setdefault((finding.pointer, finding.as_key), finding)
    return tuple(found.values())


def _walk(args: JsonValue) -> tuple[list[_Leaf], list[tuple[_Object, Path]]]:
    """List strings and whole numbers under their names, and the objects for their keys."""
    leaves: list[_Leaf] = []
    objects: list[tuple[_Object, Path]] = []
    waiting: list[_Node] = []
    _visit(args, None, "", leaves, waiting)
    while waiting:
        node, path, name = waiting.pop()
        if isinstance(node, list):
            for index, value in enumerate(node):
                _visit(value, (path, index), name, leaves, waiting)
        elif len(node) != 1 or KEY not in node:
            objects.append((node, path))
            for key, value in node.items():
                its_name = name if name and key in CARRIERS else key
                if isinstance(value, str):
                    leaves.append((value, (path, key), its_name, False))
                else:
                    _visit(value, (path, key), its_name, leaves, waiting)
            if "value" in node:
                _visit_named(node, path, leaves)
    return leaves, objects


def _visit(
    value: JsonValue, path: Path, name: str, leaves: list[_Leaf], waiting: list[_Node]
) -> None:
    if isinstance(value, str):
        leaves.append((value, path, name, False))
    elif isinstance(value, dict) or isinstance(value, list):  # noqa: SIM101 - a union costs more
        waiting.append((value, path, name))
    elif value is not None and _SMALLEST_NUMBER <= value < _LIMIT_OF_NUMBERS:
        digits = str(int(value))
        if digits == str(value).removesuffix(".0"):
            leaves.append((digits, path, name, True))


def _visit_named(node: _Object, path: Path, leaves: list[_Leaf]) -> None:
    """List the `value` once more under the name that stands beside it; containers are not."""
    for key in NAMING_KEYS:
        name = node.get(key)
        if isinstance(name, str):
            _visit(node["value"], (path, "value"), name, leaves, [])


def _text_of(leaves: list[_Leaf], objects: Iterable[tuple[_Object, Path]]) -> bytes:
    texts = [leaf[0] for leaf in leaves]
    texts.extend([_BETWEEN.join(node) for node, _ in objects])
    return _BETWEEN.join(texts).encode("utf-8", "replace")


def _by_format(leaves: list[_Leaf]) -> dict[int, str]:
    text = _text_of(leaves, ())
    starts = _starts(leaf[0] for leaf in leaves)
    found: dict[int, str] = {}
    for one in _FORMATS:
        if one.hint.found_in(text):
            for index in _matches(one, text, starts):
                found.setdefault(index, one.rule.name)
    return found


def _matches(one: _Format, text: bytes, starts: list[int]) -> Iterator[int]:
    """Give each leaf that the format is in, once; a match never reaches over the NUL between."""
    check = CHECKS[one.rule.check]
    position = 0
    while span := one.pattern.next_in(text, position):
        begin, position = span
        index = bisect_right(starts, begin) - 1
        if check(text[begin:position].decode()):
            yield index
            if index + 1 == len(starts):
                return
            position = starts[index + 1]


def _by_name(leaves: list[_Leaf]) -> dict[int, str]:
    named: dict[str, list[int]] = {}
    for index, leaf in enumerate(leaves):
        if leaf[2]:
            named.setdefault(leaf[2], []).append(index)
    found: dict[int, str] = {}
    for name in _hinted(list(named)):
        rule = rule_for(name)
        if rule is not None:
            worth = WORTHS[rule.worth]
            for index in named[name]:
                if worth(leaves[index][0], leaves[index][3]):
                    found[index] = rule.name
    return found


def _hinted(names: list[str]) -> Iterator[str]:
    text = _BETWEEN.join(names).encode("utf-8", "replace")
    span = HINT.next_in(text, 0)
    starts = _starts(names) if span else []
    while span:
        index = bisect_right(starts, span[0]) - 1
        yield names[index]
        span = HINT.next_in(text, starts[index + 1]) if index + 1 < len(starts) else None


def _starts(texts: Iterable[str]) -> list[int]:
    sizes = (len(text.encode("utf-8", "replace")) + 1 for text in texts)
    return list(accumulate(sizes, initial=0))[:-1]


_FORMATS = tuple(
    _Format(
        rule,
        LinearPattern(rule.hint, ignore_case=rule.ignore_case),
        LinearPattern(rule.pattern, ignore_case=rule.ignore_case),
    )
    for rule in FORMAT_RULES
)
_ANY_HINT = LinearPattern(
    "|".join(f"(?i:{rule.hint})" if rule.ignore_case else rule.hint for rule in FORMAT_RULES)
)
