"""Jobs submitted over TLS, and what was promised when: each 202, and each final state told."""

import asyncio
import json
import secrets
import ssl
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from bench.load import Target

FINAL: Final = frozenset({"succeeded", "failed", "expired", "cancelled"})
_PATH: Final = "/v1/jobs"


@dataclass(frozen=True, slots=True)
class Promise:
    """A job that was answered with 202.

    Attributes:
        at: when the whole answer had been read, seconds since the epoch.
        request: the recorded request, to be sent again as it is.
    """

    at: float
    job: str
    nonce: str
    idempotency_key: str | None
    body: bytes
    request: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Told:
    """A final state that a producer was told."""

    at: float
    job: str
    state: str


@dataclass(slots=True)
class Journal:
    """All that was promised, in the order of the answers."""

    promises: list[Promise] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    refused: int = 0


class Connection:
    """One TLS connection, kept alive; one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, target: Target) -> "Connection":
        """Connect."""
        context = ssl.create_default_context(cafile=str(target.ca))
        return cls(*await asyncio.open_connection(target.host, target.port, ssl=context))

    async def ask(self, request: bytes) -> tuple[int, Any]:
        """Send a request; give the status and the JSON of the answer."""
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = head.split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0]
        body = await self._reader.readexactly(int(length))
        return int(head[9:12]), json.loads(body)

    async def close(self) -> None:
        """Close it."""
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()


def signed(
    target: Target, method: str, path: str, body: bytes, nonce: str, key: str | None = None
) -> bytes:
    """One signed request as bytes for the wire."""
    authority = f"{target.host}:{target.port}"
    fields: dict[str, str] = {"content-type": "application/json"} if body else {}
    if key is not None:
        fields = {**fields, "idempotency-key": key}
    fields = target.signer.sign(
        method=method,
        url=f"https://{authority}{path}",
        headers=fields,
        body=body,
        created=int(time.time()),
        nonce=nonce,
    )
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    head = f"{method} {path} HTTP/1.1\r\nhost: {authority}\r\n{lines}"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def job_body(number: int, random: Random) -> dict[str, Any]:
    """A job: most are small and for now, some have a secret, some are due a little later."""
    if number % 10 == 0:
        args = {"invoice": f"A-{number}", "amount": number + 1, "currency": "CHF"}
        return {"task": "payments.capture", "args": args | {"card_token": secrets.token_hex(8)}}
    note = "".join(random.choices("abcdefghijklmnop", k=random.randint(0, 1500)))
    body = {"task": "demo.echo", "args": {"value": {"number": number, "note": note}}}
    return body | {"delay": 1} if number % 7 == 0 else body


async def submit_until(
    target: Target, journal: Journal, *, connections: int, jobs: int, seconds: float, seed: int
) -> None:
    """Submit over several connections until so many are accepted or the time is over."""
    deadline = time.monotonic() + seconds
    random, numbers = Random(seed), iter(range(10**9))
    asked: deque[str] = deque()

    async def submit() -> None:
        connection = await Connection.open(target)
        while time.monotonic() < deadline and len(journal.promises) < jobs:
            number = next(numbers)
            body = json.dumps(job_body(number, random)).encode()
            nonce = secrets.token_hex(12)
            key = f"power-{seed}-{number}" if number % 3 == 0 else None
            request = signed(target, "POST", _PATH, body, nonce, key)
            status, answer = await connection.ask(request)
            if status == 202:
                at = time.time()
                journal.promises.append(Promise(at, answer["id"], nonce, key, body, request))
                asked.append(answer["id"])
            else:
                journal.refused += 1
        await connection.close()

    async def ask() -> None:
        connection = await Connection.open(target)
        while not done.is_set():
            if not asked:
                await asyncio.sleep(0.01)
                continue
            job = asked.popleft()
            path = f"{_PATH}/{job}"
            status, answer = await connection.ask(
                signed(target, "GET", path, b"", secrets.token_hex(12))
            )
            if status == 200 and answer["status"] in FINAL:
                journal.told.append(Told(time.time(), job, answer["status"]))
            elif len(asked) < 200:
                asked.append(job)
        await connection.close()

    done = asyncio.Event()
    asking = asyncio.create_task(ask())
    await asyncio.gather(*(submit() for _ in range(connections)))
    done.set()
    await asking
