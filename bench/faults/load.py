"""The campaign's producers: they hand in jobs at a pace, and write down what came of each."""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.faults.caller import Caller, Outcome, Reply, outcome
from bench.faults.jobs import PlannedJob, draw, producer_of
from bench.faults.journal import Entry, Journal, read_journal
from bench.load import Target
from signing.ledger.states import TERMINAL

THREADS: Final = 6
#: Threads that ask for jobs with `?wait`, and how many jobs may wait to be asked for.
WATCHERS: Final = 3
MOST_WATCHED: Final = 9
WATCH_S: Final = 5
#: A job with an idempotency key is handed in so often at most.
REPETITIONS: Final = 6
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 1.0


@dataclass(slots=True)
class Progress:
    """How far the load is; read by others meanwhile."""

    sent: int = 0
    accepted: int = 0
    refused: int = 0
    unknown: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self, what: Outcome) -> None:
        """Count one outcome."""
        with self.lock:
            setattr(self, what, getattr(self, what) + 1)


@dataclass(slots=True)
class _Pace:
    """Hands out jobs, each at its time, until enough were accepted or too many were tried."""

    jobs: Iterator[PlannedJob]
    wanted: int
    every_s: float
    progress: Progress
    stop: threading.Event
    begun: float = field(default_factory=time.monotonic)

    def next(self) -> PlannedJob | None:
        """Wait for the next job's time, and give it."""
        progress = self.progress
        with progress.lock:
            if progress.accepted >= self.wanted or progress.sent >= 2 * self.wanted:
                return None
            due = self.begun + progress.sent * self.every_s
            progress.sent += 1
            job = next(self.jobs)
        return None if self.stop.wait(max(0.0, due - time.monotonic())) else job


class Producer:
    """Hands in jobs as every registered producer, and follows some of them."""

    def __init__(
        self,
        callers: Sequence[Caller],
        journal: Journal,
        stop: threading.Event,
        watchers: ThreadPoolExecutor,
    ) -> None:
        self._callers = callers
        self._journal = journal
        self._stop = stop
        self._watchers = watchers
        self._room = threading.BoundedSemaphore(MOST_WATCHED)

    def hand_in(self, job: PlannedJob) -> tuple[Outcome, bool]:
        """Hand in one job; tell what came of it, and whether the gateway was there at all.

        One with an idempotency key is handed in again under it while its outcome is unknown.
        """
        repetitions = REPETITIONS if job.idempotent else 1
        pause = FIRST_PAUSE_S
        unknown = False
        while True:
            repetitions -= 1
            reply = self._attempt(job)
            what = outcome(reply)
            unknown = unknown or what == "unknown"
            if what == "accepted" and reply.job is not None:
                self._follow(job, reply.job)
            if what == "accepted" or repetitions <= 0 or not unknown or self._stop.wait(pause):
                break
            pause = min(2 * pause, LONGEST_PAUSE_S)
        if what != "accepted" and unknown:
            what = "unknown"
        return what, reply.status is not None

    def _attempt(self, job: PlannedJob) -> Reply:
        self._journal.write(Entry("attempt", job.ref, task=job.task, kind=job.kind))
        key = job.ref if job.idempotent else None
        caller = self._callers[job.producer]
        reply = caller.call("POST", "/v1/jobs", job.body, idempotency_key=key)
        what = outcome(reply)
        kept = reply.job if what == "accepted" else None
        self._journal.write(Entry(what, job.ref, kept, reply.status, reply.code))
        return reply

    def _follow(self, job: PlannedJob, job_id: str) -> None:
        """Cancel or watch the job, in another thread, where there is room for it."""
        if job.kind == "cancelled":
            action = self._cancel
        elif job.watched:
            action = self._watch
        else:
            return
        if not self._room.acquire(blocking=False):
            return
        following = self._watchers.submit(action, job, job_id)
        following.add_done_callback(lambda _: self._room.release())

    def _cancel(self, job: PlannedJob, job_id: str) -> None:
        self._journal.write(Entry("cancel", job.ref, job_id))
        reply = self._callers[job.producer].call("DELETE", f"/v1/jobs/{job_id}")
        if reply.status == 200:
            self._journal.write(Entry("answer", job.ref, job_id, 200, state="cancelled"))

    def _watch(self, job: PlannedJob, job_id: str) -> None:
        if not self._stop.is_set():
            ask(self._callers[job.producer], self._journal, job.ref, job_id, wait=WATCH_S)


def run(
    targets: Sequence[Target],
    *,
    jobs: int,
    seconds: float,
    journal: Path,
    seed: int,
    stop: threading.Event,
    progress: Progress,
) -> None:
    """Hand in jobs, spread over so many seconds, until so many are accepted; at most twice as many.

    Args:
        targets: the gateway as each producer calls it.
        jobs: how many are to be accepted.
        seconds: within which, where nothing is in the way.
        journal: the file.
        seed: decides about the jobs.
        stop: ends it early.
        progress: is kept up with it.

    Raises:
        OSError: where the journal cannot be written; nothing that the stack does raises.
    """
    callers = [Caller(target) for target in targets]
    pace = _Pace(draw(seed, len(targets)), jobs, seconds / jobs, progress, stop)
    with Journal(journal) as kept, ThreadPoolExecutor(WATCHERS) as watchers:
        producer = Producer(callers, kept, stop, watchers)
        with ThreadPoolExecutor(THREADS) as threads:
            working = [threads.submit(_work, pace, producer, progress) for _ in range(THREADS)]
        for each in working:
            each.result()
    for caller in callers:
        caller.close()


def answers(targets: Sequence[Target], journal: Path, *, most: int = 1000) -> int:
    """Ask how accepted jobs stand, spread over all of them; gives how many answers were written."""
    accepted = {
        entry.ref: entry.job
        for entry in read_journal(journal)
        if entry.event == "accepted" and entry.job is not None
    }
    chosen = list(accepted.items())[:: max(1, len(accepted) // most)][:most]
    callers = [Caller(target) for target in targets]
    with Journal(journal) as kept:
        told = [ask(callers[producer_of(ref)], kept, ref, job) for ref, job in chosen]
    for caller in callers:
        caller.close()
    return sum(told)


def ask(caller: Caller, journal: Journal, ref: str, job_id: str, *, wait: int = 0) -> bool:
    """Ask how a job stands and write the answer down; tell whether there was one."""
    query = f"?wait={wait}" if wait else ""
    reply = caller.call("GET", f"/v1/jobs/{job_id}{query}", seconds=wait + 4.0)
    told = reply.document
    if reply.status != 200 or not told:
        return False
    state, result = told.get("status"), told.get("result")
    wrong = reply.job != job_id or (isinstance(result, dict) and result.get("ref") != ref)
    journal.write(
        Entry(
            "answer",
            ref,
            job_id,
            200,
            state=state,
            attempts=told.get("attempts"),
            finished_at=told.get("finished_at") if state in TERMINAL else None,
            fault="another job's result" if wrong else None,
        )
    )
    return True


def _work(pace: _Pace, producer: Producer, progress: Progress) -> None:
    pause = FIRST_PAUSE_S
    while (job := pace.next()) is not None:
        what, answered = producer.hand_in(job)
        progress.count(what)
        if answered:
            pause = FIRST_PAUSE_S
        else:
            pace.stop.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)
