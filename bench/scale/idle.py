"""What a dispatcher and its Redis take while nothing is to be done."""

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.scale.place import START_S, Place
from deploy.local.process import Child, Program

SECONDS: Final = 10.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Idle:
    """Milliseconds of processor a second; of Redis's, what it takes more than alone."""

    dispatcher_ms: float
    redis_ms: float


def idle_cost(places: list[Place], seconds: float = SECONDS) -> list[Idle]:
    """Run the real dispatcher on each place at the same time, and see what it takes."""
    # Alone, it still forgets the nonces of what was accepted within the last minutes.
    alone = _cost([place.redis.pid for place in places], seconds)
    dispatchers = [_dispatcher(place) for place in places]
    try:
        for place, child in zip(places, dispatchers, strict=True):
            child.wait_until(lambda place=place: _listens(place), START_S)  # type: ignore[misc]
        taken = _cost(
            [child.pid for child in dispatchers] + [place.redis.pid for place in places], seconds
        )
    finally:
        for child in dispatchers:
            child.stop()
    ours, theirs = taken[: len(places)], taken[len(places) :]
    return [
        Idle(mine, max(0.0, with_it - without))
        for mine, with_it, without in zip(ours, theirs, alone, strict=True)
    ]


def _cost(pids: list[int], seconds: float) -> list[float]:
    before = [_cpu_ms(pid) for pid in pids]
    time.sleep(seconds)
    return [(_cpu_ms(pid) - early) / seconds for pid, early in zip(pids, before, strict=True)]


def _dispatcher(place: Place) -> Child:
    environment = {**os.environ, **place.servers.environment("dispatcher")}
    environment["PYTHONPATH"] = str(Path.cwd())
    build = ["-m", "deploy.cli.main", "catalog", "build", "--tasks", "examples.tasks"]
    build += ["--output", str(place.paths.catalog)]
    done = Child(
        Program("catalog", [sys.executable, *build], environment, place.paths.log("catalog"))
    )
    done.wait_until(lambda: done.status == 0, START_S)
    command = [sys.executable, "-m", "deploy.cli.main", "dispatcher"]
    return Child(Program("dispatcher", command, environment, place.paths.log("dispatcher")))


def _listens(place: Place) -> bool:
    """Whether it has done its first rounds and waits to be woken."""
    return bool(place.superuser.pubsub_numsub("cs:wake")[0][1])


def _cpu_ms(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / _TICKS
