"""A Redis of a measurement's own, with everybody who uses it; and its own idea of time spent."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from redis.exceptions import RedisError

from backends.redis_clients import SyncRedis, connect
from backends.settings import RedisSettings, environment_of, redis_settings
from deploy.local.paths import StackPaths, StackPorts
from deploy.local.servers import LocalServers
from gateway.dispatcher.ledger import RedisDispatcherLedger
from gateway.dispatcher.redis_broker import RedisBroker
from signing.ledger.keys import published
from workers.ledger import WorkerLedger

QUEUE: Final = "fast"
#: The list in which hints of the lowest priority lie (kombu/transport/redis.py, `_q_for_pri`).
HINTS: Final = f"{QUEUE}\x06\x169"
QUEUES: Final = ("fast", "slow")
START_S: Final = 30.0
LEASE_MS: Final = 60_000


class Place:
    """One Redis over TLS, as the local stack starts it, and each role's adapters on it."""

    def __init__(self, name: str, state: Path) -> None:
        self.name = name
        self.paths = StackPaths(state)
        self.servers = LocalServers(self.paths, StackPorts.free(), QUEUES)
        self.servers.prepare()
        self.redis = self.servers.start_redis()
        self.superuser: Any = connect(self.settings("superuser"))
        self.redis.wait_until(self._serves, START_S)
        self.gateway = connect(self.settings("gateway"))
        listener = connect(self.settings("dispatcher"))
        self.dispatcher = RedisDispatcherLedger(connect(self.settings("dispatcher")), listener)
        self.broker = RedisBroker(self.settings("dispatcher", "COUNTERSIGN_BROKER_URL"))
        self._worker = connect(self.settings("worker"))
        self.worker = WorkerLedger(self._worker, "bench", LEASE_MS)
        self.short_worker = WorkerLedger(self._worker, "bench", 1)

    def settings(self, role: str, name: str = "COUNTERSIGN_REDIS_LEDGER_URL") -> RedisSettings:
        """Where this Redis is, for a role."""
        return redis_settings(environment_of(self.servers.environment(role)), name)

    def queue(self) -> SyncRedis:
        """The broker's database as the superuser."""
        return connect(self.settings("superuser", "COUNTERSIGN_BROKER_URL"))

    def now_ms(self) -> int:
        """Redis's time."""
        seconds, micros = self.superuser.time()
        return int(seconds) * 1000 + int(micros) // 1000

    def waiting(self) -> int:
        """Jobs whose hint is published and not claimed."""
        return int(self.superuser.zcard(published(QUEUE)))

    def longest_waiting(self, count: int) -> list[str]:
        """So many of the jobs whose hints are published, those first that were published first."""
        found = self.superuser.zrange(published(QUEUE), 0, count - 1)
        return [job.decode("ascii") for job in found]

    def spent_us(self) -> float:
        """The processor's time that Redis's one thread of commands has taken so far."""
        found = self.superuser.info("cpu")
        seconds = found["used_cpu_user_main_thread"] + found["used_cpu_sys_main_thread"]
        return float(seconds) * 1_000_000

    def relax(self, *, relaxed: bool) -> None:
        """Do not sync, or rewrite the append-only file, while the place is filled."""
        self.superuser.config_set("appendfsync", "no" if relaxed else "always")
        self.superuser.config_set("auto-aof-rewrite-percentage", "0")

    def close(self) -> None:
        """Stop the server and close every connection."""
        self.broker.close()
        self.dispatcher.close()
        for client in (self.superuser, self.gateway, self._worker):
            client.close()
        self.servers.stop()

    def _serves(self) -> bool:
        try:
            return bool(self.superuser.ping())
        except (RedisError, OSError):
            return False


@dataclass(frozen=True, slots=True)
class Spent:
    """What one operation took for each job: by the wall, and of Redis's processor."""

    wall_us: float
    redis_us: float
