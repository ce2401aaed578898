"""What the ledger's Redis ever wrote of each job, out of its append-only files."""

import json
from base64 import b64decode
from binascii import Error
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.faults.aof import Command, CommandLog, in_transactions, increments
from signing.errors import CountersignError
from signing.ledger import keys
from signing.ledger.packed import unpack
from signing.ledger.states import TERMINAL

_JOB, _SEAL, _RESULT = b"cs:job:", b"cs:seal:", b"cs:result:"
_PURGE: Final = keys.PURGE.encode()
_NUMBERS: Final = (b"attempt", b"max_attempts", b"due", b"started", b"finished", b"expires")
_REMOVALS: Final = (b"DEL", b"UNLINK")


@dataclass(frozen=True, slots=True)
class Change:
    """One write to a job's record, and how the record stood after it.

    Attributes:
        wrote: names of the fields that were written.
        error: the reason that was written with it.
        due, started: ms; when it may run at the earliest, and when its last attempt began.
        finished: ms; when it settled, 0 before.
    """

    state: str
    attempt: int
    wrote: frozenset[str]
    error: str = ""
    due: int = 0
    started: int = 0
    max_attempts: int = 0
    finished: int = 0

    @property
    def settles(self) -> bool:
        """Whether it wrote a final state."""
        return "state" in self.wrote and self.state in TERMINAL

    @property
    def claims(self) -> bool:
        """Whether it began an attempt."""
        return "state" in self.wrote and self.state == "running"


@dataclass(frozen=True, slots=True)
class SealedResult:
    """What a worker sealed of an attempt."""

    state: str
    attempt: int


@dataclass(frozen=True, slots=True)
class JobHistory:
    """All that was written of one job, in order.

    Attributes:
        ref: the reference in its seal's arguments; `None` where there is none to be read.
        removed: the record itself was deleted.
        expires: ms.
        results: that were kept, in order; `None` for one that cannot be read.
        has_secret: the gateway stored secrets for it.
        purged: those were put on the list of what is to be deleted.
    """

    job: str
    ref: str | None
    changes: tuple[Change, ...]
    removed: bool = False
    expires: int = 0
    results: tuple[SealedResult | None, ...] = ()
    has_secret: bool = False
    purged: bool = False

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
    numbers: dict[bytes, int] = field(default_factory=lambda: dict.fromkeys(_NUMBERS, 0))
    results: list[SealedResult | None] = field(default_factory=list)
    has_secret: bool = False
    purged: bool = False

    def write(self, fields: Sequence[bytes]) -> None:
        """Take in HSET's fields and values."""
        written = dict(zip(fields[::2], fields[1::2], strict=False))
        if written.keys() == {b"counted"}:
            return  # how many hints there were is no change of the job
        if b"state" in written:
            self.state = written[b"state"].decode("ascii", "replace")
        self.has_secret = self.has_secret or written.get(b"secret") == b"1"
        for name in _NUMBERS:
            if name in written:
                self.numbers[name] = int(written[name])
        self._changed(written, written.get(b"error", b""))

    def count(self, name: bytes, step: int) -> None:
        """Take in HINCRBY; how many hints there were is no change of the job."""
        if name in self.numbers:
            self.numbers[name] += step
            self._changed((name,), b"")

    def history(self, job: str) -> JobHistory:
        """Give what was kept."""
        changes, results = tuple(self.changes), tuple(self.results)
        return JobHistory(
            job=job,
            ref=self.ref,
            changes=changes,
            removed=self.removed,
            expires=self.numbers[b"expires"],
            results=results,
            has_secret=self.has_secret,
            purged=self.purged,
        )

    def _changed(self, names: Iterable[bytes], error: bytes) -> None:
        self.changes.append(
            Change(
                state=self.state,
                attempt=self.numbers[b"attempt"],
                wrote=frozenset(name.decode("ascii", "replace") for name in names),
                error=error.decode("utf-8", "replace"),
                due=self.numbers[b"due"],
                started=self.numbers[b"started"],
                finished=self.numbers[b"finished"],
                max_attempts=self.numbers[b"max_attempts"],
            )
        )


class HistoryReader:
    """Takes in commands and keeps what they say of jobs in one database."""

    def __init__(self, database: int) -> None:
        self._database = database
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
        found = (kept.history(job.decode("ascii", "replace")) for job, kept in self._jobs.items())
        return History(tuple(found), self._wiped, self._commands)

    def _of_the_ledger(self, name: bytes, command: Command) -> None:
        if name in _REMOVALS:
            for key in command[1:]:
                if key.startswith(_JOB):
                    self._job(key, _JOB).removed = True
        elif name == b"FLUSHDB":
            self._wiped += 1
        elif name == b"SET" and command[1].startswith(_SEAL):
            self._job(command[1], _SEAL).ref = ref_in_seal(command[2])
        elif name == b"SET" and command[1].startswith(_RESULT):
            self._job(command[1], _RESULT).results.append(sealed_result(command[2]))
        elif name == b"ZADD" and command[1] == _PURGE:
            # Of each pair of score and path, the path's last part is the job.
            for path in command[3::2]:
                self._job(path.rpartition(b"/")[2], b"").purged = True
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
    reader = HistoryReader(database)
    for path in increments(directory):
        reader.take(in_transactions(CommandLog(path.read_bytes())))
    return reader.history()


def ref_in_seal(packed: bytes) -> str | None:
    """Give the reference in a job's arguments; unverified, for the campaign's own jobs only."""
    try:
        ref = _payload(unpack(packed))["args"]["ref"]
    except (CountersignError, Error, ValueError, KeyError, TypeError):
        return None
    return ref if isinstance(ref, str) else None


def sealed_result(envelope: bytes) -> SealedResult | None:
    """Give what a sealed result says of the attempt, unverified."""
    try:
        payload = _payload(envelope)
        return SealedResult(str(payload["state"]), int(payload["attempt"]))
    except (Error, ValueError, KeyError, TypeError):
        return None


def _payload(envelope: bytes) -> Any:
    return json.loads(b64decode(json.loads(envelope)["payload"]))
