"""A Redis of these tests' own: no process of a running stack takes a job out of it."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import redis

from deploy.local.paths import StackPaths, StackPorts
from deploy.local.servers import LocalServers
from tests.servers.servers import QUEUES, Role, Servers


class QuietRedis(Servers):
    """Redis alone, with every role's certificate, user and settings."""

    def __init__(self, state: Path) -> None:
        self.paths = StackPaths(state)
        self.ports = StackPorts.free()
        self._clients = ExitStack()
        self._redis: dict[tuple[Role, int], redis.Redis] = {}
        self._vault: dict[Role, Any] = {}
        self.local = LocalServers(self.paths, self.ports, QUEUES)
        self.local.prepare()
        self.local.start_redis()

    def restore(self) -> None:
        """Start Redis again where a test stopped or killed it, and wait until it has loaded."""
        self.local.start_redis().wait_until(self._has_loaded, 30.0)

    def _has_loaded(self) -> bool:
        try:
            return bool(self.redis("superuser").ping())
        except redis.RedisError:
            return False
