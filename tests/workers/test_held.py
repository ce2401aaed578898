"""Held attempts: each is let go of once, and counts its time from when it began."""

from tests.workers.builders import claimed, job_id
from workers.held import Held, HeldJobs
from workers.types import Claimed


def held(given: Claimed) -> Held:
    return Held(given, lambda: None)


def test_an_attempt_is_taken_once() -> None:
    jobs = HeldJobs()
    jobs.add(held(claimed()))
    assert len(jobs) == 1
    taken = jobs.take(claimed())
    assert taken is not None
    assert taken.claimed == claimed()
    assert jobs.take(claimed()) is None
    assert len(jobs) == 0


def test_two_attempts_of_one_job_are_held_side_by_side() -> None:
    jobs = HeldJobs()
    jobs.add(held(claimed(attempt=1)))
    jobs.add(held(claimed(attempt=2)))
    identity = claimed().job.claims.id
    assert jobs.attempts() == [(identity, 1), (identity, 2)]
    assert jobs.take(claimed(attempt=1)) is not None
    assert [item.claimed.attempt for item in jobs.all()] == [2]
    assert jobs.take(claimed(attempt=3)) is None


def test_what_waits_is_never_overdue() -> None:
    jobs = HeldJobs()
    jobs.add(held(claimed(time_limit=10)))
    assert jobs.overdue(1e9, 5) == []


def test_what_runs_is_overdue_after_its_limit_and_the_grace() -> None:
    jobs = HeldJobs()
    short, long = claimed(time_limit=10), claimed(time_limit=20, id=job_id(2))
    for each in (short, long):
        jobs.add(held(each))
        jobs.begin(each, 100.0)
    assert jobs.overdue(115.0, 5) == []
    assert jobs.overdue(115.1, 5) == [short]
    assert jobs.overdue(126.0, 5) == [short, long]


def test_what_is_not_held_does_not_begin() -> None:
    jobs = HeldJobs()
    jobs.begin(claimed(), 1.0)
    assert jobs.all() == []
