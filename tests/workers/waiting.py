"""Jobs that a worker has claimed and that wait for its only slot."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from tests.servers.marks import wait_until
from tests.workers.site import Site, name

SHORT_RUNS = 40
WAITING = 5
TRIES = 5
CLAIMED_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """One job that runs, and others behind it.

    Attributes:
        running: the name of the job that runs until its test says go.
        first: its id.
        waiting: the name of the others.
        jobs: their ids; the worker has claimed at least one of them, and the queue has the rest.
    """

    running: str
    first: str
    waiting: str
    jobs: list[str]


def jobs_that_wait(site: Site) -> Waiting:
    """Let a worker with one slot run a job, and claim at least one more meanwhile.

    It does so while runs are short, so short ones go ahead. Where the machine stood still for a
    moment, one of them was long: then all of it is done again.
    """
    for _ in range(TRIES):
        site.settled(*[site.submit("demo.noop") for _ in range(SHORT_RUNS)])
        running, waiting = name("running"), name("waiting")
        first = site.submit("test.wait", name=running)
        site.marks.wait_for(running, "begun")
        jobs = [site.submit("test.mark", name=waiting) for _ in range(WAITING)]
        with suppress(AssertionError):
            _wait_for_a_claim(site, jobs)
            return Waiting(running, first, waiting, jobs)
        site.marks.go(running)
        site.settled(first, *jobs)
    raise AssertionError("the worker claimed nothing that had to wait")


def _wait_for_a_claim(site: Site, jobs: Sequence[str]) -> None:
    wait_until(lambda: any(site.attempts(job) for job in jobs), CLAIMED_WITHIN_S)
