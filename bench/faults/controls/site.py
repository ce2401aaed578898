"""Servers that outlive many short campaigns, and the running of one such campaign on them."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import redis

from bench.faults import gather, jobs, load, releases
from bench.faults.checker import Verdict, check
from bench.faults.controls.callback import CallsBack
from bench.faults.controls.directed import SEED, Directed
from bench.faults.controls.rival import double_hints, outrun
from bench.faults.inject import NotInjected, inject
from bench.faults.keeper import NotThere
from bench.faults.plan import Fault
from bench.faults.sink import Sink
from bench.faults.system import ROOT, System
from deploy.errors import StackError
from deploy.local.redis_server import APPEND_ONLY


@dataclass(frozen=True, slots=True)
class Patience:
    """A campaign's jobs have to settle within this, and something has to within the other."""

    drain_s: float
    stall_s: float


#: For a bug that shows otherwise, and may leave jobs open for ever.
SHORT: Final = Patience(25.0, 8.0)
#: For a bug that may show by what stays open; and for the same campaigns without a bug.
LONG: Final = Patience(80.0, 25.0)
READY_S: Final = 30.0
#: More than this the load never waits for a system that refuses all.
LOAD_S: Final = 25.0
ANSWERS: Final = 200
#: What is said of a hint that nobody has published.
DOUBLED: Final = frozenset({"replayed"})


@dataclass(frozen=True, slots=True)
class Ran:
    """A campaign's verdict; and of how many of its faults an effect was seen."""

    verdict: Verdict
    faults: int


class Site:
    """Redis, OpenBao and proxies; each campaign begins with an empty ledger and new roles."""

    def __init__(self, directory: Path) -> None:
        self.system = System(directory)
        self._number = 0

    def start(self) -> None:
        """Start the servers.

        Raises:
            StackError: where one does not start.
        """
        self.system.start_servers()

    def stop(self) -> None:
        """Stop all."""
        self.system.stop()

    def run(self, directed: Directed, source: Path = ROOT, *, patience: Patience = LONG) -> Ran:
        """Run one campaign with the roles' code from a source tree, and judge it.

        Raises:
            StackError: where a part does not start at all.
        """
        self.begin(directed.settings, source)
        system, journal = self.system, self.journal
        try:
            system.start_roles(directed.roles)
            system.wait_ready()
            for name in directed.roles:
                if name.startswith("worker"):
                    with suppress(NotThere):
                        system.children(name, wait_s=READY_S)
            faults = _Campaign(system, directed, journal, patience).run()
        finally:
            self.end_roles(directed.roles)
        return Ran(self._judge(directed, journal), faults)

    @property
    def journal(self) -> Path:
        """The journal of the campaign that runs, or ran last."""
        return self.system.directory / f"journal-{self._number}.jsonl"

    def begin(self, settings: Mapping[str, str], source: Path = ROOT) -> None:
        """Empty what the last campaign left, so that nothing of it is judged again."""
        self._number += 1
        self.journal.touch()
        system = self.system
        system.source, system.settings = source, dict(settings)
        system.sink = system.directory / f"sink-{self._number}"
        Sink(system.sink).prepare()
        for log in system.paths.logs.iterdir():
            if log.stem not in ("redis", "vault"):
                log.unlink()
        with system.redis_superuser(0) as ledger:
            _emptied(ledger)

    def end_roles(self, names: Sequence[str]) -> None:
        """Kill them: nothing that they would do at their end is judged."""
        for name in names:
            keeper = self.system.keepers[name]
            keeper.end()
            pid = keeper.pid
            if pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.system.stop_roles()

    def _judge(self, directed: Directed, journal: Path) -> Verdict:
        system, paths = self.system, self.system.paths
        places = gather.Places(
            journal=journal,
            sink=system.sink,
            appendonly=paths.redis / APPEND_ONLY,
            searched=(paths.logs, paths.redis),
        )
        with system.redis_superuser(0) as ledger:
            found = gather.gather(
                places,
                ledger,
                secrets=[jobs.canary(SEED)],
                stored=system.jobs_with_secrets(),
                explained=DOUBLED if directed.takes_more else frozenset(),
                losses_explained=directed.losses,
            )
        return check(found)


