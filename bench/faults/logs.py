"""What the roles' logs tell of errors: who logged which type of exception, and no value of a line.

A role writes a record as one JSON object on a line (`backends.logs`); what a library prints itself
is a traceback as Python has it. Several processes may write to one log.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_TRACEBACK: Final = "Traceback (most recent call last):"
_FRAME: Final = re.compile(r'\s+(?:\| +)*File "([^"]+)", line \d+, in (\S+)')
_TYPE: Final = re.compile(r"[A-Za-z_][\w.]{0,80}(?=:|$)")
UNKNOWN: Final = "an exception"

#: (logger, or a traceback's last frame; type of the exception), of a worker -> legitimate because:
#: The campaign's own tasks raise them: `faults.flaky`, and `faults.failing`.
#: Celery gives a worker up where a pool's process was killed while the worker was starting: it is
#: started again. `exits` asks for that kill.
#: A worker stops whose RabbitMQ is gone: Celery's hub reads that connection once more as it closes.
#: A pool's process that had just begun tells its main process, which was killed meanwhile.
EXPECTED: Final = frozenset(
    {
        ("workers.run", "ConnectionError"),
        ("workers.run", "ValueError"),
        ("celery.worker", "WorkerLostError"),
        ("celery.bootsteps", "RecoverableConnectionError"),
        ("billiard/connection.py _send", "BrokenPipeError"),
    }
)


@dataclass(frozen=True, slots=True)
class LoggedError:
    """An error in a role's log; `where` is the logger, or the last frame of a traceback."""

    role: str
    where: str
    error: str


@dataclass(frozen=True, slots=True)
class Logged:
    """What was read, and the errors in it that nobody expected."""

    lines: int = 0
    errors: tuple[LoggedError, ...] = ()


NOTHING_LOGGED: Final = Logged()


def read_logs(places: Iterable[Path], roles: Sequence[str]) -> Logged:
    """Read the logs of roles that lie in directories.

    Raises:
        OSError: what cannot be read is not judged.
    """
    lines = 0
    found: list[LoggedError] = []
    logs = ((role, place / f"{role}.log") for place in places for role in roles)
    for role, log in logs:
        if log.is_file():
            text = log.read_text("utf-8", "replace").splitlines()
            lines += len(text)
            found += (LoggedError(role, *error) for error in errors_in(text, role))
    return Logged(lines, tuple(found))


def errors_in(lines: Iterable[str], role: str) -> Iterator[tuple[str, str]]:
    """Give where each error was that is not expected of the role, and its type."""
    expected = EXPECTED if role.startswith("worker") else frozenset()
    return (error for error in _errors(lines) if error not in expected)


def _errors(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    frame: str | None = None  # the last one of a traceback that goes on
    for line in lines:
        record = _record(line)
        if record is not None:
            yield from _of_record(record)
        elif _TRACEBACK in line:
            if frame is not None:
                yield frame, UNKNOWN
            frame = ""
        elif frame is not None:
            place = _FRAME.match(line)
            if place is not None:
                frame = f"{'/'.join(Path(place[1]).parts[-2:])} {place[2]}"
            elif line and not line[0].isspace():
                kind = _TYPE.match(line)
                yield frame, kind[0] if kind else UNKNOWN
                frame = None
    if frame is not None:
        yield frame, UNKNOWN


def _record(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        told = json.loads(line)
    except ValueError:
        return None  # its writer was killed
    return told if isinstance(told, dict) and {"level", "logger"} <= told.keys() else None


def _of_record(record: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """A critical record is an error, whatever it says; and each that has an exception with it."""
    exception = str(record.get("exception") or "").partition(" at ")[0]
    if exception or record["level"] == "critical":
        yield str(record["logger"]), exception or "a critical record"
