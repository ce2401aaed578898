"""What the ledger's Redis ever wrote of each job, out of its append-only files."""

import json
from base64 import b64decode
from binascii import Error
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.faults.aof import Command, CommandLog, in_transactions, increments
from signing.errors import CountersignError
from signing.ledger.packed import unpack
from signing.ledger.states import TERMINAL

_JOB, _SEAL = b"cs:job:", b"cs:seal:"
_CHANGED_BY_COUNTING: Final = (b"attempt", b"max_attempts")
_REMOVALS: Final = (b"DEL", b"UNLINK")


@dataclass(frozen=True, slots=True)
class Change:
    """One write to a job's record, and how the record stood after it.

    Attributes:
        wrote: names of the fields that were written.
        error: the reason that was written with it.
    """

    state: str
    attempt: int
    wrote: frozenset[str]
    error: str = ""

    @property
    def settles(self) -> bool:
        """Whether it wrote a final state."""
        return "state" in self.wrote and self.state in TERMINAL

    @property
    def claims(self) -> bool:
        """Whether it began an attempt."""
        return "state" in self.wrote and self.state == "running"


@dataclass(frozen=True, slots=True)
class JobHistory:
    """All that was written of one job, in order.

    Attributes:
        ref: the reference in its seal's arguments; `None` where there is none to be read.
        removed: the record itself was deleted.
    """

    job: str
    ref: str | None
    changes: tuple[Change, ...]
    removed: bool = False

    @property
    def last(self) -> Change | None:
        """How it ended."""
        return self.changes[-1] if self.changes else None

    @property
    def claimed(self) -> frozenset[int]:
        """The attempts that were begun."""
        return frozenset(change.attempt for change in self.changes if change.claims)


@dataclass(frozen=True, slots=True)
class History:
    """The histories of all jobs; `wiped`: how often the whole database was emptied."""

    jobs: tuple[JobHistory, ...]
    wiped: int = 0
    commands: int = 0


@dataclass(slots=True)
class _Job:
    ref: str | None = None
    changes: list[Change] = field(default_factory=list)
    removed: bool = False
    state: str = ""
    attempt: int = 0

    def write(self, fields: Sequence[bytes]) -> None:
        """Take in HSET's fields and values."""
        written = dict(zip(fields[::2], fields[1::2], strict=False))
        if b"state" in written:
            self.state = written[b"state"].decode("ascii", "replace")
        if b"attempt" in written:
            self.attempt = int(written[b"attempt"])
        self._changed(written, written.get(b"error", b""))

    def count(self, name: bytes, step: int) -> None:
        """Take in HINCRBY; how many hints there were is no change of the job."""
        if name not in _CHANGED_BY_COUNTING:
            return
        if name == b"attempt":
            self.attempt += step
        self._changed((name,), b"")

    def _changed(self, names: Iterable[bytes], error: bytes) -> None:
        wrote = frozenset(name.decode("ascii", "replace") for name in names)
        text = error.decode("utf-8", "replace")
        self.changes.append(Change(self.state, self.attempt, wrote, text))


class HistoryReader:
    """Takes in commands and keeps what they say of jobs in one database."""

    def __init__(self, database: int, ref_of: Callable[[bytes], str | None]) -> None:
        self._database = database
        self._ref_of = ref_of
        self._selected = 0
        self._jobs: dict[bytes, _Job] = {}
        self._wiped = 0
        self._commands = 0

    def take(self, commands: Iterable[Command]) -> None:
        """Take in the commands of one file."""
        for command in commands:
            self._commands += 1
            name = command[0].upper()
            if name == b"SELECT":
                self._selected = int(command[1])
            elif name == b"FLUSHALL":
                self._wiped += 1
            elif self._selected == self._database:
                self._of_the_ledger(name, command)

    def history(self) -> History:
        """Give what was kept."""
        found = (
            JobHistory(job.decode("ascii", "replace"), kept.ref, tuple(kept.changes), kept.removed)
            for job, kept in self._jobs.items()
        )
        return History(tuple(found), self._wiped, self._commands)

    def _of_the_ledger(self, name: bytes, command: Command) -> None:
        if name in _REMOVALS:
            for key in command[1:]:
                if key.startswith(_JOB):
                    self._job(key, _JOB).removed = True
        elif name == b"FLUSHDB":
            self._wiped += 1
        elif name == b"SET" and command[1].startswith(_SEAL):
            self._job(command[1], _SEAL).ref = self._ref_of(command[2])
        elif len(command) > 2 and command[1].startswith(_JOB):
            self._of_a_record(name, command)

    def _of_a_record(self, name: bytes, command: Command) -> None:
        job = self._job(command[1], _JOB)
        if name in (b"HSET", b"HMSET", b"HSETNX"):
            job.write(command[2:])
        elif name == b"HINCRBY":
            job.count(command[2], int(command[3]))
        elif name == b"HDEL":
            job.write([part for field in command[2:] for part in (field, b"")])

    def _job(self, key: bytes, prefix: bytes) -> _Job:
        job = key[len(prefix) :]
        kept = self._jobs.get(job)
        if kept is None:
            kept = self._jobs[job] = _Job()
        return kept


def read_history(directory: Path, database: int = 0) -> History:
    """Read a Redis's append-only directory.

    Raises:
        AofDamaged, OSError: where it cannot be read, or does not hold all.
    """
    reader = HistoryReader(database, ref_in_seal)
    for path in increments(directory):
        reader.take(in_transactions(CommandLog(path.read_bytes())))
    return reader.history()


def ref_in_seal(packed: bytes) -> str | None:
    """Give the reference in a job's arguments; unverified, for the campaign's own jobs only."""
    try:
        envelope = json.loads(unpack(packed))
        ref = json.loads(b64decode(envelope["payload"]))["args"]["ref"]
    except (CountersignError, Error, ValueError, KeyError, TypeError):
        return None
    return ref if isinstance(ref, str) else None
