"""Asking an ASGI application without a server: one request, one answer."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Scope

from signing.http_fields import HttpRequest


@dataclass(frozen=True, slots=True)
class Answer:
    """What the application answered."""

    status: int
    headers: Mapping[str, str]
    data: bytes = field(repr=False)

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.data)


def scope_of(http: HttpRequest, client: str = "127.0.0.1") -> Scope:
    """The scope in which a server would present a request."""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": http.method,
        "scheme": "https",
        "path": http.path.replace("%2F", "/"),
        "raw_path": http.path.encode(),
        "query_string": http.query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in http.fields.items()],
        "client": (client, 40_000),
        "server": ("127.0.0.1", 8443),
    }


def receiver(chunks: Iterable[bytes], *, disconnects: bool = False) -> Callable[[], Any]:
    """A body in chunks; `disconnects` ends it before its last one is said to be the last."""
    messages: list[Message] = [
        {"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks
    ]
    if disconnects:
        messages.append({"type": "http.disconnect"})
    else:
        messages.append({"type": "http.request", "body": b"", "more_body": False})
    waiting = iter(messages)

    async def receive() -> Message:
        return next(waiting)

    return receive


async def ask(app: ASGIApp, http: HttpRequest, *, client: str = "127.0.0.1") -> Answer:
    """Send one request and give the answer."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope_of(http, client), receiver([http.body]), send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], headers, b"".join(item["body"] for item in sent[1:]))
