"""The worker's pipeline, as its main process drives it; steps 3 and 4 run in the pool.

    1 verify   in the channel, before Celery sees the message        verify.py
    2 claim    many jobs to a round trip, under a lease              here
    3 resolve  secrets out of Vault, in the pool                     resolve.py
    4 run      under the task's limits, in the pool                  run.py
    5 settle   results sealed in batches, one atomic write each      settling.py, here
    6 delete   the settled job's secrets                             here

Leases are renewed here as well, until the ledger has answered to the settlement. Each step has a
thread with a queue of its own, so that Vault's absence delays results and not leases. The threat
model (docs/threat-model.md) uses these numbers.
"""

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from workers.held import Held, HeldJobs
from workers.ledger import Quarantined, Settlement, WorkerLedger
from workers.quarantine import quarantined
from workers.resolve import own_secret_path
from workers.run import NOT_BEGUN_IN_TIME
from workers.settling import SEALED, Finished, Sealer, unsealed_settlement
from workers.types import Claimed, Outcome, Verified
from workers.window import Window
from workers.work_queue import WorkQueue

BATCH = 256
STOP_TIMEOUT_S = 10.0
#: After its hard limit and this long, a run that its pool did not end counts as failed; and one
#: that did not begin in time is given back.
OVERDUE_S = 5.0
#: An event loop that was not heard of for so long stood still, as where the broker is away: what
#: the pool said meanwhile has not been read.
STOOD_STILL_S = 3.0
#: A result waits so long for others, while others run, to share a call to Transit and a write.
GATHER_S = 0.01
#: So many results may wait for Vault or Redis before no more jobs are taken.
MOST_UNSETTLED = 1000

_log = logging.getLogger(__name__)
_FINAL = frozenset({"succeeded", "failed", "expired", "cancelled"})
_NOT_BEGUN = Outcome("release", error="worker_stopped")
_LOST = Outcome("lost", error="worker_lost")


@dataclass(frozen=True, slots=True)
class Arrived:
    """A verified job, what gives its place in the window back, and a token of this delivery."""

    verified: Verified
    release: Callable[[], None]
    token: str


class _Queue(Protocol):
    def start(self) -> None: ...

    def stop(self, timeout_s: float) -> bool: ...


