"""The canary scan: no secret may stand anywhere but in Vault, in whatever form it is written.

`deploy.demo.search` looks for the forms; here everything that a stack writes is brought to it.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from deploy.demo.facts import Scan
from deploy.demo.search import search
from deploy.demo.sources import Source, files, processes, redis_diagnostics, redis_keys
from tests.servers.stack import Stack


def scan(stack: Stack, secrets: Sequence[str]) -> Scan:
    """Look for secrets in all that a stack has written and in its processes."""
    return search(secrets, sources(stack))


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
