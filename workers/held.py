"""The jobs that this worker holds: what to renew, and who hears of an outcome."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from workers.types import Claimed


@dataclass(frozen=True, slots=True)
class Held:
    """A claimed job and when its time is over, by this process's monotonic clock."""

    claimed: Claimed
    deadline: float
    release: Callable[[], None]


class HeldJobs:
    """Held jobs by id; safe across threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[str, Held] = {}

    def add(self, held: Held) -> None:
        """Hold one."""
        with self._lock:
            self._held[held.claimed.job.claims.id] = held

    def take(self, claimed: Claimed) -> Held | None:
        """Let go of this attempt, once: whoever gets it settles it."""
        job_id = claimed.job.claims.id
        with self._lock:
            held = self._held.get(job_id)
            if held is None or held.claimed.attempt != claimed.attempt:
                return None
            return self._held.pop(job_id)

    def attempts(self) -> list[tuple[str, int]]:
        """All held (job id, attempt)."""
        with self._lock:
            return [(job_id, held.claimed.attempt) for job_id, held in self._held.items()]

    def overdue(self, now: float) -> list[Claimed]:
        """Those whose time is over."""
        with self._lock:
            return [held.claimed for held in self._held.values() if held.deadline < now]

    def __len__(self) -> int:
        with self._lock:
            return len(self._held)
