"""The jobs that this worker holds: what to renew, what runs for how long, who settles it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from workers.types import Claimed


@dataclass(frozen=True, slots=True)
class Held:
    """A claimed job.

    Attributes:
        release: gives its place in the window back.
        begun_at: when its run began, by this process's monotonic clock; `None` while it waits.
    """

    claimed: Claimed
    release: Callable[[], None]
    begun_at: float | None = None


class HeldJobs:
    """Held attempts; safe across threads.

    Two attempts of one job may be held at once: a lease that ended while this worker was cut off
    brings the job back, perhaps to the same worker.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[tuple[str, int], Held] = {}

    def add(self, held: Held) -> None:
        """Hold one."""
        with self._lock:
            self._held[_key(held.claimed)] = held

    def begin(self, claimed: Claimed, now: float) -> None:
        """Say that this attempt's run begins."""
        with self._lock:
            held = self._held.get(_key(claimed))
            if held is not None:
                self._held[_key(claimed)] = replace(held, begun_at=now)

    def take(self, claimed: Claimed) -> Held | None:
        """Let go of this attempt, once: whoever gets it settles it."""
        with self._lock:
            return self._held.pop(_key(claimed), None)

    def attempts(self) -> list[tuple[str, int]]:
        """All held (job id, attempt)."""
        with self._lock:
            return list(self._held)

    def all(self) -> list[Held]:
        """All that are held."""
        with self._lock:
            return list(self._held.values())

    def overdue(self, now: float, grace_s: float) -> list[Claimed]:
        """Those that have run for longer than their hard limit and a grace."""
        with self._lock:
            return [
                held.claimed
                for held in self._held.values()
                if held.begun_at is not None
                and now > held.begun_at + held.claimed.job.claims.time_limit + grace_s
            ]

    def __len__(self) -> int:
        with self._lock:
            return len(self._held)


def _key(claimed: Claimed) -> tuple[str, int]:
    return claimed.job.claims.id, claimed.attempt
