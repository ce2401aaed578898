"""Places in a JSON document: JSON Pointers (RFC 6901), replacing, and secret references.

Nothing here changes its input, and no error carries anything of the document.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from signing.errors import CountersignError
from signing.references import KEY
from signing.strict_json import JsonValue

MAX_POINTER_CHARACTERS = 262_144  # of all pointers that one search may give

Path: TypeAlias = "tuple[Path, str | int] | None"
"""A place as a chain of steps that ends in the document; costs the same at any depth."""


class PlaceError(CountersignError):
    """A JSON Pointer does not fit the document it is used on."""

    code = "place_invalid"


class TooManyPlacesError(CountersignError):
    """The pointers asked for are together too long to be listed."""

    code = "too_large"


@dataclass(frozen=True, slots=True)
class FoundReference:
    """An object with the key `$secret`.

    Attributes:
        pointer: its place.
        text: the reference, or None where the object has other keys too or the reference is no
            string, which no accepted reference has.
    """

    pointer: str
    text: str | None


def escape(step: str | int) -> str:
    """Write one step of a JSON Pointer."""
    return str(step).replace("~", "~0").replace("/", "~1")


def pointer_to(steps: Iterable[str | int]) -> str:
    """Write the JSON Pointer that takes these steps."""
    return "".join("/" + escape(step) for step in steps)


class PointerWriter:
    """Writes pointers up to a total length: one long key may stand before many places."""

    __slots__ = ("_left",)

    def __init__(self, limit: int = MAX_POINTER_CHARACTERS) -> None:
        self._left = limit

    def write(self, path: Path) -> str:
        """Write a path as a pointer.

        Raises:
            TooManyPlacesError: where this one goes beyond the limit of them all.
        """
        steps: list[str | int] = []
        while path is not None:
            path, step = path
            steps.append(step)
        pointer = pointer_to(reversed(steps))
        self._left -= len(pointer) + 1
        if self._left < 0:
            raise TooManyPlacesError("the document holds more places than can be listed")
        return pointer


def get_at(args: JsonValue, pointer: str) -> JsonValue:
    """Read the value at a pointer.

    Raises:
        PlaceError: where the document has no such place.
    """
    for step in _steps(pointer):
        args = _child(args, step)
    return args


def replace_at(args: JsonValue, replacements: Mapping[str, JsonValue]) -> JsonValue:
    """Give the document with other values at these pointers; what does not change is shared.

    Raises:
        PlaceError: where the document has no such place, or one pointer lies inside another.
    """
    if len(outermost(replacements)) != len(replacements):
        raise PlaceError("a place to be replaced lies inside another")
    if "" in replacements:
        return replacements[""]
    copies: set[int] = set()
    result = _copy_once(args, copies) if replacements else args
    for pointer, value in replacements.items():
        *way, last = _steps(pointer)
        node = result
        for step in way:
            child = _copy_once(_child(node, step), copies)
            _set_child(node, step, child)
            node = child
        _set_child(node, last, value)
    return result


def outermost(pointers: Iterable[str]) -> tuple[str, ...]:
    """Keep each pointer once, in order, and drop those that lie inside another."""
    given = dict.fromkeys(pointers)
    kept: set[str] = set()
    last = None
    for pointer in sorted(given, key=lambda text: text.split("/")):
        if last is None or not pointer.startswith(last + "/"):
            kept.add(pointer)
            last = pointer
    return tuple(pointer for pointer in given if pointer in kept)


def is_within(pointer: str, places: Collection[str]) -> bool:
    """Say whether a pointer is one of these places or lies inside one; fast where they are a set.

    `places` is asked once for each step of the pointer.
    """
    while pointer not in places:
        if not pointer:
            return False
        pointer = pointer.rpartition("/")[0]
    return True


def find_references(args: JsonValue) -> tuple[FoundReference, ...]:
    """Find every object that has the key `$secret`, whatever else it has.

    Raises:
        TooManyPlacesError: where the pointers to them are together too long.
    """
    found: list[FoundReference] = []
    writer = PointerWriter()
    waiting: list[tuple[JsonValue, Path]] = [(args, None)]
    while waiting:
        value, path = waiting.pop()
        if isinstance(value, dict):
            if KEY in value:
                text = value[KEY] if len(value) == 1 else None
                text = text if isinstance(text, str) else None
                found.append(FoundReference(writer.write(path), text))
            waiting.extend((child, (path, key)) for key, child in value.items())
        elif isinstance(value, list):
            waiting.extend((child, (path, index)) for index, child in enumerate(value))
    return tuple(found)


def _steps(pointer: str) -> list[str]:
    if pointer and not pointer.startswith("/"):
        raise PlaceError("a JSON Pointer is empty or starts with a slash")
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def _child(node: JsonValue, step: str) -> JsonValue:
    if isinstance(node, dict) and step in node:
        return node[step]
    if isinstance(node, list):
        return node[_index(node, step)]
    raise PlaceError("the document has no such place")


def _set_child(node: JsonValue, step: str, value: JsonValue) -> None:
    if isinstance(node, dict) and step in node:
        node[step] = value
    elif isinstance(node, list):
        node[_index(node, step)] = value
    else:
        raise PlaceError("the document has no such place")


def _index(node: list[JsonValue], step: str) -> int:
    plain = step.isascii() and step.isdigit() and (step == "0" or step[0] != "0")
    if plain and len(step) <= len(str(len(node))) and int(step) < len(node):
        return int(step)
    raise PlaceError("the document has no such place")


def _copy_once(node: JsonValue, copies: set[int]) -> JsonValue:
    """Copy a container unless it is one of the copies; the result keeps them all alive."""
    if id(node) in copies or not isinstance(node, dict | list):
        return node
    copy = node.copy()
    copies.add(id(copy))
    return copy