class Pipeline:
    """Claims what arrives, hands it to the pool, settles what comes back."""

    def __init__(
        self,
        ledger: WorkerLedger,
        sealer: Sealer,
        delete_secret: Callable[[str], None],
        *,
        lease_s: float,
        window: Window,
        on_fault: Callable[[], None],
    ) -> None:
        """`delete_secret` deletes a Vault path of the secrets' mount, and may raise our errors.

        `on_fault` is called where a thread ends for a fault of ours: it has to end the worker.
        """
        self._ledger = ledger
        self._sealer = sealer
        self._delete_secret = delete_secret
        self._lease_s = lease_s
        self._renew_every_s = lease_s / 3
        self._renew_at = 0.0
        self._heard_at = -math.inf
        self._heard_since = 0.0
        self._to_pool: Callable[[Claimed], None] = _no_pool
        self._closing = False
        self._kept_back: deque[Held] = deque()
        #: Places of attempts that were given up, and that the pool has still.
        self._late: dict[tuple[str, int], Callable[[], None]] = {}
        self.window = window
        self.held = HeldJobs()
        self._claims = WorkQueue(
            "claims",
            self._claim,
            most=BATCH,
            idle_s=min(1.0, self._renew_every_s),
            on_idle=self._tend,
            on_fault=on_fault,
        )
        self._seals = WorkQueue(
            "seals",
            self._seal,
            most=BATCH,
            gather_s=GATHER_S,
            more_to_come=lambda: bool(self.held.undecided()),
            on_fault=on_fault,
        )
        self._settlements = WorkQueue("settlements", self._settle, most=BATCH, on_fault=on_fault)
        self._deletions = WorkQueue("deletions", self._delete, most=BATCH, on_fault=on_fault)
        self._quarantine = WorkQueue("quarantine", ledger.quarantine, most=BATCH, on_fault=on_fault)

    def start(self, to_pool: Callable[[Claimed], None]) -> None:
        """Begin; `to_pool` is called with each claimed job, in a thread of the pipeline's."""
        self._to_pool = to_pool
        for queue in self._queues():
            queue.start()

    def close(self) -> None:
        """Claim nothing more; the ledger misses the hints that are let go, and gives them again."""
        self._closing = True

    def stop(self) -> None:
        """Settle what has finished, and give back what has not begun; the pool has ended by now.

        What cannot be settled comes back when its lease ends.
        """
        self.close()
        deadline = time.monotonic() + STOP_TIMEOUT_S
        self._claims.stop(STOP_TIMEOUT_S)
        for held in self.held.undecided():
            self.finished(held.claimed, _LOST if held.begun_at is not None else _NOT_BEGUN)
        for queue in self._queues():
            if not queue.stop(max(0.0, deadline - time.monotonic())):
                _log.warning("stopped with work left over; leases bring it back")

    def arrived(self, arrived: Arrived) -> None:
        """Take in a verified job (after step 1); from any thread."""
        self._claims.put(arrived)

    def listening(self) -> None:
        """Take in that the event loop runs, which reads what the pool says."""
        now = time.monotonic()
        if now > self._heard_at + STOOD_STILL_S:
            self._heard_since = now
        self._heard_at = now

    def begun(self, claimed: Claimed) -> None:
        """Take in that a run begins (before step 3); its hard limit counts from now."""
        self.held.begin(claimed, time.monotonic())

    def finished(self, claimed: Claimed, outcome: Outcome) -> None:
        """Take in how a run ended (after step 4); the first word on an attempt counts."""
        held = self.held.decide(claimed)
        if held is None:
            self._late.pop((claimed.job.claims.id, claimed.attempt), _nothing)()
            return
        if held.begun_at is not None and outcome.kind != "release":
            self.window.ran(time.monotonic() - held.begun_at)
        self._give_back(held)
        finished = Finished(claimed, outcome)
        if outcome.kind in SEALED:
            self._seals.put(finished)
        else:
            self._settlements.put((unsealed_settlement(finished), None))

    def refuse(self, item: Quarantined) -> None:
        """Put a message into the quarantine."""
        _log.warning("quarantined a message of queue %s: %s", item.queue, item.reason)
        self._quarantine.put(item)

    def _queues(self) -> tuple[_Queue, ...]:
        """All queues, in the order in which work passes through them."""
        return (self._claims, self._seals, self._settlements, self._deletions, self._quarantine)

    def _claim(self, batch: Sequence[Arrived]) -> None:  # 2
        if self._closing:
            for arrived in batch:
                arrived.release()
            return
        # Their leases begin after this: Redis is yet to hear of them.
        begin_by = time.monotonic() + self._lease_s
        claims = self._ledger.claim([(item.verified.job.claims.id, item.token) for item in batch])
        for arrived, claim in zip(batch, claims, strict=True):
            if claim.status != "claimed":
                arrived.release()
                if claim.extra and claim.status != "queued" and not arrived.verified.redelivered:
                    self.refuse(quarantined(arrived.verified, "replayed"))
                continue
            claimed = Claimed(
                job=arrived.verified.job,
                attempt=claim.attempt,
                max_attempts=claim.max_attempts,
                started_at=claim.at,
                begin_by=begin_by,
            )
            self.held.add(Held(claimed, arrived.release))
            self._to_pool(claimed)

    def _seal(self, batch: Sequence[Finished]) -> None:  # 5
        for settlement, item in zip(self._sealer.settlements(batch), batch, strict=True):
            self._settlements.put((settlement, own_secret_path(item.claimed)))

    def _settle(self, batch: Sequence[tuple[Settlement, str | None]]) -> None:
        states = self._ledger.settle([settlement for settlement, _ in batch])
        for (settlement, path), state in zip(batch, states, strict=True):
            self.held.drop(settlement.job_id, settlement.attempt)
            if state is None:
                _log.warning(
                    "attempt %d of job %s no longer held it", settlement.attempt, settlement.job_id
                )
            elif path is not None and state in _FINAL:
                self._deletions.put(path)

        while self._kept_back and self.held.unsettled() < MOST_UNSETTLED:
            self._kept_back.popleft().release()

    def _give_back(self, held: Held) -> None:
        """Give a place in the window back, unless too much waits to be settled already."""
        if self.held.unsettled() <= MOST_UNSETTLED:
            held.release()
        else:
            self._kept_back.append(held)

    def _give_up(self, held: Held) -> None:
        """Release what the pool has not begun; its place is free once the pool lets go of it."""
        claimed = held.claimed
        key = (claimed.job.claims.id, claimed.attempt)
        self._late[key] = held.release
        if self.held.decide(claimed) is None:
            self._late.pop(key, None)  # it ended just now, and gave its place back
            return
        self._settlements.put((unsealed_settlement(Finished(claimed, NOT_BEGUN_IN_TIME)), None))

    def _delete(self, batch: Sequence[str]) -> None:  # 6
        for path in batch:
            self._delete_secret(path)
        self._ledger.purged(batch)

    def _tend(self) -> None:
        """Renew leases when it is time, and end the wait for what the pool does not come to."""
        now = time.monotonic()
        # The pool's word on these may lie unread where the event loop stood still until just now.
        if now < self._heard_at + STOOD_STILL_S and now > self._heard_since + OVERDUE_S:
            for claimed in self.held.overdue(now, OVERDUE_S):
                self.finished(claimed, Outcome("failed", error="time_limit_exceeded"))
            for late in self.held.never_begun(now, OVERDUE_S):
                self._give_up(late)
        if now < self._renew_at:
            return
        held = self.held.attempts()
        if held:
            ours = self._ledger.renew(held)
            lost = ours.count(False)
            if lost:
                _log.warning("%d leases were lost; their outcomes will not count", lost)
        self._renew_at = now + self._renew_every_s


def _nothing() -> None:
    """Nothing is to be given back."""


def _no_pool(_claimed: Claimed) -> None:
    raise RuntimeError("the pipeline was not started")
