"""Truly concurrent use of the ledger: of those that want the same thing, exactly one gets it."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from threading import Barrier
from typing import TypeVar

import pytest

from backends.errors import LedgerUnavailable
from tests.ledger.actors import Actors, pass_by
from tests.ledger.jobs import QUEUE, acceptance, job_id
from tests.ledger.quiet import QuietRedis
from tests.ledger.snapshot import broken_rules

pytestmark = pytest.mark.servers

T = TypeVar("T")

THREADS = 8


@pytest.fixture
def actors(ledger_redis: QuietRedis) -> Actors:
    return Actors(ledger_redis)


def at_once(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Make calls in a thread each, all begun together."""
    barrier = Barrier(len(calls))

    def begin(call: Callable[[], T]) -> T:
        barrier.wait(10)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(begin, calls))


def test_a_nonce_counts_once(actors: Actors) -> None:
    for number in range(10):
        jobs = [acceptance(actors.now(), nonce=f"same-{number}") for _ in range(THREADS)]
        replies = at_once([partial(actors.accept, job) for job in jobs])
        assert Counter(reply.outcome for reply in replies) == {"accepted": 1, "replayed": 7}


def test_an_idempotency_key_gives_the_first_id_to_everybody(actors: Actors) -> None:
    for number in range(10):
        jobs = [acceptance(actors.now(), idempotency_key=f"k-{number}") for _ in range(THREADS)]
        replies = at_once([partial(actors.accept, job) for job in jobs])
        assert Counter(reply.outcome for reply in replies) == {"accepted": 1, "existing": 7}
        assert len({reply.job_id for reply in replies}) == 1


def test_an_id_is_accepted_once(actors: Actors) -> None:
    same = job_id()

    def accept() -> str:
        try:
            return actors.accept(acceptance(actors.now(), job_id=same)).outcome
        except LedgerUnavailable:
            return "refused"

    assert Counter(at_once([accept] * THREADS)) == {"accepted": 1, "refused": 7}


@pytest.mark.parametrize("_round", range(5))
def test_a_job_is_claimed_once_and_settled_once(actors: Actors, _round: int) -> None:
    job = acceptance(actors.now())
    actors.accept(job)
    actors.take_due()
    claims = at_once([partial(actors.claim, job.job_id)] * THREADS)
    assert Counter(claim.status for claim in claims) == {"claimed": 1, "running": 7}
    kinds = ["succeeded", "failed", "retry", "lost", "release", "succeeded", "failed", "retry"]
    states = at_once([partial(actors.settle, job.job_id, 1, kind) for kind in kinds])
    assert states.count(None) == THREADS - 1


def test_a_reaper_and_the_worker_that_is_late_do_not_both_get_the_job(actors: Actors) -> None:
    for _ in range(20):
        job = acceptance(actors.now())
        actors.accept(job)
        actors.take_due()
        lease_ends = actors.claim(job.job_id, lease_ms=1).at + 1
        pass_by(actors, lease_ends)
        settle: Callable[[], object] = partial(actors.settle, job.job_id, 1)
        replies = at_once([actors.reap, settle, actors.reap])
        assert len([reply for reply in replies if reply]) == 1
        actors.cancel(job.job_id, "acme")


def test_two_dispatchers_take_each_job_once(actors: Actors) -> None:
    jobs = [acceptance(actors.now()) for _ in range(100)]
    for job in jobs:
        actors.accept(job)

    def take() -> list[str]:
        taken: list[str] = []
        while hints := actors.take_due(7):
            taken += [hint.job_id for hint in hints]
        return taken

    first, second = at_once([take, take])
    assert sorted(first + second) == sorted(job.job_id for job in jobs)


@dataclass
class Crowd:
    """Workers, dispatchers and a broker that loses hints and repeats them, all at once."""

    actors: Actors
    ids: Sequence[str]
    broker: deque[str] = field(default_factory=deque)
    tokens: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    succeeded: deque[str] = field(default_factory=deque)
    until: int = 0

    def work(self) -> None:
        """Run what comes; every third attempt is lost, every fourth is slow, and settles late."""
        count = 0
        while self._goes_on():
            count += 1
            try:
                job = self.broker.popleft()
            except IndexError:
                continue
            claim = self.actors.claim(job, lease_ms=5 if count % 3 == 0 else 2000)
            if claim.status != "claimed":
                continue
            self.tokens[job].append(claim.attempt)
            if count % 3 == 0 and count % 4:
                continue
            if count % 4 == 0:
                self.actors.renew([(job, claim.attempt)], lease_ms=3)
            kind = "retry" if count % 5 == 0 and claim.attempt < 3 else "succeeded"
            if self.actors.settle(job, claim.attempt, kind) == "succeeded":
                self.succeeded.append(job)

    def dispatch(self) -> None:
        """Publish, twice at times and not at all at others; give back; tend."""
        count = 0
        while self._goes_on():
            count += 1
            taken = [hint.job_id for hint in self.actors.take_due(10)]
            self.broker.extend(job for job in taken for _ in range(count % 3))
            if count % 2:  # some did arrive, and may have been claimed by now
                self.actors.give_back(QUEUE, len(self.broker), *taken)
            self.actors.reap()
            self.actors.republish(QUEUE, len(self.broker), after_ms=2)

    def _goes_on(self) -> bool:
        held = self.actors.look(self.ids, [QUEUE])
        return bool(held.unsettled) and held.now < self.until


def test_a_crowd_runs_every_job_to_success_once(actors: Actors) -> None:
    jobs = [acceptance(actors.now(), max_attempts=1000) for _ in range(60)]
    for job in jobs:
        actors.accept(job)
    ids = [job.job_id for job in jobs]
    crowd = Crowd(actors, ids, until=actors.now() + 60_000)
    at_once([crowd.work, crowd.work, crowd.work, crowd.dispatch, crowd.dispatch])
    held = actors.look(ids, [QUEUE])
    assert {held.state(job) for job in ids} == {"succeeded"}
    assert sorted(crowd.succeeded) == sorted(ids)
    assert all(len(set(tokens)) == len(tokens) for tokens in crowd.tokens.values())
    assert broken_rules(held) == []
