"""One JSON reader and one writer for everything that is signed or comes from outside.

The reader takes RFC 8259 text as the I-JSON profile (RFC 7493) narrows it: UTF-8 without a byte
order mark, no duplicate keys, no lone surrogates, only finite numbers, bounded size, depth and
digits, so that two readers cannot understand the same bytes differently.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, TypeAlias

from signing.errors import MalformedJSON

JsonValue: TypeAlias = "dict[str, JsonValue] | list[JsonValue] | str | int | float | bool | None"
JsonObject: TypeAlias = "dict[str, JsonValue]"

MAX_BYTES = 1_048_576
MAX_DEPTH = 32
MAX_DIGITS = 17  # significant ones; a double's shortest round-trip form needs no more
MAX_SAFE_INTEGER = 2**53 - 1  # RFC 7493, section 2.2

# A string that does not end is one match too: no quote in it is looked at twice.
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
_OPENING = frozenset(b"[{")
_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def parse(data: bytes, *, max_bytes: int = MAX_BYTES) -> JsonValue:
    """Read one JSON document.

    Raises:
        MalformedJSON: for whatever the module's docstring rules out; no value is echoed.
    """
    if len(data) > max_bytes:
        raise MalformedJSON("the document is larger than allowed")
    _check_depth(data)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedJSON("the document is not UTF-8") from None
    if text.startswith("\ufeff"):
        raise MalformedJSON("the document starts with a byte order mark")
    try:
        value: JsonValue = _DECODER.decode(text)
    except (json.JSONDecodeError, RecursionError):
        raise MalformedJSON("the document is not JSON") from None
    if _ESCAPED_SURROGATE.search(data):
        _check_surrogates(value)
    return value


def parse_object(data: bytes, *, max_bytes: int = MAX_BYTES) -> JsonObject:
    """Read one JSON document that must be an object.

    Raises:
        MalformedJSON: as `parse`, and where the document is not an object.
    """
    value = parse(data, max_bytes=max_bytes)
    if not isinstance(value, dict):
        raise MalformedJSON("the document is not an object")
    return value


def canonical(value: "JsonValue | Mapping[str, Any] | Sequence[Any]") -> bytes:
    """Write JSON the one way that is signed here: sorted keys, no white space, UTF-8.

    Raises:
        ValueError: for a number that is not finite.
    """
    return _ENCODER.encode(value).encode("utf-8")


def _check_depth(data: bytes) -> None:
    """Bound the nesting before the recursive reader starts, whatever its own limit is."""
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(data):
        first = data[match.start()]
        if first == 0x22:
            continue
        depth += 1 if first in _OPENING else -1
        if depth > MAX_DEPTH:
            raise MalformedJSON("the document is nested too deeply")


def _check_surrogates(value: JsonValue) -> None:
    """Refuse strings that UTF-8 cannot carry: a `\\ud800` escape without its other half."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise MalformedJSON("a string holds a lone surrogate") from None


def _object(pairs: list[tuple[str, JsonValue]]) -> JsonObject:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise MalformedJSON("an object names a key twice")
    return result


def _integer(text: str) -> int:
    if len(text) <= MAX_DIGITS and abs(value := int(text)) <= MAX_SAFE_INTEGER:
        return value
    raise MalformedJSON("an integer is outside of the range that every reader keeps exact")


def _real(text: str) -> float:
    mantissa = re.split("[eE]", text, maxsplit=1)[0]
    if len(mantissa.lstrip("-0.").replace(".", "")) > MAX_DIGITS:
        raise MalformedJSON("a number has more digits than every reader keeps exact")
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise MalformedJSON("a number is too large")
    return value


def _constant(_name: str) -> NoReturn:
    raise MalformedJSON("NaN and Infinity are not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_real, parse_constant=_constant
)
_ENCODER = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
)
