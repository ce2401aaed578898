"""A million jobs by the real scripts, many to a round trip, from several processes at once."""

import secrets
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, Final

from backends.redis_clients import Call, connect, run_scripts
from backends.settings import environment_of, redis_settings
from bench.scale.place import HINTS, QUEUE, Place
from signing.ids import uuid7
from signing.ledger.lua import ACCEPT
from signing.ledger.record import Acceptance, Limits

PROCESSES: Final = 2
PIPELINE: Final = 500
_TAKEN: Final = 2000
DAY_MS: Final = 86_400_000
MONTH_MS: Final = 30 * DAY_MS
_SEAL: Final = b'{"payload":"' + b"QUJD" * 60 + b'","payloadType":"t","signatures":[]}'


def acceptances(now: int, count: int, *, in_ms: int = 0, lasts_ms: int = 60 * DAY_MS) -> list[Any]:
    """Calls of `accept` for so many jobs with small seals."""
    return [
        Call(ACCEPT, item.script_keys(), item.script_args())
        for item in (_acceptance(now, in_ms, lasts_ms) for _ in range(count))
    ]


def ids_of(calls: list[Any]) -> list[str]:
    """The jobs' ids."""
    return [str(call.args[0]) for call in calls]


def fill(place: Place, count: int, *, in_ms: int = 0) -> None:
    """Accept so many jobs."""
    environment = place.servers.environment("gateway")
    shares = [count // PROCESSES + (n < count % PROCESSES) for n in range(PROCESSES)]
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        now = place.now_ms()
        waiting = [pool.submit(_fill, environment, now, share, in_ms) for share in shares]
        for each in waiting:
            each.result()


def publish_all(place: Place) -> None:
    """Mark all that is due as published, and put a stand-in for each hint into the queue."""
    while taken := len(place.dispatcher.take_due(_TAKEN)):
        push_stand_ins(place, taken)


def push_stand_ins(place: Place, count: int) -> None:
    """Put so many into the queue: a list costs the same, whatever its entries say."""
    with place.queue() as queue:
        queue.lpush(HINTS, *[b"{}"] * count)


def _fill(environment: Mapping[str, str], now: int, count: int, in_ms: int) -> None:
    settings = redis_settings(environment_of(environment), "COUNTERSIGN_REDIS_LEDGER_URL")
    client = connect(settings, timeout=30)
    for start in range(0, count, PIPELINE):
        run_scripts(client, acceptances(now, min(PIPELINE, count - start), in_ms=in_ms))
    client.close()


def _acceptance(now: int, in_ms: int, lasts_ms: int) -> Acceptance:
    return Acceptance(
        job_id=uuid7(now, secrets.token_bytes(10)),
        seal=_SEAL,
        seal_digest="sha-256:" + "5" * 64,
        producer="acme",
        task="demo.noop",
        queue=QUEUE,
        priority=0,
        max_attempts=3,
        on_lost="rerun",
        has_secret=False,
        issued_at=time.time_ns() // 1_000_000,  # the filling takes longer than clocks may differ
        not_before=now + in_ms,
        expires_at=now + lasts_ms,
        keyid="acme-1",
        nonce=secrets.token_hex(12),
        idempotency_key=None,
        body_digest="sha-256:b",
        limits=Limits(),
    )
