"""The campaign's producers: they hand in jobs at a pace, and write down what came of each."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from bench.faults.caller import ANSWER_S, Caller, Calls, Outcome, Reply, Signed, outcome
from bench.faults.jobs import WEIGHTS, Kind, PlannedJob, draw, producer_of, proof
from bench.faults.journal import Entry, Journal, read_journal
from bench.load import Target
from signing.ledger.states import TERMINAL

THREADS: Final = 6
#: Threads that ask for jobs with `?wait`, and how many jobs may wait to be asked for.
WATCHERS: Final = 3
MOST_WATCHED: Final = 9
WATCH_S: Final = 5
#: How much faster than planned jobs are handed in, to make up for what was not accepted.
MOST_FASTER: Final = 4
#: How many times as many are handed in at most as are to be accepted: while a server is away, jobs
#: are refused as fast as they are handed in.
MOST_TRIES: Final = 4
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
    #: What went wrong in the load itself, by the names of exceptions.
    errors: list[str] = field(default_factory=list)
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
    #: When the last one was due.
    last: float = 0.0

    def next(self) -> PlannedJob | None:
        """Wait for the next job's time, and give it."""
        progress = self.progress
        with progress.lock:
            if progress.accepted >= self.wanted or progress.sent >= MOST_TRIES * self.wanted:
                return None
            # Others take the place of what was not accepted, at most so much faster than planned.
            kept = progress.sent - progress.refused - progress.unknown
            planned = self.begun + kept * self.every_s
            due = self.last = max(planned, self.last + self.every_s / MOST_FASTER)
            progress.sent += 1
            job = next(self.jobs)
        return None if self.stop.wait(max(0.0, due - time.monotonic())) else job


