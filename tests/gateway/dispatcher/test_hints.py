"""Hints on the wire: what a worker reads of them is the seal, and nothing is told beside it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kombu.transport.virtual import Channel

from gateway.dispatcher.hints import CONTENT_ENCODING, CONTENT_TYPE, wire_message
from signing.ledger.record import Hint
from tests.ledger.jobs import seal_of
from workers.wire import sealed_body

SEAL = seal_of(600)


def as_kombu_writes(hint: Hint, encoding: str | None = None) -> bytes:
    """The message as kombu's virtual transport puts it into Redis, its body as text."""
    message = wire_message(hint)
    body, headers = message.body, message.headers
    written = Channel.prepare_message(
        None,
        body,
        priority=message.priority,
        content_type=CONTENT_TYPE,
        content_encoding=CONTENT_ENCODING,
        headers=headers,
        properties={"correlation_id": message.correlation_id, "body_encoding": encoding},
    )
    return json.dumps(written).encode()


def test_a_worker_reads_the_sealed_bytes_out_of_it() -> None:
    hint = Hint("id-1", "fast", "sample.task", 0, SEAL)
    assert sealed_body(as_kombu_writes(hint)) == SEAL


@given(text=st.text(st.characters(codec="utf-8"), max_size=200))
def test_any_text_comes_back_as_the_same_bytes(text: str) -> None:
    hint = Hint("id-1", "fast", "sample.task", 0, text.encode())
    assert sealed_body(as_kombu_writes(hint)) == text.encode()


@pytest.mark.parametrize(("priority", "on_the_wire"), [(0, 9), (4, 5), (9, 0)])
def test_the_most_urgent_is_zero_for_kombu(priority: int, on_the_wire: int) -> None:
    assert wire_message(Hint("i", "q", "t", priority, b"{}")).priority == on_the_wire


def test_headers_name_the_task_and_tell_nothing_else() -> None:
    message = wire_message(Hint("id-1", "fast", "sample.task", 3, SEAL))
    assert message.queue == "fast"
    assert message.correlation_id == "id-1"
    headers = dict(message.headers)
    assert (headers.pop("task"), headers.pop("id"), headers.pop("root_id")) == (
        "sample.task",
        "id-1",
        "id-1",
    )
    assert headers.pop("lang") == "py"
    assert not any(headers.values())
