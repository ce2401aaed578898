"""A load of signed requests over kept-alive TLS connections; signed before the clock starts."""

import asyncio
import json
import secrets
import ssl
import time
from collections import Counter, deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signing.http_signer import RequestSigner


@dataclass(frozen=True, slots=True)
class Target:
    """Where the gateway is, and as whom it is called."""

    host: str
    port: int
    ca: Path
    signer: RequestSigner


@dataclass(frozen=True, slots=True)
class LoadResult:
    """How many answers of each status, in how many seconds, and latencies in milliseconds."""

    statuses: Counter[int]
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def accepted_per_second(self) -> float:
        """202 answers a second."""
        return self.statuses[202] / self.seconds


def signed_requests(target: Target, task: str, args: dict[str, Any], count: int) -> list[bytes]:
    """Sign `count` submissions, each with its own nonce, as bytes for the wire."""
    authority = f"{target.host}:{target.port}"
    body = json.dumps({"task": task, "args": args}).encode()
    created = int(time.time())
    requests = []
    for _ in range(count):
        headers = target.signer.sign(
            method="POST",
            url=f"https://{authority}/v1/jobs",
            headers={"content-type": "application/json"},
            body=body,
            created=created,
            nonce=secrets.token_hex(12),
        )
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"POST /v1/jobs HTTP/1.1\r\nhost: {authority}\r\n{fields}"
        requests.append(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
    return requests


async def run_load(target: Target, requests: list[bytes], connections: int) -> LoadResult:
    """Send all requests, each connection one at a time."""
    context = ssl.create_default_context(cafile=str(target.ca))
    opened = await asyncio.gather(
        *(
            asyncio.open_connection(target.host, target.port, ssl=context)
            for _ in range(connections)
        )
    )
    waiting = deque(requests)
    statuses: Counter[int] = Counter()
    latencies: list[float] = []

    async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while waiting:
            asked = time.perf_counter()
            writer.write(waiting.popleft())
            statuses[await _read_answer(reader)] += 1
            latencies.append((time.perf_counter() - asked) * 1000)

    started = time.perf_counter()
    await asyncio.gather(*(send(reader, writer) for reader, writer in opened))
    seconds = time.perf_counter() - started
    for _, writer in opened:
        writer.close()
    # However the other side takes it.
    await asyncio.gather(*(writer.wait_closed() for _, writer in opened), return_exceptions=True)
    latencies.sort()
    return LoadResult(
        statuses,
        seconds,
        latencies[len(latencies) // 2],
        latencies[int(len(latencies) * 0.99)],
    )


async def _read_answer(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = head.split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0]
    await reader.readexactly(int(length))
    return int(head[9:12])
