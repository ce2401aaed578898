"""A campaign: the load, the plan of faults over it, the drain, and the checker's verdict."""

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import redis

from bench.faults import gather, jobs, load, releases, report
from bench.faults.checker import Verdict, check
from bench.faults.inject import NotInjected, inject
from bench.faults.plan import MOST_AT_ONCE, Broker, Fault, counts
from bench.faults.system import System
from deploy.progress import Progress

#: How long after the last fault everything may take to settle.
DRAIN_S: Final = 150.0
#: So long the gateway may take to delete the last secrets of settled jobs.
PURGE_S: Final = 40.0
#: A count that nobody could be asked for.
UNKNOWN: Final = -1
#: So long the load may go on after the last fault, to make up for what was refused.
LOAD_AFTER_S: Final = 90.0
TELL_EVERY_S: Final = 10.0
#: More faults than this part that could not be done make a campaign fail.
MOST_NOT_INJECTED: Final = 0.02
#: A campaign in which less than this part of the jobs was accepted says too little.
LEAST_ACCEPTED: Final = 0.97
#: What the faults explain in the quarantine: a worker whose clock is an hour behind refuses.
EXPLAINED: Final = frozenset({"issued_in_future"})


@dataclass(frozen=True, slots=True)
class Terms:
    """What a campaign is to be."""

    name: str
    seed: int
    jobs: int
    span_s: float
    broker: Broker
    results: Path
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Injected:
    """What became of one fault; times in seconds after the campaign's start."""

    fault: Fault
    begun: float
    ended: float
    note: str

    @property
    def done(self) -> bool:
        """Whether it was done and mended."""
        return not self.note


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a campaign found."""

    terms: Terms
    injected: tuple[Injected, ...]
    accepted: int
    open_jobs: int
    verdict: Verdict

    @property
    def missed(self) -> int:
        """Faults that could not be done."""
        return sum(not each.done for each in self.injected)

    @property
    def violations(self) -> tuple[str, ...]:
        """Everything that fails the campaign, a line each."""
        found = [str(each) for each in self.verdict.violations]
        if self.open_jobs == UNKNOWN:
            found.append("the ledger does not serve at the end")
        elif self.open_jobs:
            found.append(f"{self.open_jobs} jobs have not settled {DRAIN_S:g} s after the end")
        if self.missed > max(1, MOST_NOT_INJECTED * len(self.injected)):
            found.append(f"{self.missed} of {len(self.injected)} faults could not be injected")
        if self.accepted < LEAST_ACCEPTED * self.terms.jobs:
            found.append(f"only {self.accepted} of {self.terms.jobs} jobs were accepted")
        return tuple(found)


class Campaign:
    """One campaign on a running system; `run` blocks until the verdict."""

    def __init__(self, system: System, terms: Terms, progress: Progress) -> None:
        self.system = system
        self.terms = terms
        self._tell = progress
        self._counts = load.Progress()
        self._journal = system.directory / "journal.jsonl"
        self._stop = threading.Event()
        #: For the load alone: it has had its time.
        self._enough = threading.Event()
        self._under_way = 0
        self._injected: list[Injected] = []
        self._lock = threading.Lock()
        self._begun = 0.0

    def run(self) -> Outcome:
        """Load and faults, until all faults are mended and all jobs have settled; then check."""
        started_at = datetime.now(UTC)
        self._begun = time.monotonic()
        sending = self._thread("load", self._load)
        releasing = self._thread("operator", self._release)
        try:
            self._inject_all()
            self._tell.tell("mended", "faults", f"{len(self._injected)} done; the load ends")
            sending.join(LOAD_AFTER_S)
            self._enough.set()
            sending.join()
            open_jobs = self._drain()
            load.answers(self.system.targets, self._journal)
        finally:
            self._stop.set()
            self._enough.set()
            sending.join()
            releasing.join()
        verdict = self._judge(started_at)
        return Outcome(self.terms, tuple(self._injected), self._counts.accepted, open_jobs, verdict)

    def _load(self) -> None:
        load.run(
            self.system.targets,
            jobs=self.terms.jobs,
            seconds=self.terms.span_s,
            journal=self._journal,
            seed=self.terms.seed,
            stop=self._enough,
            progress=self._counts,
        )

    def _release(self) -> None:
        with self.system.redis_superuser(0) as ledger:
            releases.release_held(ledger, stop=self._stop)

    def _inject_all(self) -> None:
        tell_at = TELL_EVERY_S
        with ThreadPoolExecutor(2 * MOST_AT_ONCE + 2) as pool:
            try:
                for fault in self.terms.faults:
                    while self._now() < fault.at:
                        if self._now() >= tell_at:
                            tell_at += TELL_EVERY_S
                            self._say()
                        self._stop.wait(max(0.0, min(fault.at, tell_at) - self._now()))
                    pool.submit(self._inject, fault)
            except BaseException:
                self._stop.set()  # lets those under way be mended at once
                raise

    def _inject(self, fault: Fault) -> None:
        begun, note = self._now(), ""
        with self._lock:
            self._under_way += 1
        try:
            with inject(self.system, fault):
                self._stop.wait(fault.seconds)
        except NotInjected as error:
            note = f"not injected: {error}"
        except Exception as error:  # noqa: BLE001 - a mend of any kind that failed is told, not lost
            note = f"not mended: {type(error).__name__}"
        done = Injected(fault, round(begun, 2), round(self._now(), 2), note)
        with self._lock:
            self._under_way -= 1
            self._injected.append(done)
            with (self.system.directory / "injected.jsonl").open("a", encoding="utf-8") as file:
                line = {**asdict(fault), "begun": done.begun, "ended": done.ended, "note": note}
                file.write(json.dumps(line) + "\n")

    def _drain(self) -> int:
        """Wait until no job is open and no secret is left to delete; give the open jobs."""
        with self.system.redis_superuser(0) as ledger:
            left = self._come_down(DRAIN_S, lambda: gather.unsettled(ledger))
            self._come_down(PURGE_S, lambda: gather.unpurged(ledger))
        return left

    def _come_down(self, seconds: float, count: Callable[[], int]) -> int:
        """Wait until a count is 0, or the time is over; give the last count."""
        begun = time.monotonic()
        tell_at = begun + TELL_EVERY_S
        pause = threading.Event()
        left = UNKNOWN
        while left and time.monotonic() < begun + seconds:
            try:
                left = count()
            except (redis.RedisError, OSError):
                left = UNKNOWN
            if time.monotonic() > tell_at:
                tell_at += TELL_EVERY_S
                self._say()
            pause.wait(0.3)
        return left

    def _judge(self, started_at: datetime) -> Verdict:
        self._tell.tell("checking", "faults")
        self.system.stop_roles()
        paths = self.system.paths
        places = gather.Places(
            journal=self._journal,
            sink=self.system.sink,
            appendonly=paths.redis / "appendonlydir",
            searched=(paths.logs, paths.redis),
        )
        with self.system.redis_superuser(0) as ledger:
            found = gather.gather(
                places, ledger, secrets=[jobs.canary(self.terms.seed)], explained=EXPLAINED
            )
        verdict = check(found)
        kinds = {
            f"{each.fault.kind} {each.fault.target}": 0 for each in self._injected if each.done
        }
        for each in self._injected:
            if each.done:
                kinds[f"{each.fault.kind} {each.fault.target}"] += 1
        campaign = report.Campaign(
            name=self.terms.name,
            seed=self.terms.seed,
            broker=self.terms.broker,
            started_at=started_at.isoformat(timespec="seconds"),
            finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
            faults=kinds,
        )
        report.write(self.terms.results, campaign, verdict)
        return verdict

    def _say(self) -> None:
        done, planned = len(self._injected), len(self.terms.faults)
        counted = self._counts
        self._tell.tell(
            "running",
            "faults",
            f"{self._now():.0f} s, {done}/{planned} faults, {self._under_way} under way; "
            f"{counted.accepted}/{self.terms.jobs} jobs accepted, {counted.refused} refused, "
            f"{counted.unknown} unknown",
        )

    def _now(self) -> float:
        return time.monotonic() - self._begun

    def _thread(self, name: str, run: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=run, name=name, daemon=True)
        thread.start()
        return thread


def by_kind(injected: Sequence[Injected]) -> Mapping[str, int]:
    """How many faults of each kind were done."""
    return counts([each.fault for each in injected if each.done])