class _Campaign:
    """Load, faults and drain of one short campaign."""

    def __init__(
        self, system: System, directed: Directed, journal: Path, patience: Patience
    ) -> None:
        self._patience = patience
        self._system = system
        self._directed = directed
        self._journal = journal
        self._stop = threading.Event()
        self._counts = load.Progress()

    def run(self) -> int:
        """Run it until all is settled, or will not be; tell how many faults had an effect."""
        system, directed = self._system, self._directed
        calls = CallsBack(system.targets, self._journal, SEED)
        with ExitStack() as stack:
            ledger = stack.enter_context(system.redis_superuser(0))
            stack.callback(self._stop.set)
            stack.callback(calls.close)
            stack.enter_context(self._thread(_release))
            calls.hand_in(ledger, directed.warm)
            if directed.calls_back:
                stack.enter_context(self._thread(calls.cancel_running))
            if directed.doubles:
                stack.enter_context(self._thread(double_hints, database=1))
            faults = self._load_and_break(ledger)
            if directed.calls_back:
                calls.hand_in_again()
            _drain(ledger, self._patience)
            load.answers(system.targets, self._journal, most=ANSWERS)
            self._stop.set()
        return faults

    def _load_and_break(self, ledger: redis.Redis) -> int:
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(self._load)
            if self._directed.is_outrun:
                outrun(self._system, ledger)
            faults = break_it(self._system, self._directed.faults, self._stop)
            late = threading.Timer(LOAD_S, self._stop.set)
            late.start()
            sending.result()
            late.cancel()
        return faults

    def _load(self) -> None:
        load.run(
            self._system.targets,
            jobs=self._directed.jobs,
            seconds=self._directed.seconds,
            journal=self._journal,
            seed=SEED,
            stop=self._stop,
            progress=self._counts,
            weights=self._directed.weights,
        )

    @contextmanager
    def _thread(
        self, run: Callable[[redis.Redis, threading.Event], None], *, database: int = 0
    ) -> Iterator[None]:
        with self._system.redis_superuser(database) as ledger:
            thread = threading.Thread(target=run, args=(ledger, self._stop), daemon=True)
            thread.start()
            try:
                yield
            finally:
                self._stop.set()
                thread.join()


def break_it(system: System, faults: Sequence[Fault], stop: threading.Event) -> int:
    """Do faults, each at its time, until all are mended; tell of how many an effect was seen."""
    begun = time.monotonic()

    def do(fault: Fault) -> bool:
        stop.wait(max(0.0, begun + fault.at - time.monotonic()))
        try:
            with inject(system, fault) as effect:
                stop.wait(fault.seconds)
        except NotInjected:
            return False
        return bool(effect.seen)

    with ThreadPoolExecutor(max(1, len(faults))) as pool:
        return sum(pool.map(do, faults))


def _release(ledger: redis.Redis, stop: threading.Event) -> None:
    releases.release_held(ledger, stop=stop)


def _drain(ledger: redis.Redis, patience: Patience) -> None:
    """Wait until nothing is open, or nothing has changed for a while."""
    begun = changed = time.monotonic()
    left, pause = -1, threading.Event()
    drain_s, stall_s = patience.drain_s, patience.stall_s
    while left != 0 and time.monotonic() < min(begun + drain_s, changed + stall_s):
        now = gather.unsettled(ledger) + gather.unpurged(ledger)
        if now != left:
            left, changed = now, time.monotonic()
        pause.wait(0.1)


def _emptied(client: Any) -> None:
    """Empty Redis and its append-only files, those too that it has kept."""
    client.flushall()
    client.script_flush()
    client.config_set("aof-disable-auto-gc", "no")
    client.bgrewriteaof()
    pause = threading.Event()
    deadline = time.monotonic() + READY_S
    while client.info("persistence")["aof_rewrite_in_progress"]:
        if time.monotonic() > deadline:
            raise StackError("Redis does not rewrite its append-only file")
        pause.wait(0.02)
    client.config_set("aof-disable-auto-gc", "yes")
