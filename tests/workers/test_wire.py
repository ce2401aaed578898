"""Out of a message comes the body of our content type, or a refusal with a code."""

import base64
import json
from typing import Any

import pytest

from signing.errors import SealInvalid
from workers.types import Content, Delivered
from workers.wire import CONTENT_TYPE, MAX_MESSAGE_BYTES, envelope, sealed_body


def message(**changes: Any) -> bytes:
    document: dict[str, Any] = {
        "body": "{}",
        "content-type": CONTENT_TYPE,
        "content-encoding": "utf-8",
        "headers": {},
        "properties": {},
    }
    document |= {name.replace("_", "-"): value for name, value in changes.items()}
    return json.dumps({name: value for name, value in document.items() if value != ...}).encode()


def in_base64(body: bytes, **changes: Any) -> bytes:
    encoded = base64.b64encode(body).decode()
    return message(body=encoded, properties={"body_encoding": "base64"}, **changes)


@pytest.mark.parametrize("encoding", ["utf-8", "binary"])
def test_a_body_as_text_or_in_base64(encoding: str) -> None:
    assert sealed_body(message(body='{"ü": 1}', content_encoding=encoding)) == '{"ü": 1}'.encode()
    assert sealed_body(in_base64(b"\xff\x00", content_encoding=encoding)) == b"\xff\x00"


def test_what_is_not_needed_is_not_looked_at() -> None:
    assert sealed_body(message(headers=..., properties=...)) == b"{}"
    assert sealed_body(message(headers=1, properties=[1])) == b"{}"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b" " * (MAX_MESSAGE_BYTES + 1), "message_too_large"),
        (b"", "message_malformed"),
        (b"[]", "message_malformed"),
        (b"\xff", "message_malformed"),
        (message(content_type="application/json"), "content_type_refused"),
        (message(content_type=...), "content_type_refused"),
        (message(content_type=[CONTENT_TYPE]), "content_type_refused"),
        (message(content_encoding="gzip"), "content_type_refused"),
        (message(content_encoding=...), "content_type_refused"),
        (message(content_encoding=["utf-8"]), "content_type_refused"),
        (message(content_encoding={"utf-8": 1}), "content_type_refused"),
        (message(body=...), "message_malformed"),
        (message(body=None), "message_malformed"),
        (message(body={"payload": ""}), "message_malformed"),
        (message(properties={"body_encoding": "gzip"}), "message_malformed"),
        (message(properties={"body_encoding": ["base64"]}), "message_malformed"),
        (message(body="?", properties={"body_encoding": "base64"}), "message_malformed"),
        (message(body="ü", properties={"body_encoding": "base64"}), "message_malformed"),
    ],
)
def test_anything_else_is_refused(raw: bytes, code: str) -> None:
    with pytest.raises(SealInvalid) as raised:
        sealed_body(raw)
    assert raised.value.code == code


OURS = CONTENT_TYPE.encode()


def test_a_body_beside_which_its_content_type_stands() -> None:
    for encoding in (b"utf-8", b"binary"):
        assert envelope(Delivered("fast", b"\xff", Content(OURS, encoding))) == b"\xff"


@pytest.mark.parametrize(
    ("raw", "content", "code"),
    [
        (b"x" * (MAX_MESSAGE_BYTES + 1), Content(OURS, b"utf-8"), "message_too_large"),
        (b"{}", Content(b"", b""), "content_type_refused"),
        (b"{}", Content(b"application/json", b"utf-8"), "content_type_refused"),
        (b"{}", Content(OURS + b" ", b"utf-8"), "content_type_refused"),
        (b"{}", Content(OURS, b"gzip"), "content_type_refused"),
        (b"{}", Content(OURS, b""), "content_type_refused"),
    ],
)
def test_another_content_is_refused(raw: bytes, content: Content, code: str) -> None:
    with pytest.raises(SealInvalid) as caught:
        envelope(Delivered("fast", raw, content))
    assert caught.value.code == code


def test_without_a_content_type_beside_it_a_message_is_read_as_on_redis() -> None:
    assert envelope(Delivered("fast", message(body="{}"))) == b"{}"
