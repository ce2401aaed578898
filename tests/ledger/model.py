"""What a producer may do, worked out beside the ledger: nonces, idempotency, rate, quota."""

from collections.abc import Mapping

from signing.ledger.record import Acceptance, Accepted, Limits
from tests.ledger.snapshot import Snapshot


class ProducersModel:
    """Remembers what was accepted, and tells which answer is wrong."""

    def __init__(self, limits: Mapping[str, Limits]) -> None:
        self._limits = limits
        self._nonces: set[str] = set()
        self._first: dict[tuple[str, str], tuple[str, str]] = {}
        self._arrival: dict[str, float] = {}

    def wrong(
        self, job: Acceptance, reply: Accepted, before: Snapshot, now: tuple[int, int]
    ) -> str:
        """Say what is wrong with an answer that was given between two times; '' if nothing."""
        first = self._first.get((job.producer, job.idempotency_key or ""))
        if job.nonce in self._nonces:
            expected = {"replayed"}
        elif first is not None:
            expected = {"existing" if first[1] == job.body_digest else "mismatch"}
            if reply.outcome == "existing" and reply.job_id != first[0]:
                return "an idempotency key gave another id"
        else:
            expected = self._by_limits(job, before, now)
        if reply.outcome not in expected:
            return f"{reply.outcome} instead of {sorted(expected)}"
        if reply.outcome == "limited":
            waits = [self._wait(job.producer, at) for at in now]
            if not waits[1] <= reply.wait_ms <= waits[0] + 1:
                return "limited for another time"
        return ""

    def note(self, job: Acceptance, reply: Accepted, accepted_at: int) -> None:
        """Take an answer into account."""
        self._nonces.add(job.nonce)
        if reply.outcome != "accepted":
            return
        if job.idempotency_key:
            self._first[job.producer, job.idempotency_key] = (job.job_id, job.body_digest)
        interval = self._limits[job.producer].interval_ms
        arrival = max(float(accepted_at), self._arrival.get(job.producer, 0))
        self._arrival[job.producer] = arrival + interval

    def _by_limits(self, job: Acceptance, before: Snapshot, now: tuple[int, int]) -> set[str]:
        limits = self._limits[job.producer]
        if limits.interval_ms:
            may = {self._wait(job.producer, at) > 0 for at in range(now[0], now[1] + 1)}
            return {"limited" if limited else "accepted" for limited in may}
        own = [i for i in before.unsettled if before.jobs[i]["producer"] == job.producer]
        full = limits.open_jobs and len(own) >= limits.open_jobs
        return {"full" if full else "accepted"}

    def _wait(self, producer: str, at: int) -> float:
        limits = self._limits[producer]
        return self._arrival.get(producer, 0) - at - (limits.burst - 1) * limits.interval_ms
