"""The campaign's operator: lets held jobs run again, as `countersign jobs release` does."""

import threading
from collections.abc import Callable
from typing import Any, Final

import redis
from redis.exceptions import RedisError

from backends.errors import LedgerUnavailable
from backends.redis_clients import Call, run_scripts
from signing.ledger import keys
from signing.ledger.lua import OPERATE
from signing.ledger.record import RETENTION_MS

EVERY_S: Final = 1.0


def release_held(
    ledger: redis.Redis,
    *,
    stop: threading.Event,
    released: Callable[[str], None] = lambda _: None,
) -> None:
    """Release held jobs every second until `stop` is set, whatever Redis does meanwhile.

    `released` is told the id of each job that was held.
    """
    while not stop.wait(EVERY_S):
        try:
            for job in _held(ledger):
                if _released(ledger, job):
                    released(job)
        except (RedisError, OSError, LedgerUnavailable):
            continue  # it is away, and the jobs are held a second longer


def _held(ledger: Any) -> list[str]:
    return [job.decode("ascii") for job in ledger.zrange(keys.HELD, 0, -1)]


def _released(ledger: redis.Redis, job: str) -> bool:
    (before,) = run_scripts(ledger, [Call(OPERATE, (), (job, "release", RETENTION_MS))])
    return bool(before == b"held")
