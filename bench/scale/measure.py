"""One round of a job's life on a place, each step timed for itself."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

from backends.redis_clients import run_scripts
from bench.scale.fill import acceptances, ids_of
from bench.scale.place import HINTS, QUEUE, Place, Spent
from workers.ledger import Settlement

JOBS: Final = 100
#: A look at what there is nothing to do about costs little: many in a row.
LOOKS: Final = 50
_BATCH: Final = 500

#: What is measured, with what it is counted by.
PER_JOB: Final = (
    *("accept", "take due", "publish to the queue", "claim", "renew", "settle"),
    *("republish what is missing", "reap what was lost", "expire"),
)
PER_LOOK: Final = (
    "nothing due",
    "next due",
    "nothing to reap",
    "nothing to expire",
    "nothing missing",
    "nothing to forget",
)


@dataclass(slots=True)
class Figures:
    """What each step took, round by round."""

    steps: dict[str, list[Spent]] = field(default_factory=dict)

    def median(self, step: str) -> Spent:
        """The middle one of each kind."""
        rounds = self.steps[step]
        return Spent(median(r.wall_us for r in rounds), median(r.redis_us for r in rounds))


class Rounds:
    """Measures on one place, round after round."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.figures = Figures()

    def run(self) -> None:
        """One round."""
        place, dispatcher = self.place, self.place.dispatcher
        self._life()
        self._lost()
        calls = acceptances(place.now_ms(), JOBS, lasts_ms=1)
        run_scripts(place.gateway, calls)
        _until(lambda: place.superuser.zcount("cs:expiring", "-inf", place.now_ms() - 1) >= JOBS)
        with self._timed("expire", JOBS):
            _expect(dispatcher.expire(_BATCH), JOBS)
        self._looks()

    def _life(self) -> None:
        place = self.place
        calls = acceptances(place.now_ms(), JOBS)
        with self._timed("accept", JOBS):
            run_scripts(place.gateway, calls)
        with self._timed("take due", JOBS):
            hints = place.dispatcher.take_due(_BATCH)
        _expect(len(hints), JOBS)
        with self._timed("publish to the queue", JOBS):
            place.broker.publish(hints)
        with place.queue() as queue:
            queue.rpop(HINTS, JOBS)  # what the worker's channel does, at the other end
        attempts = self._claim(place.longest_waiting(JOBS))
        with self._timed("renew", JOBS):
            place.worker.renew(attempts)
        with self._timed("settle", JOBS):
            states = place.worker.settle([_success(*each) for each in attempts])
        _expect(states.count("succeeded"), JOBS)

    def _claim(self, ids: Sequence[str]) -> list[tuple[str, int]]:
        with self._timed("claim", JOBS):
            claims = self.place.worker.claim([(job, f"t-{job}") for job in ids])
        _expect(sum(claim.status == "claimed" for claim in claims), JOBS)
        return [(job, claim.attempt) for job, claim in zip(ids, claims, strict=True)]

    def _lost(self) -> None:
        """Hints that a queue lost, and jobs that a worker lost."""
        place, dispatcher = self.place, self.place.dispatcher
        missing = place.waiting() - JOBS
        with self._timed("republish what is missing", JOBS):
            _expect(dispatcher.republish(QUEUE, missing, 0, _BATCH), JOBS)
        _expect(len(dispatcher.take_due(_BATCH)), JOBS)
        calls = acceptances(place.now_ms(), JOBS)
        run_scripts(place.gateway, calls)
        _expect(len(dispatcher.take_due(_BATCH)), JOBS)
        place.short_worker.claim([(job, f"t-{job}") for job in ids_of(calls)])
        _until(lambda: place.superuser.zcount("cs:running", "-inf", place.now_ms() - 1) >= JOBS)
        with self._timed("reap what was lost", JOBS):
            _expect(len(dispatcher.reap(_BATCH, 0)), JOBS)
        _expect(len(dispatcher.take_due(_BATCH)), JOBS)
        claims = place.worker.claim([(job, f"u-{job}") for job in ids_of(calls)])
        attempts = zip(ids_of(calls), claims, strict=True)
        place.worker.settle([_success(job, claim.attempt) for job, claim in attempts])

    def _looks(self) -> None:
        dispatcher, waiting = self.place.dispatcher, self.place.waiting()
        looks: dict[str, Callable[[], Any]] = {
            "nothing due": lambda: dispatcher.take_due(_BATCH),
            "next due": dispatcher.next_due_in,
            "nothing to reap": lambda: dispatcher.reap(_BATCH, 0),
            "nothing to expire": lambda: dispatcher.expire(_BATCH),
            "nothing missing": lambda: dispatcher.republish(QUEUE, waiting, 0, _BATCH),
            "nothing to forget": lambda: dispatcher.forget(_BATCH),
        }
        for name, look in looks.items():
            with self._timed(name, LOOKS):
                for _ in range(LOOKS):
                    look()

    @contextmanager
    def _timed(self, name: str, jobs: int) -> Iterator[None]:
        spent, at = self.place.spent_us(), time.perf_counter()
        yield
        wall = (time.perf_counter() - at) * 1_000_000
        figures = Spent(wall / jobs, (self.place.spent_us() - spent) / jobs)
        self.figures.steps.setdefault(name, []).append(figures)


def _success(job: str, attempt: int) -> Settlement:
    return Settlement(job, attempt, "succeeded", b"result", "", 0)


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit("a measurement did not come to its end in time")


def _expect(found: int, wanted: int) -> None:
    if found != wanted:
        raise SystemExit(f"{found} jobs where {wanted} were expected: this measures something else")
