"""What comes of a broker that delivers twice, and of a worker that stands still for too long."""

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import redis
from redis.exceptions import RedisError

from backends.redis_clients import Call, run_scripts
from bench.faults.keeper import NotThere
from bench.faults.plan import QUEUES
from bench.faults.system import System
from signing.ledger import keys
from signing.ledger.lua import CLAIM
from signing.ledger.record import RETENTION_MS, claim_from

LOOK_EVERY_S: Final = 0.05
PATIENCE_S: Final = 15.0
#: The rival holds what it claimed for so long, and never settles it.
LEASE_MS: Final = 5000
#: So long a worker that goes on has to settle what it ran.
SETTLES_S: Final = 2.0


def double_hints(broker: redis.Redis, stop: threading.Event) -> None:
    """Put each hint that is seen in a queue there a second time, until `stop` is set."""
    client: Any = broker
    seen: set[bytes] = set()
    while not stop.wait(LOOK_EVERY_S):
        with suppress(RedisError, OSError):
            for key in (key for queue in QUEUES for key in client.scan_iter(f"{queue}*")):
                new = [hint for hint in client.lrange(key, 0, -1) if hint not in seen]
                seen.update(new)
                if new:
                    client.lpush(key, *new)


def outrun(system: System, ledger: redis.Redis) -> None:
    """Stop a worker that runs jobs, claim them once its leases have ended, and let it go on.

    What it then says of them is stale: another attempt holds them.
    """
    client: Any = ledger
    with suppress(NotThere):
        pid = system.keepers["worker"].wait()
        _wait(lambda: bool(_running(client)))
        os.kill(pid, signal.SIGSTOP)
        lost = _running(client)
        try:
            _wait(lambda: sum(_claimed(ledger, job) for job in lost) > 0)
        finally:
            os.kill(pid, signal.SIGCONT)
        threading.Event().wait(SETTLES_S)


def _running(client: Any) -> set[str]:
    return {job.decode("ascii") for job in client.zrange(keys.RUNNING, 0, -1)}


def _claimed(ledger: redis.Redis, job: str) -> bool:
    call = Call(CLAIM, (), (job, "rival", LEASE_MS, RETENTION_MS, f"rival-{job}"))
    client: Any = ledger
    if client.hget(keys.job(job), "state") != b"queued":
        return False
    return claim_from(run_scripts(ledger, [call])[0]).status == "claimed"


def _wait(holds: Callable[[], bool]) -> None:
    deadline, pause = time.monotonic() + PATIENCE_S, threading.Event()
    while not holds() and time.monotonic() < deadline:
        pause.wait(LOOK_EVERY_S)
