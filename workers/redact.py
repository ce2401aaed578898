"""Takes the values of a job's secrets out of what the job gives back."""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

from signing.strict_json import JsonValue
from workers.secret import MASK

MIN_PART = 4  # shorter values occur by chance, and are only taken out where they are all of a text

_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
_URLSAFE = str.maketrans("+/", "-_")
_BASE64_RUN = re.compile(r"[A-Za-z0-9+/_-]{4,}=*")


@dataclass(frozen=True, slots=True)
class _Forms:
    """How the secrets may stand in a text.

    Attributes:
        exact: found where they stand as they are.
        lowered: found whatever the case of their letters; percent signs and hex digits vary in it.
        runs: inner parts of base64, which the value's neighbours do not change.
        whole: of short values, looked for as a whole text alone.
    """

    exact: frozenset[str]
    lowered: frozenset[str]
    runs: frozenset[str]
    whole: frozenset[str]


def redact(value: JsonValue, secrets: Sequence[str]) -> JsonValue:
    """Put `****` for each secret in every text and key of a JSON value.

    A secret is found as it is, in base64 (also inside of a longer encoded text, which then goes as
    a whole), in hex, percent-encoded, and escaped as JSON or Python writes it. A number that
    is a secret's digits goes too. A secret of less than four characters is only taken out where it
    is a whole text.
    """
    forms = _forms(secret for secret in secrets if secret)
    return _redacted(value, forms)


def leaf_texts(value: JsonValue) -> list[str]:
    """The texts to look for where a secret is not itself a text: each leaf of it, as JSON."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in value.values() for text in leaf_texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in leaf_texts(item)]
    if value is None or isinstance(value, bool):
        return []
    return [repr(value)]


def _redacted(value: JsonValue, forms: _Forms) -> JsonValue:
    if isinstance(value, str):
        return _text(value, forms)
    if isinstance(value, dict):
        result: dict[str, JsonValue] = {}
        for index, (key, item) in enumerate(value.items()):
            name = _text(key, forms)
            while name in result:
                name = f"{name}{index}"
            result[name] = _redacted(item, forms)
        return result
    if isinstance(value, list):
        return [_redacted(item, forms) for item in value]
    if value is None or isinstance(value, bool):
        return value
    return MASK if repr(value) in forms.exact else value


def _text(text: str, forms: _Forms) -> str:
    if text in forms.whole:
        return MASK
    spans = sorted(_spans(text, forms))
    parts: list[str] = []
    end = 0
    for start, stop in spans:
        if start >= end:
            parts += (text[end:start], MASK)
        end = max(end, stop)
    return "".join((*parts, text[end:]))


def _spans(text: str, forms: _Forms) -> Iterator[tuple[int, int]]:
    """Where secrets stand; every search is linear, whatever a producer makes of its secret."""
    lowered = text.translate(_LOWER)
    for form in forms.exact:
        yield from _found(text, form)
    for form in forms.lowered:
        yield from _found(lowered, form)
    yield from _runs(text, forms.runs)


def _found(text: str, form: str) -> Iterator[tuple[int, int]]:
    start = text.find(form)
    while start >= 0:
        end = start + len(form)
        yield start, end
        start = text.find(form, end)


def _runs(text: str, forms: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Each whole base64 text that has one of these parts in it."""
    for run in _BASE64_RUN.finditer(text):
        if any(form in run.group() for form in forms):
            yield run.span()


def _forms(secrets: Iterable[str]) -> _Forms:
    exact: set[str] = set()
    lowered: set[str] = set()
    runs: set[str] = set()
    whole: set[str] = set()
    for secret in secrets:
        data = secret.encode("utf-8", "surrogatepass")
        if len(secret) < MIN_PART:
            whole.update((secret, *_escaped(secret), *_encoded(data)))
            continue
        exact.add(secret)
        lowered.update(form.translate(_LOWER) for form in (*_escaped(secret), *_percent(data)))
        lowered.add(data.hex())
        runs.update(_inner_base64(data))
    return _Forms(*map(frozenset, (exact, lowered, runs, whole)))


def _escaped(secret: str) -> Iterator[str]:
    """As JSON and Python write it between quotes, where that differs from the text itself."""
    for ascii_only in (True, False):
        written = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        yield written
        yield written.replace("/", "\\/")
    yield repr(secret)[1:-1]
    yield ascii(secret)[1:-1]
    yield repr(secret.encode("utf-8", "surrogatepass"))[2:-1]


def _percent(data: bytes) -> Iterator[str]:
    yield quote(data, safe="")
    yield quote(data)
    yield quote_plus(data)
    yield "".join(f"%{byte:02x}" for byte in data)


def _encoded(data: bytes) -> Iterator[str]:
    """The encodings of a value by itself."""
    yield from _percent(data)
    yield data.hex()
    yield data.hex().upper()
    standard = base64.b64encode(data).decode()
    for written in (standard, standard.translate(_URLSAFE)):
        yield written
        yield written.rstrip("=")


def _inner_base64(data: bytes) -> Iterator[str]:
    """The characters that only the value decides, at each of the three offsets it may have."""
    for offset in range(3):
        first = -(-offset * 8 // 6)
        last = (offset + len(data)) * 8 // 6
        inner = base64.b64encode(bytes(offset) + data).decode()[first:last]
        yield inner
        yield inner.translate(_URLSAFE)
