"""One run of the real stack on a traced Redis, killed at its end; what was kept of it."""

import asyncio
import os
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Final

from redis.exceptions import RedisError

from backends.redis_clients import SyncRedis, connect
from backends.settings import RedisSettings, environment_of, redis_settings
from bench.power.disk import Disk
from bench.power.load import Journal, submit_until
from bench.power.trace import OPTIONS, Call, read_calls
from bench.stack import QUEUES, BenchStack
from deploy.errors import StackError
from deploy.local.process import Child, Program, starting
from deploy.local.redis_server import APPEND_ONLY, redis_program

START_S: Final = 30.0
READY: Final = b"Ready to accept connections"
#: Small, so that the append-only file is rewritten during a run, as it is in a long life.
REWRITE_AT: Final = "512kb"
_LOOK_S: Final = 0.01


@dataclass(frozen=True, slots=True)
class Load:
    """How much to submit, with which settings of Redis's."""

    jobs: int
    seconds: float
    connections: int = 6
    seed: int = 1
    fsync: str = "always"
    worker: bool = True


@dataclass(frozen=True, slots=True)
class Recording:
    """A run: its trace, the bytes that Redis wrote, and what was promised meanwhile."""

    redis: Path
    kept: Path
    calls: list[Call]
    journal: Journal
    killed_at: float

    @property
    def directory(self) -> Path:
        """The append-only files' directory."""
        return self.redis / APPEND_ONLY

    def disk(self) -> Disk:
        """A fresh model of the directory."""
        cwd = PurePosixPath(self.redis)
        return Disk(cwd / APPEND_ONLY, cwd)

    def check(self) -> None:
        """Hold the trace to the files that the run left: it has missed nothing.

        Raises:
            StackError: where it has.
        """
        (cut,) = self.disk().cuts(self.calls, [float("inf")])
        told = {name: left.written for name, left in cut.written.items()}
        there = {path.name: path.stat().st_size for path in self.directory.iterdir()}
        if not is_told(told, there):
            raise StackError(f"the trace does not tell of the files: {told}, not {there}")


def is_told(told: Mapping[str, int], there: Mapping[str, int]) -> bool:
    """Whether files, by name and length, are those of a trace that ended with a kill.

    The one write that was under way may have lengthened its file, and the one change of names may
    have been made; nothing else may differ.
    """
    lengthened = {name for name in told.keys() & there.keys() if told[name] != there[name]}
    gone, come = told.keys() - there.keys(), there.keys() - told.keys()
    grew = all(told[name] < there[name] for name in lengthened)
    renamed = all(told[old] == there[new] for old in gone for new in come)
    return grew and renamed and max(map(len, (lengthened, gone, come))) <= 1


def record(stack: BenchStack, work: Path, load: Load) -> Recording:
    """Run gateway, dispatcher and worker under load on a traced Redis, then kill everything.

    `work` is made; it has to be on the file system on which Redis writes.

    Raises:
        StackError: where a part does not start, or the trace is not whole.
    """
    work.mkdir()
    stack.servers.stop_redis()
    shutil.rmtree(stack.paths.redis / APPEND_ONLY, ignore_errors=True)
    trace, journal = work / "trace", Journal()
    with _keeping(stack.paths.redis / APPEND_ONLY, work / "kept") as keep:
        parts = [redis := _traced_redis(stack, trace)]
        try:
            parts.append(stack.start("gateway"))
            parts.append(stack.start("dispatcher"))
            if load.worker:
                parts.append(stack.start("worker", COUNTERSIGN_CONCURRENCY="1"))
            with superuser(stack) as client:
                parts[-1].wait_until(lambda: not load.worker or _waits(client), START_S)
                client.config_set("appendfsync", load.fsync)
            asyncio.run(
                submit_until(
                    stack.target,
                    journal,
                    connections=load.connections,
                    jobs=load.jobs,
                    seconds=load.seconds,
                    seed=load.seed,
                )
            )
        finally:
            redis.kill()  # first: nothing of what the others still ask for is written
            killed_at = time.time()
            for part in parts:
                part.kill()
            keep()
    with trace.open(encoding="latin-1") as lines:
        recording = Recording(
            stack.paths.redis, work / "kept", read_calls(lines), journal, killed_at
        )
    recording.check()
    return recording


def redis_of(
    stack: BenchStack, *options: str, wrap: tuple[str, ...] = (), log: str = "redis"
) -> Program:
    """Redis with the stack's own configuration, and options over it."""
    stack.paths.log(log).unlink(missing_ok=True)  # what it says is waited for
    program = redis_program(stack.paths, stack.ports, QUEUES)
    command = (*wrap, *program.command, *options)
    return replace(program, command=command, log=stack.paths.log(log))


def serving(stack: BenchStack, program: Program) -> Child:
    """Start Redis and wait until it has loaded and serves; what does not serve is ended.

    Raises:
        StackError: where it ends instead.
    """
    with starting(program) as child:
        # Its port opens before it has loaded, and one that cannot load ends with connections open.
        child.wait_until(lambda: READY in program.log.read_bytes(), START_S)
        with superuser(stack) as client:
            child.wait_until(lambda: _serves(client), START_S)
    return child


@contextmanager
def superuser(stack: BenchStack) -> Iterator[SyncRedis]:
    """The ledger's Redis as the superuser, who may look at everything."""
    client = connect(ledger_settings(stack, "superuser"))
    try:
        yield client
    finally:
        client.close()


def ledger_settings(stack: BenchStack, role: str) -> RedisSettings:
    """Where the ledger is, for a role."""
    environment = environment_of(stack.servers.environment(role))
    return redis_settings(environment, "COUNTERSIGN_REDIS_LEDGER_URL")


def _waits(client: Any) -> bool:
    """Whether a worker waits for messages."""
    return any(item["user"] == "worker" and item["db"] == "1" for item in client.client_list())


def _serves(client: SyncRedis) -> bool:
    try:
        return bool(client.ping())
    except (RedisError, OSError):
        return False


def _traced_redis(stack: BenchStack, trace: Path) -> Child:
    strace = shutil.which("strace")
    if strace is None:
        raise StackError("strace is missing: run deploy/setup.sh, or install it")
    options = ("--auto-aof-rewrite-min-size", REWRITE_AT)
    wrap = (strace, *OPTIONS, "-o", str(trace))
    return serving(stack, redis_of(stack, *options, wrap=wrap))


@contextmanager
def _keeping(directory: Path, kept: Path) -> Iterator["_Keeper"]:
    """Keep each append-only file by a second name: Redis removes those that it has rewritten."""
    kept.mkdir()
    keeper, stop = _Keeper(directory, kept), threading.Event()

    def keep() -> None:
        while not stop.wait(_LOOK_S):
            keeper()

    thread = threading.Thread(target=keep, name="keeper")
    thread.start()
    try:
        yield keeper
    finally:
        stop.set()
        thread.join()


@dataclass(frozen=True, slots=True)
class _Keeper:
    directory: Path
    kept: Path

    def __call__(self) -> None:
        for name in _names(self.directory):
            try:
                os.link(self.directory / name, self.kept / name)
            except (FileExistsError, FileNotFoundError):
                continue  # kept already, or gone since it was listed


def _names(directory: Path) -> list[str]:
    try:
        return [path.name for path in directory.iterdir() if not path.name.endswith("manifest")]
    except FileNotFoundError:
        return []
