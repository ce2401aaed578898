"""A ledger and a broker that do as a test says."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from backends.errors import BrokerUnavailable
from gateway.dispatcher.ledger import Reaped
from signing.errors import CountersignError
from signing.ledger.record import Hint


def hint(number: int) -> Hint:
    """Give a hint by a number."""
    return Hint(f"id-{number}", "fast", "sample.task", 0, b"{}")


@dataclass
class FakeLedger:
    """Gives `due` once; what was given and not published comes again when it is missed."""

    due: deque[Hint] = field(default_factory=deque)
    given: dict[str, Hint] = field(default_factory=dict)
    reaped: tuple[Reaped, ...] = ()
    errors: deque[CountersignError] = field(default_factory=deque)
    waits: list[float] = field(default_factory=list)
    delays: list[int] = field(default_factory=list)
    expired: int = 0
    forgotten: int = 0
    forgettable: int = 0
    next_due: float | None = None
    woken: Callable[[], None] = lambda: None
    asked: int = 0

    def take_due(self, most: int) -> tuple[Hint, ...]:
        self.asked += 1
        if self.errors:
            raise self.errors.popleft()
        taken = tuple(self.due.popleft() for _ in range(min(most, len(self.due))))
        self.given |= {item.job_id: item for item in taken}
        return taken

    def republish(self, queue: str, in_queue: int, after_ms: int, most: int) -> int:
        missing = [item for item in self.given.values() if item.queue == queue][in_queue:]
        self.due.extend(missing)
        for item in missing:
            del self.given[item.job_id]
        return len(missing)

    def give_back(self, queue: str, in_queue: int, job_ids: Sequence[str]) -> int:
        most = len([item for item in self.given.values() if item.queue == queue]) - in_queue
        known = [job_id for job_id in job_ids if job_id in self.given]
        back = [self.given.pop(job_id) for job_id in known[max(0, len(known) - most) :]]
        self.due.extendleft(reversed(back))
        return len(back)

    def reap(self, most: int, delay_ms: int) -> tuple[Reaped, ...]:
        self.delays.append(delay_ms)
        return self.reaped

    def expire(self, most: int) -> int:
        self.expired += 1
        return 0

    def forget(self, most: int) -> int:
        self.forgotten += 1
        count = min(most, self.forgettable)
        self.forgettable -= count
        return count

    def next_due_in(self) -> float | None:
        return self.next_due

    def wait_for_wake(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.woken()

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class FakeBroker:
    """Keeps what is published; raises what it is told to, in order."""

    published: list[Hint] = field(default_factory=list)
    errors: deque[CountersignError] = field(default_factory=deque)
    without: frozenset[str] = frozenset()
    away: bool = False

    def publish(self, hints: Sequence[Hint]) -> None:
        if self.errors:
            raise self.errors.popleft()
        self._ask()
        there = [item for item in hints if item.queue not in self.without]
        self.published.extend(there)
        if len(there) < len(hints):
            raise BrokerUnavailable("refused")

    def length(self, queue: str) -> int:
        self._ask()
        if queue in self.without:
            raise BrokerUnavailable(f"no queue {queue}")
        return len([item for item in self.published if item.queue == queue])

    def _ask(self) -> None:
        if self.away:
            raise BrokerUnavailable("away")

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class Clock:
    """A clock that a test sets."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


class CountingEvent(threading.Event):
    """Is never waited for; keeps what the loop wanted to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        return self.is_set()
