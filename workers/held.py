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
        decided: how it ended is known, and the ledger is being told; its lease goes on till then.
    """

    claimed: Claimed
    release: Callable[[], None]
    begun_at: float | None = None
    decided: bool = False


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

    def decide(self, claimed: Claimed) -> Held | None:
        """Say that it is known how this attempt ended; `None` where that was said before."""
        with self._lock:
            held = self._held.get(_key(claimed))
            if held is None or held.decided:
                return None
            self._held[_key(claimed)] = replace(held, decided=True)
            return held

    def drop(self, job_id: str, attempt: int) -> None:
        """Let go of an attempt that the ledger has settled."""
        with self._lock:
            self._held.pop((job_id, attempt), None)

    def attempts(self) -> list[tuple[str, int]]:
        """All held (job id, attempt), whose leases are to be renewed."""
        with self._lock:
            return list(self._held)

    def undecided(self) -> list[Held]:
        """Those that wait or run."""
        with self._lock:
            return [held for held in self._held.values() if not held.decided]

    def unsettled(self) -> int:
        """How many have ended and are not settled yet."""
        with self._lock:
            return sum(held.decided for held in self._held.values())

    def overdue(self, now: float, grace_s: float) -> list[Claimed]:
        """Those that have run for longer than their hard limit and a grace."""
        with self._lock:
            return [
                held.claimed
                for held in self._held.values()
                if held.begun_at is not None
                and not held.decided
                and now > held.begun_at + held.claimed.job.claims.time_limit + grace_s
            ]

    def never_begun(self, now: float, grace_s: float) -> list[Held]:
        """Those whose run should have begun by then, and a grace ago."""
        with self._lock:
            return [
                held
                for held in self._held.values()
                if held.begun_at is None
                and not held.decided
                and now > held.claimed.begin_by + grace_s
            ]

    def __len__(self) -> int:
        with self._lock:
            return len(self._held)


def _key(claimed: Claimed) -> tuple[str, int]:
    return claimed.job.claims.id, claimed.attempt
