"""Where the campaign's tasks leave what they did: an effect that happens once a job, and each run.

No locks: whoever holds one may be stopped or killed at any instruction, and everybody else would
wait. A run's line is one write to a file opened for appending; an effect is a file that is written
aside and then linked to its name, which fails where the name is taken.
"""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bench.faults.evidence import Effect, Run
from signing.times import from_rfc3339, to_rfc3339

_RUNS, _EFFECTS, _ASIDE = "runs.log", "effects", "aside"


@dataclass(frozen=True, slots=True)
class Sink:
    """The directory, which `prepare` makes; for tasks, in whichever process they run."""

    directory: Path

    def prepare(self) -> None:
        """Make the directory and what is in it."""
        for name in (_EFFECTS, _ASIDE):
            (self.directory / name).mkdir(parents=True, exist_ok=True)

    def note(self, event: Literal["begin", "end"], run: Effect, now: int) -> None:
        """Add a line to the log of runs."""
        line = {"event": event, **_named(run), "pid": os.getpid(), "at": to_rfc3339(now)}
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        file = os.open(self.directory / _RUNS, flags, 0o600)
        try:
            # A line break before it too: what a killed writer left stays a line of its own.
            os.write(file, b"\n" + json.dumps(line).encode() + b"\n")
        finally:
            os.close(file)

    def put(self, effect: Effect) -> bool:
        """Make the job's effect happen, once; tell whether it was this call that did it."""
        aside = self.directory / _ASIDE / f"{effect.job}-{effect.attempt}-{os.getpid()}"
        aside.write_text(json.dumps(_named(effect)), "utf-8")
        try:
            os.link(aside, self.directory / _EFFECTS / effect.job)
        except FileExistsError:
            return False
        finally:
            aside.unlink()
        return True


@dataclass(frozen=True, slots=True)
class Runs:
    """The log of runs; `torn` counts lines that are not whole: their writers were killed."""

    runs: tuple[Run, ...]
    torn: int


def read_runs(directory: Path) -> Runs:
    """Read the log of runs, in the order in which it was written."""
    path = directory / _RUNS
    runs: list[Run] = []
    torn = 0
    for line in path.read_bytes().splitlines() if path.exists() else ():
        if not line:
            continue
        told = _object(line)
        if told is None:
            torn += 1
        else:
            at = from_rfc3339(told["at"])
            runs.append(Run(told["event"], told["job"], told["ref"], told["attempt"], at))
    return Runs(tuple(runs), torn)


def read_effects(directory: Path) -> Iterator[Effect]:
    """Read the effects that happened.

    Raises:
        ValueError: where one is not whole; it was, when it got its name.
    """
    for path in sorted((directory / _EFFECTS).iterdir()):
        told = _object(path.read_bytes())
        if told is None or told["job"] != path.name:
            raise ValueError("an effect is not what was linked there")
        yield Effect(told["job"], told["ref"], told["attempt"])


def _named(effect: Effect) -> dict[str, Any]:
    return {"job": effect.job, "ref": effect.ref, "attempt": effect.attempt}


def _object(data: bytes) -> dict[str, Any] | None:
    with suppress(ValueError):
        told = json.loads(data)
        if isinstance(told, dict) and {"job", "ref", "attempt"} <= told.keys():
            return told
    return None
