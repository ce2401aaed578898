"""Malformed messages: what stopped stock Celery workers, and what else a parser stumbles over."""

from collections.abc import Callable
from typing import Any

from tests.attacks.target import Genuine, b64, dump

Message = dict[str, Any]
MALFORMED = "message_malformed"
CONTENT = "content_type_refused"
SEAL = "seal_malformed"


def without(message: Message, name: str) -> Message:
    return {key: value for key, value in message.items() if key != name}


def body(message: Message, value: Any) -> bytes:
    return dump(message | {"body": value})


def claims_text(genuine: Genuine, text: bytes) -> bytes:
    """The genuine signature over a payload that is not JSON as it should be."""
    return genuine.with_envelope(genuine.envelope | {"payload": b64(text)})


#: name, how it is made of a genuine message, the reason for which it is refused.
SHAPES: list[tuple[str, Callable[[Genuine], bytes], str]] = [
    ("empty", lambda g: b"", MALFORMED),
    ("a blank", lambda g: b" ", MALFORMED),
    ("not JSON", lambda g: b"not json", MALFORMED),
    ("truncated", lambda g: g.raw[:-1], MALFORMED),
    ("twice", lambda g: g.raw + g.raw, MALFORMED),
    ("number", lambda g: b"1", MALFORMED),
    ("text", lambda g: b'"text"', MALFORMED),
    ("null", lambda g: b"null", MALFORMED),
    ("true", lambda g: b"true", MALFORMED),
    ("list", lambda g: b"[]", MALFORMED),
    ("empty object", lambda g: b"{}", CONTENT),
    ("NUL", lambda g: b"\0" * 64, MALFORMED),
    ("not UTF-8", lambda g: b'{"body": "\xff\xfe"}', MALFORMED),
    ("UTF-16", lambda g: g.raw.decode().encode("utf-16"), MALFORMED),
    ("UTF-32", lambda g: g.raw.decode().encode("utf-32"), MALFORMED),
    ("byte order mark", lambda g: b"\xef\xbb\xbf" + g.raw, MALFORMED),
    ("overlong UTF-8", lambda g: b'{"body": "\xc0\xaf"}', MALFORMED),
    ("surrogate in UTF-8", lambda g: b'{"body": "\xed\xa0\x80"}', MALFORMED),
    ("lone surrogate", lambda g: b'{"body": "\\ud800"}', MALFORMED),
    ("control character", lambda g: b'{"body": "\x01"}', MALFORMED),
    ("duplicate keys", lambda g: b'{"body": 1, ' + g.raw[1:], MALFORMED),
    ("NaN", lambda g: b'{"x": NaN}', MALFORMED),
    ("Infinity", lambda g: b'{"x": -Infinity}', MALFORMED),
    ("1e999", lambda g: b'{"x": 1e999}', MALFORMED),
    ("huge number", lambda g: b'{"x": ' + b"9" * 100_000 + b"}", MALFORMED),
    ("huge fraction", lambda g: b'{"x": 0.' + b"1" * 100_000 + b"}", MALFORMED),
    ("deep lists", lambda g: b"[" * 100_000, MALFORMED),
    ("deep objects", lambda g: b'{"a":' * 100_000, MALFORMED),
    ("deep and closed", lambda g: b'{"x":' + b"[" * 5000 + b"]" * 5000 + b"}", MALFORMED),
    ("comment", lambda g: b"/**/" + g.raw, MALFORMED),
    ("single quotes", lambda g: g.raw.replace(b'"', b"'"), MALFORMED),
    ("long text", lambda g: b'"' + b"a" * 400_000, MALFORMED),
    ("escapes", lambda g: b'"' + b"\\u0041" * 60_000, MALFORMED),
    ("no properties", lambda g: dump(without(g.message, "properties")), "replayed"),
    ("no headers", lambda g: dump(without(g.message, "headers")), "replayed"),
    ("no body", lambda g: dump(without(g.message, "body")), MALFORMED),
    ("no content type", lambda g: dump(without(g.message, "content-type")), CONTENT),
    ("no content encoding", lambda g: dump(without(g.message, "content-encoding")), CONTENT),
    ("properties null", lambda g: dump(g.message | {"properties": None}), "replayed"),
    ("properties list", lambda g: dump(g.message | {"properties": [1]}), "replayed"),
    ("headers null", lambda g: dump(g.message | {"headers": None}), "replayed"),
    ("headers text", lambda g: dump(g.message | {"headers": "x"}), "replayed"),
    (
        "delivery tag a list",
        lambda g: dump(g.message | {"properties": {"delivery_tag": [1]}}),
        "replayed",
    ),
    (
        "delivery info null",
        lambda g: dump(g.message | {"properties": {"delivery_info": None}}),
        "replayed",
    ),
    ("body null", lambda g: body(g.message, None), MALFORMED),
    ("body number", lambda g: body(g.message, 1), MALFORMED),
    ("body list", lambda g: body(g.message, [[], {}, {}]), MALFORMED),
    ("body object", lambda g: body(g.message, g.envelope), MALFORMED),
    ("body empty", lambda g: body(g.message, ""), SEAL),
    ("body not JSON", lambda g: body(g.message, "x"), SEAL),
    ("body a surrogate pair", lambda g: body(g.message, "\U0001f600"), SEAL),
    ("body deep", lambda g: body(g.message, "[" * 100_000), SEAL),
    ("type hook in message", lambda g: dump({"__type__": "datetime", "__value__": "x"}), CONTENT),
    (
        "type hook as body",
        lambda g: body(g.message, {"__type__": "uuid", "__value__": "x"}),
        MALFORMED,
    ),
    ("type hook in body", lambda g: body(g.message, '{"__type__":"uuid","__value__":1}'), SEAL),
    (
        "type hook in payload",
        lambda g: claims_text(g, b'{"__type__":"uuid"}'),
        "seal_signature_invalid",
    ),
    ("envelope with more", lambda g: g.with_envelope(g.envelope | {"x": 1}), SEAL),
    ("envelope with less", lambda g: g.with_envelope(without(g.envelope, "payload")), SEAL),
    ("payload null", lambda g: g.with_envelope(g.envelope | {"payload": None}), SEAL),
    ("payload not base64", lambda g: g.with_envelope(g.envelope | {"payload": "?"}), SEAL),
    ("payload URL-safe", lambda g: g.with_envelope(g.envelope | {"payload": "_-__"}), SEAL),
    ("payload type a list", lambda g: g.with_envelope(g.envelope | {"payloadType": []}), SEAL),
    ("payload empty", lambda g: claims_text(g, b""), "seal_signature_invalid"),
    ("signature a list", lambda g: g.with_envelope(g.envelope | {"signatures": [[]]}), SEAL),
    ("nested in itself", lambda g: body(g.message, g.raw.decode()), SEAL),
    ("a million brackets in text", lambda g: dump({"x": "[" * 1_000_000}), CONTENT),
    ("many keys", lambda g: dump({str(i): i for i in range(50_000)}), CONTENT),
    ("Celery 3 message", lambda g: body(g.message, '{"task": "test.mark", "id": "1"}'), SEAL),
]
