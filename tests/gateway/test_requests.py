"""Reading a request: raw path, configured authority, bounded body."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from starlette.requests import Request

from gateway import requests
from gateway.errors import Refused
from gateway.requests import read_request
from gateway.types import RawRequest
from signing.errors import SignatureInvalid
from tests.gateway.asgi import receiver, scope_of
from tests.signing.http_requests import as_received

URL = "https://elsewhere.example/v1/jobs%2Fx?a=%20b"
SENT = as_received("POST", URL, {"host": "elsewhere.example", "x-a": "1"}, b"")


def read(
    *chunks: bytes, max_bytes: int = 10, disconnects: bool = False, **scope: Any
) -> RawRequest:
    request = Request(
        {**scope_of(SENT, "192.0.2.7"), **scope}, receiver(chunks, disconnects=disconnects)
    )
    return asyncio.run(
        read_request(request, authority="gateway.example", clock=lambda: 17, max_bytes=max_bytes)
    )


def refusal(*chunks: bytes, **options: Any) -> str:
    with pytest.raises((Refused, SignatureInvalid)) as refused:
        read(*chunks, **options)
    assert "hunter2" not in refused.value.message
    return refused.value.code


def test_a_request_is_taken_raw_and_under_the_configured_authority() -> None:
    raw = read(b"ab", b"", b"cd")
    assert raw.http.method == "POST"
    assert raw.http.authority == "gateway.example"
    assert (raw.http.path, raw.http.query) == ("/v1/jobs%2Fx", "a=%20b")
    assert raw.http.fields == {"host": "elsewhere.example", "x-a": "1"}
    assert raw.http.body == b"abcd"
    assert (raw.client, raw.received_at) == ("192.0.2.7", 17)


def test_a_peer_without_address_has_none() -> None:
    assert read(client=None).client == ""


def test_a_body_up_to_the_limit_is_read() -> None:
    assert read(b"12345", b"67890").http.body == b"1234567890"
    assert read(b"12345", headers=[(b"content-length", b"5")]).http.body == b"12345"


def test_a_body_over_the_limit_is_refused_however_it_is_announced() -> None:
    assert refusal(b"12345", b"678901") == "too_large"
    assert refusal(b"12345", b"678901", headers=[(b"content-length", b"5")]) == "too_large"
    assert refusal(b"12345", b"678901", headers=[(b"content-length", b"hunter2")]) == "too_large"


def test_a_body_announced_over_the_limit_is_refused_unread() -> None:
    assert refusal(headers=[(b"content-length", b"11")]) == "too_large"


def test_what_is_not_ascii_is_malformed() -> None:
    assert refusal(raw_path="/hunter2/ü".encode()) == "malformed_request"
    assert refusal(query_string=b"hunter2=\xff") == "malformed_request"
    assert refusal(headers=[(b"x-hunter2", b"\xff")]) == "malformed_request"


def test_a_body_that_breaks_off_is_malformed() -> None:
    assert refusal(b"12", disconnects=True) == "malformed_request"


def trickled(pauses: list[Callable[[], None]]) -> Request:
    """A request whose body comes one byte at a time, with something that happens before each."""
    chunks = receiver([b"x"] * len(pauses))
    waiting = iter(pauses)

    async def receive() -> Any:
        next(waiting, lambda: None)()
        await asyncio.sleep(0)
        return await chunks()

    return Request(scope_of(SENT), receive)


def test_a_request_is_received_when_its_body_has_ended() -> None:
    now = [1_000]

    def pass_by() -> None:
        now[0] += 100

    raw = asyncio.run(
        read_request(
            trickled([pass_by] * 4), authority="a.example", clock=lambda: now[0], max_bytes=10
        )
    )
    assert (raw.http.body, raw.received_at) == (b"xxxx", 1_400)


def test_a_body_that_does_not_end_in_time_is_malformed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "BODY_DEADLINE_S", 0.05)
    sends = 0

    async def receive() -> Any:
        nonlocal sends
        sends += 1
        if sends > 1:  # the deadline may come during any pause
            await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b"", "more_body": True}

    async def run() -> None:
        request = Request(scope_of(SENT), receive)
        await asyncio.wait_for(
            read_request(request, authority="a.example", clock=lambda: 17, max_bytes=10), 5
        )

    with pytest.raises(Refused) as refused:
        asyncio.run(run())
    assert (refused.value.code, refused.value.message) == (
        "malformed_request",
        "the body did not arrive in time",
    )
    assert sends > 1