class Producer:
    """Hands in jobs as every registered producer, and follows some of them."""

    def __init__(
        self,
        callers: Sequence[Calls],
        journal: Journal,
        stop: threading.Event,
        watchers: ThreadPoolExecutor,
    ) -> None:
        self._callers = callers
        self._journal = journal
        self._stop = stop
        self._watchers = watchers
        self._room = threading.BoundedSemaphore(MOST_WATCHED)
        #: Exceptions of those who follow jobs.
        self.errors: list[str] = []

    def hand_in(self, job: PlannedJob) -> tuple[Outcome, bool]:
        """Hand in one job; tell what came of it, and whether the gateway was there at all.

        One with an idempotency key is handed in again under it while its outcome is unknown.
        """
        repetitions = REPETITIONS if job.idempotent else 1
        pause = FIRST_PAUSE_S
        unknown = False
        while True:
            repetitions -= 1
            request, reply = self._attempt(job)
            what = outcome(reply)
            unknown = unknown or what == "unknown"
            if what == "accepted" and reply.job is not None:
                self._follow(job, reply.job, request)
            if what == "accepted" or repetitions <= 0 or not unknown or self._stop.wait(pause):
                break
            pause = min(2 * pause, LONGEST_PAUSE_S)
        if what != "accepted" and unknown:
            what = "unknown"
        return what, reply.status is not None

    def _attempt(self, job: PlannedJob) -> tuple[Signed, Reply]:
        self._journal.write(Entry("attempt", job.ref, task=job.task, kind=job.kind))
        key = job.ref if job.idempotent else None
        caller = self._callers[job.producer]
        request = caller.sign("POST", "/v1/jobs", job.body, idempotency_key=key)
        reply = caller.send(request)
        what = outcome(reply)
        kept = reply.job if what == "accepted" else None
        self._journal.write(Entry(what, job.ref, kept, reply.status, reply.code))
        return request, reply

    def _follow(self, job: PlannedJob, job_id: str, request: Signed) -> None:
        """Cancel or watch the job, or send its request again, where there is room for that."""
        if job.kind == "cancelled":
            following = partial(self._cancel, job, job_id)
        elif job.replayed:
            following = partial(self._replay, job, request)
        elif job.watched:
            following = partial(self._watch, job, job_id)
        else:
            return
        if self._room.acquire(blocking=False):
            self._watchers.submit(following).add_done_callback(self._followed)

    def _followed(self, done: "Future[None]") -> None:
        self._room.release()
        error = done.exception()
        if error is not None:
            self.errors.append(type(error).__name__)

    def _replay(self, job: PlannedJob, request: Signed) -> None:
        reply = self._callers[job.producer].send(request)
        self._journal.write(Entry("replay", job.ref, reply.job, reply.status, reply.code))

    def _cancel(self, job: PlannedJob, job_id: str) -> None:
        self._journal.write(Entry("cancel", job.ref, job_id))
        reply = self._callers[job.producer].call("DELETE", f"/v1/jobs/{job_id}")
        state = "cancelled" if reply.status == 200 else None
        self._journal.write(Entry("answer", job.ref, job_id, reply.status, reply.code, state=state))

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
    weights: Mapping[Kind, int] = WEIGHTS,
) -> None:
    """Hand in jobs, spread over so many seconds, until so many are accepted.

    At most `MOST_TRIES` times as many are handed in.

    Args:
        targets: the gateway as each producer calls it.
        jobs: how many are to be accepted.
        seconds: within which, where nothing is in the way.
        journal: the file.
        seed: decides about the jobs.
        stop: ends it early.
        progress: is kept up with it.
        weights: of the kinds of jobs.

    Raises:
        OSError: where the journal cannot be written; nothing that the stack does raises.
    """
    callers = [Caller(target) for target in targets]
    pace = _Pace(draw(seed, len(targets), weights), jobs, seconds / jobs, progress, stop)
    with Journal(journal) as kept, ThreadPoolExecutor(WATCHERS) as watchers:
        producer = Producer(callers, kept, stop, watchers)
        with ThreadPoolExecutor(THREADS) as threads:
            working = [threads.submit(_work, pace, producer, progress) for _ in range(THREADS)]
        for each in working:
            each.result()
    progress.errors += producer.errors
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
        told = [ask(callers[producer_of(ref)], kept, ref, job, final=True) for ref, job in chosen]
    for caller in callers:
        caller.close()
    return sum(told)


def ask(
    caller: Calls, journal: Journal, ref: str, job_id: str, *, wait: int = 0, final: bool = False
) -> bool:
    """Ask how a job stands and write the answer down; tell whether there was one.

    `final`: nothing is broken any more, so that a result has to be told too.
    """
    query = f"?wait={wait}" if wait else ""
    reply = caller.call("GET", f"/v1/jobs/{job_id}{query}", seconds=wait + ANSWER_S)
    told = reply.document
    if reply.status != 200 or not told:
        journal.write(Entry("answer", ref, job_id, reply.status, reply.code))
        return False
    state = told.get("status")
    journal.write(
        Entry(
            "answer",
            ref,
            job_id,
            200,
            state=state,
            attempts=told.get("attempts"),
            finished_at=told.get("finished_at") if state in TERMINAL else None,
            fault=fault_of(told, ref, job_id, final=final),
        )
    )
    return True


def fault_of(told: Mapping[str, Any], ref: str, job_id: str, *, final: bool) -> str | None:
    """Tell what is wrong with an answer in itself."""
    if told.get("id") != job_id:
        return "another job"
    error, result = told.get("error"), told.get("result")
    if isinstance(error, dict) and error.get("code") == "result_unverified":
        # The gateway may not know the worker's newest key while Vault is away.
        return f"unverified: {error.get('reason')}" if final else None
    if told.get("status") != "succeeded":
        return None if result is None else "a result of a job that did not succeed"
    wanted = {"proof": proof(ref), "attempt": told.get("attempts")}
    if not isinstance(result, dict) or any(result.get(name) != wanted[name] for name in wanted):
        return "not the result that the task gives"
    return None


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
