"""Held attempts: each is let go of once, and counts its time from when it began."""

from tests.workers.builders import claimed, job_id
from workers.held import Held, HeldJobs
from workers.types import Claimed


def held(given: Claimed) -> Held:
    return Held(given, lambda: None)


def test_how_an_attempt_ended_is_decided_once() -> None:
    jobs = HeldJobs()
    jobs.add(held(claimed()))
    decided = jobs.decide(claimed())
    assert decided is not None
    assert decided.claimed == claimed()
    assert jobs.decide(claimed()) is None


def test_a_decided_attempt_keeps_its_lease_until_it_is_settled() -> None:
    jobs = HeldJobs()
    jobs.add(held(claimed()))
    identity = claimed().job.claims.id
    jobs.decide(claimed())
    assert jobs.attempts() == [(identity, 1)]
    assert (jobs.undecided(), jobs.unsettled()) == ([], 1)
    jobs.drop(identity, 1)
    assert (jobs.attempts(), jobs.unsettled(), len(jobs)) == ([], 0, 0)


def test_two_attempts_of_one_job_are_held_side_by_side() -> None:
    jobs = HeldJobs()
    jobs.add(held(claimed(attempt=1)))
    jobs.add(held(claimed(attempt=2)))
    identity = claimed().job.claims.id
    assert jobs.attempts() == [(identity, 1), (identity, 2)]
    assert jobs.decide(claimed(attempt=1)) is not None
    assert [item.claimed.attempt for item in jobs.undecided()] == [2]
    assert jobs.decide(claimed(attempt=3)) is None


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
    jobs.decide(short)
    assert jobs.overdue(126.0, 5) == [long]


def test_what_is_not_held_does_not_begin() -> None:
    jobs = HeldJobs()
    jobs.begin(claimed(), 1.0)
    assert jobs.undecided() == []
