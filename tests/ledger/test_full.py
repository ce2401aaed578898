"""A Redis at its `maxmemory`: nothing is accepted, and what is there goes on to its end."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from backends.errors import LedgerUnavailable
from tests.ledger.actors import Actors
from tests.ledger.jobs import QUEUE, acceptance
from tests.ledger.quiet import QuietRedis

pytestmark = pytest.mark.servers


@contextmanager
def full(ledger_redis: QuietRedis) -> Iterator[None]:
    """Its memory is used up; it evicts nothing."""
    superuser = ledger_redis.redis("superuser")
    superuser.config_set("maxmemory", 1)
    try:
        yield
    finally:
        superuser.config_set("maxmemory", 0)


@pytest.fixture
def actors(ledger_redis: QuietRedis) -> Actors:
    return Actors(ledger_redis)


def test_a_full_ledger_accepts_nothing_and_takes_no_nonce(
    actors: Actors, ledger_redis: QuietRedis
) -> None:
    job = acceptance(actors.now())
    with full(ledger_redis), pytest.raises(LedgerUnavailable):
        actors.accept(job)
    assert actors.accept(job).outcome == "accepted"


def test_what_is_in_a_full_ledger_goes_on_to_its_end(
    actors: Actors, ledger_redis: QuietRedis
) -> None:
    jobs = [acceptance(actors.now(), on_lost="hold") for _ in range(4)]
    assert {actors.accept(job).outcome for job in jobs} == {"accepted"}
    runs, lost, cancelled, comes_again = (job.job_id for job in jobs)
    with full(ledger_redis):
        assert len(actors.take_due()) == 4
        assert actors.claim(runs, lease_ms=60_000).status == "claimed"
        assert actors.claim(lost, lease_ms=1).status == "claimed"
        assert actors.renew([(runs, 1)], lease_ms=60_000) == [True]
        assert actors.cancel(cancelled, "acme") == "queued"
        assert actors.reap() == {lost: "held"}
        assert actors.operate(lost, "fail") == "held"
        assert actors.settle(runs, 1, "succeeded") == "succeeded"
        assert actors.republish(QUEUE, in_queue=0) == 1
        assert [hint.job_id for hint in actors.take_due()] == [comes_again]
        assert actors.expire() == []
        assert actors.forget() == 0
