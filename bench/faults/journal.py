"""The client's journal: what it tried is on disk before it is sent, so that nothing is forgotten.

One JSON object a line, appended only. An attempt without an outcome is one whose outcome is
unknown.
"""

import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from signing.times import to_rfc3339

#: `answer`: how a job stands, as the gateway told it. `cancel`: a cancellation is about to be asked
#: for. `replay`: what came of a request that had been accepted, sent again as it was. The others
#: are about submissions.
Event = Literal["attempt", "accepted", "refused", "unknown", "answer", "cancel", "replay"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line.

    Attributes:
        ref: of one attempt to hand in a job, with its repetitions under one idempotency key.
        status: of HTTP; `None` without an answer.
        code: the problem's, or this client's word for what went wrong.
        task, kind: of the job.
        state, attempts, finished_at: of an answer.
        fault: what is wrong with an answer in itself.
        at: when it was written, RFC 3339 in UTC.
    """

    event: Event
    ref: str
    job: str | None = None
    status: int | None = None
    code: str | None = None
    task: str | None = None
    kind: str | None = None
    state: str | None = None
    attempts: int | None = None
    finished_at: str | None = None
    fault: str | None = None
    at: str = ""


_NAMES = tuple(field.name for field in fields(Entry))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class Journal:
    """Appends; safe across threads. Those that write at once share one fsync."""

    def __init__(self, path: Path, clock: Callable[[], int] = _now_ms) -> None:
        self._clock = clock
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._lines = threading.Lock()
        self._disk = threading.Lock()
        self._waiting: list[bytes] = []
        self._written = 0
        self._kept = 0
        self._broken: OSError | None = None
        # The file's name is on disk as well.
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def write(self, entry: Entry) -> None:
        """Write a line, and return when it is on disk.

        Raises:
            OSError: where it cannot be kept; then nothing may be sent, by nobody and never again.
        """
        line = _line(entry, self._clock())
        with self._lines:
            self._waiting.append(line)
            self._written += 1
            mine = self._written
        with self._disk:
            if self._kept < mine:
                self._keep()

    def close(self) -> None:
        """Close the file; everything is on disk."""
        with self._disk:
            os.close(self._file)

    def _keep(self) -> None:
        # What a failed write had taken along is lost, and perhaps half of a line is on disk.
        if self._broken is not None:
            raise OSError(*self._broken.args)
        try:
            self._flush()
        except OSError as error:
            self._broken = error
            raise

    def _flush(self) -> None:
        with self._lines:
            lines, self._waiting = self._waiting, []
            written = self._written
        data = memoryview(b"".join(lines))
        while data:
            data = data[os.write(self._file, data) :]
        os.fsync(self._file)
        self._kept = written


def read_journal(path: Path) -> tuple[Entry, ...]:
    """Read what was written; a last line that is not whole was never acted on.

    Raises:
        ValueError: for a line that is whole and no entry.
    """
    whole, _, _torn = path.read_bytes().rpartition(b"\n")
    return tuple(_entry(line) for line in whole.splitlines())


def _line(entry: Entry, now: int) -> bytes:
    told = {name: value for name, value in asdict(entry).items() if value not in (None, "")}
    return json.dumps(told | {"at": to_rfc3339(now)}).encode() + b"\n"


def _entry(line: bytes) -> Entry:
    told = json.loads(line)
    if not isinstance(told, dict) or not {"event", "ref"} <= told.keys() <= set(_NAMES):
        raise ValueError("a line of the journal is no entry")
    return Entry(**told)
