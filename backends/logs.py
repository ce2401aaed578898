"""Logging for every process: one line a record, UTC, and exceptions without their messages.

An exception's message may quote an argument or a secret, so a record shows its type and its
frames (file, line, function) alone.
"""

import json
import logging
import sys
import threading
import traceback
from types import TracebackType
from typing import Final, TypeAlias

from signing.times import to_rfc3339

ExcInfo: TypeAlias = (
    "tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]"
)

LEVEL: Final = logging.INFO
#: Libraries whose records at INFO and below may quote messages, arguments or results.
QUIET: Final = ("celery", "kombu", "amqp", "hvac", "urllib3", "requests", "aiohttp", "asyncio")


class SafeFormatter(logging.Formatter):
    """Writes a record as one JSON object on one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the record."""
        line: dict[str, object] = {
            "time": to_rfc3339(int(record.created * 1000)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)

    def formatException(self, ei: ExcInfo) -> str:  # noqa: N802 - logging's own name
        """Write the types of an exception and its causes, with the last one's frames."""
        kind, error, frames = ei
        if kind is None or error is None:
            return ""
        types = " from ".join(type(item).__name__ for item in _chain(error))
        places = [
            f"{frame.filename}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(frames)[-12:]
        ]
        return f"{types} at {' > '.join(places)}"


def configure_logging(level: int = LEVEL) -> None:
    """Send all records of this process to standard error, safely formatted."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(SafeFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    # Python's own ways to report an error print its message, or a record's arguments.
    logging.raiseExceptions = False
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


def _log_uncaught(
    kind: type[BaseException], error: BaseException, frames: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        logging.getLogger().critical("interrupted")
    else:
        logging.getLogger().critical("uncaught", exc_info=(kind, error, frames))


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        _log_uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (KeyError, TypeError, ValueError):
        return "a message and arguments that do not fit together"


def _chain(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__
    return chain
