"""The ledger as a worker uses it, on a real Redis: who refuses, and what is kept."""

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from backends.errors import LedgerUnavailable
from backends.redis_clients import connect
from backends.settings import environment_of, redis_settings
from tests.servers.servers import Servers
from tests.workers.builders import job_id, verified
from workers.ledger import QUARANTINED_BYTES, Quarantined, Settlement, WorkerLedger
from workers.quarantine import quarantined
from workers.types import Delivered


@pytest.fixture
def client(clean_servers: Servers) -> Iterator[Any]:
    env = environment_of(clean_servers.environment("worker"))
    made = connect(redis_settings(env, "COUNTERSIGN_REDIS_LEDGER_URL"), timeout=2)
    yield made
    made.close()


@pytest.fixture
def ledger(client: Any) -> WorkerLedger:
    return WorkerLedger(client, "worker-1", 30_000)


def settlement(number: int, attempt: int = 1) -> Settlement:
    return Settlement(job_id(number), attempt, "succeeded", b"sealed", "", 0)


def test_jobs_that_the_ledger_does_not_know(ledger: WorkerLedger) -> None:
    assert [item.status for item in ledger.claim([(job_id(1), "a"), (job_id(2), "b")])] == [
        "unknown"
    ] * 2
    assert ledger.renew([(job_id(1), 1), (job_id(2), 7)]) == [False, False]
    assert ledger.settle([settlement(1)]) == [None]


def test_paths_that_were_purged_are_off_the_list(
    ledger: WorkerLedger, clean_servers: Servers
) -> None:
    superuser: Any = clean_servers.redis("superuser")
    superuser.zadd("cs:purge", {"jobs/a": 1, "jobs/b": 2, "jobs/c": 3})
    ledger.purged(["jobs/a", "jobs/c"])
    assert superuser.zrange("cs:purge", 0, -1) == [b"jobs/b"]


def test_the_quarantine_keeps_what_fits(ledger: WorkerLedger, clean_servers: Servers) -> None:
    large = b"x" * (QUARANTINED_BYTES + 1)
    ledger.quarantine(
        [
            quarantined(Delivered("fast", large), "message_too_large"),
            quarantined(verified(1), "replayed"),
        ]
    )
    entries: Any = clean_servers.redis("security").xrange("cs:quarantine")
    first, second = (fields for _, fields in entries)
    assert first == {
        b"queue": b"fast",
        b"reason": b"message_too_large",
        b"digest": hashlib.sha256(large).hexdigest().encode(),
        b"size": str(len(large)).encode(),
        b"worker": b"worker-1",
        b"raw": large[:QUARANTINED_BYTES],
    }
    assert (second[b"raw"], second[b"reason"]) == (b"raw 1", b"replayed")


def test_what_waits_for_the_quarantine_is_no_larger_than_what_is_kept() -> None:
    item = quarantined(Delivered("fast", b"x" * 1_000_000), "message_too_large")
    assert len(item.raw) == QUARANTINED_BYTES
    assert item.size == 1_000_000
    assert "xxx" not in repr(item)


def test_a_redis_that_is_away_is_said_in_one_way(
    ledger: WorkerLedger, clean_servers: Servers
) -> None:
    ledger.claim([(job_id(1), "a")])
    clean_servers.local.stop_redis(kill=True)
    item = Quarantined("fast", "replayed", "digest", 1, b"x")
    for call in (
        lambda: ledger.claim([(job_id(1), "a")]),
        lambda: ledger.renew([(job_id(1), 1)]),
        lambda: ledger.settle([settlement(1)]),
        lambda: ledger.purged(["jobs/a"]),
        lambda: ledger.quarantine([item]),
    ):
        with pytest.raises(LedgerUnavailable):
            call()
    clean_servers.local.start_redis()
    assert ledger.claim([(job_id(1), "a")])[0].status == "unknown"
