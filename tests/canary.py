"""The canary scan: no secret may stand anywhere but in Vault, in whatever form it is written.

`deploy.demo.search` looks for the forms; here everything that a stack writes is brought to it, with
what is wrapped in base64 or compressed unwrapped first, several times over.
"""

import re
import zlib
from base64 import b64decode
from binascii import Error
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final

from deploy.demo.facts import Scan
from deploy.demo.search import search
from deploy.demo.sources import Source, files, processes, redis_diagnostics, redis_keys
from tests.servers.stack import Stack

_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_-]{24,}={0,2}")
_ZLIB: Final = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")
_URLSAFE: Final = bytes.maketrans(b"-_", b"+/")
_MOST: Final = 4 * 1024 * 1024
_LAYERS: Final = 3


def scan(stack: Stack, secrets: Sequence[str]) -> Scan:
    """Look for secrets in all that a stack has written and in its processes."""
    return search(secrets, unwrapped(sources(stack)))


def sources(stack: Stack) -> Iterator[Source]:
    """Redis with its files, its slow log and its ACL log; RabbitMQ's files; logs; our /proc."""
    servers = stack.servers
    client: Any
    for database in (0, 1):
        client = servers.redis("superuser", database)
        yield from redis_keys(f"redis-{database}", client)
    yield from redis_diagnostics(client)
    yield from files(servers.paths.redis)
    yield from files(servers.paths.rabbit)
    yield from files(servers.paths.logs)
    yield from files(stack.logs)
    running = [
        *stack.processes.values(),
        servers.local.redis,
        servers.local.vault,
        servers.local.rabbit,
    ]
    for child in running:
        if child is not None:
            yield from processes(child.pid)


def unwrapped(given: Iterable[Source]) -> Iterator[Source]:
    """The sources, and under the same names what is encoded or compressed in them."""
    for name, data in given:
        layer = [data]
        for _ in range(_LAYERS + 1):
            yield from ((name, piece) for piece in layer)
            layer = [inner for piece in layer for inner in _inside(piece)]


def _inside(data: bytes) -> Iterator[bytes]:
    for found in _BASE64.finditer(data):
        text = found[0].rstrip(b"=").translate(_URLSAFE)
        with suppress(Error):
            yield b64decode(text[: len(text) // 4 * 4 + (len(text) % 4 > 1) * 4] + b"==")
    for found in _ZLIB.finditer(data):
        # Two bytes may happen to look like a beginning.
        with suppress(zlib.error):
            yield zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(data[found.start() :], _MOST)
