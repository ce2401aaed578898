"""A campaign: the load, the plan of faults over it, the drain, and the checker's verdict."""

import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any, Final

import redis

from bench.faults import gather, jobs, load, releases, report
from bench.faults.aof import rewrites
from bench.faults.checker import Verdict, check
from bench.faults.evidence import Evidence
from bench.faults.exits import unexplained
from bench.faults.inject import NotInjected, inject
from bench.faults.outcome import (
    DRAIN_S,
    NO_EFFECT,
    NOT_INJECTED,
    NOT_MENDED,
    UNKNOWN,
    Injected,
    Outcome,
    Terms,
)
from bench.faults.plan import MOST_AT_ONCE, Fault
from bench.faults.system import System
from deploy.local.redis_server import APPEND_ONLY
from deploy.progress import Progress

#: So long the gateway may take to delete the last secrets of settled jobs.
PURGE_S: Final = 40.0
#: So long the load may go on after the last fault, to make up for what was refused.
LOAD_AFTER_S: Final = 90.0
TELL_EVERY_S: Final = 10.0
#: So long after Redis's clock was put right leases may have another end than workers think.
MOVED_AFTER_S: Final = 15.0
#: What faults, by kind, explain in the quarantine: a worker whose clock is an hour behind refuses.
EXPLAINED: Final = {"issued_in_future": frozenset({"clock", "ledger-clock"})}
#: A file among the logs with a text in it that the search for secrets has to find.
CONTROL: Final = "searched.log"


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
        #: A fault waits until an earlier one on its target is mended, however long that took: it
        #: would take what the other left for what was there, and bring it back.
        self._targets = {fault.target: threading.Lock() for fault in terms.faults}
        self._begun = 0.0
        #: The same by the clock on the wall.
        self._at = 0.0
        #: What is wrong with the campaign itself.
        self._broken: list[str] = []

    def run(self) -> Outcome:
        """Load and faults, until all faults are mended and all jobs have settled; then check."""
        started_at = datetime.now(UTC)
        self._begun, self._at = time.monotonic(), time.time()
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
        self._tell.tell("checking", "faults")
        exits = self._stop_roles()
        outcome = Outcome(
            terms=self.terms,
            injected=tuple(self._injected),
            accepted=self._counts.accepted,
            open_jobs=open_jobs,
            verdict=self._judge(),
            broken=tuple(self._broken),
        )
        self._report(outcome, started_at, exits)
        return outcome

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
        with self._targets[fault.target]:
            self._inject_alone(fault)

    def _inject_alone(self, fault: Fault) -> None:
        begun, note, seen = self._now(), "", ""
        with self._lock:
            self._under_way += 1
        try:
            with inject(self.system, fault) as effect:
                self._stop.wait(fault.seconds)
            seen = effect.seen
            note = "" if seen else f"{NO_EFFECT}: {fault.kind}"
        except NotInjected as error:
            note = f"{NOT_INJECTED}: {error}"
        except Exception as error:  # noqa: BLE001 - a mend of any kind that failed is told, not lost
            note = f"{NOT_MENDED}: {type(error).__name__}"
        done = Injected(fault, begun, self._now(), note, seen)
        with self._lock:
            self._under_way -= 1
            self._injected.append(done)
            with (self.system.directory / "injected.jsonl").open("a", encoding="utf-8") as file:
                line = {**asdict(fault), "begun": round(begun, 2), "ended": round(done.ended, 2)}
                line |= {"note": note, "effect": seen}
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

    def _stop_roles(self) -> dict[str, int]:
        """Stop the roles; what has become of all parts until now is counted and judged."""
        for name, keeper in self.system.keepers.items():
            if not keeper.is_alive():
                self._broken.append(f"nobody keeps {name} running any more")
        exits = [each for keeper in self.system.keepers.values() for each in keeper.exits]
        self._broken += unexplained(exits, self._injected, self._begun)
        self._broken += [f"the load: {name}" for name in self._counts.errors]
        self.system.stop_roles()
        told = Counter(f"{each.part} ended with status {each.status}" for each in exits)
        told.update(
            f"start failed: {line}"
            for keeper in self.system.keepers.values()
            for line in keeper.failures
        )
        told["torn writes of Redis's were cut off"] = self.system.torn_writes
        told["times that Redis rewrote its append-only file"] = rewrites(
            self.system.paths.redis / APPEND_ONLY
        )
        return dict(sorted(told.items()))

    def _judge(self) -> Verdict:
        paths = self.system.paths
        searched = (paths.logs, paths.redis)
        places = gather.Places(
            journal=self._journal,
            sink=self.system.sink,
            appendonly=paths.redis / APPEND_ONLY,
            searched=(*searched, paths.rabbit) if self.terms.broker == "rabbitmq" else searched,
        )
        kinds = {fault.kind for fault in self.terms.faults}
        control = f"planted-to-be-found-{secrets.token_hex(16)}"
        (paths.logs / CONTROL).write_text(f"{control}\n", "utf-8")
        with self.system.redis_superuser(0) as ledger:
            found = gather.gather(
                places,
                ledger,
                secrets=[jobs.canary(self.terms.seed), control],
                stored=self.system.jobs_with_secrets(),
                explained=frozenset(word for word, by in EXPLAINED.items() if by & kinds),
                clock_moved=tuple(self._ledger_clock_moved()),
            )
        found, was_found = without_control(found)
        if not was_found:
            self._broken.append("the search for secrets does not find what was planted for it")
        return check(found)

    def _ledger_clock_moved(self) -> Iterator[tuple[int, int]]:
        """From when to when, ms, Redis's clock was another than the others'."""
        for each in self._injected:
            if each.fault.kind == "ledger-clock":
                end = each.ended + MOVED_AFTER_S
                yield round(1000 * (self._at + each.begun)), round(1000 * (self._at + end))

    def _report(self, outcome: Outcome, started_at: datetime, notes: Mapping[str, Any]) -> None:
        done = (each.fault for each in outcome.injected if each.done)
        campaign = report.Campaign(
            name=self.terms.name,
            seed=self.terms.seed,
            broker=self.terms.broker,
            started_at=started_at.isoformat(timespec="seconds"),
            finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
            faults=dict(Counter(f"{fault.kind} {fault.target}" for fault in done)),
            not_counted=outcome.notes,
            failures=outcome.failures,
            notes=notes,
        )
        report.write(self.terms.results, campaign, outcome.verdict)

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
        def told() -> None:
            try:
                run()
            except Exception as error:  # noqa: BLE001 - of a thread nobody else would hear of it
                self._broken.append(f"the {name} ended: {type(error).__name__}")

        thread = threading.Thread(target=told, name=name, daemon=True)
        thread.start()
        return thread


def without_control(found: Evidence) -> tuple[Evidence, bool]:
    """Take what was planted for the search out of what it found, and tell whether it was there."""
    planted = f"file:{CONTROL} "
    hits = tuple(hit for hit in found.scanned.hits if not hit.startswith(planted))
    was_found = hits != found.scanned.hits
    return replace(found, scanned=replace(found.scanned, hits=hits)), was_found
