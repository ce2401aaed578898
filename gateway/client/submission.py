"""The body of a submission: one job, written once and sent the same at every try."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from signing.strict_json import canonical
from signing.times import to_rfc3339

MAX_IDEMPOTENCY_KEY: Final = 255
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def job_body(
    task: str,
    args: Mapping[str, Any],
    *,
    not_before: datetime | str | None,
    delay: timedelta | float | None,
    expires: datetime | timedelta | float | str | None,
    priority: int | None,
) -> bytes:
    """Write the body; what it asks for is the gateway's to judge.

    Raises:
        ValueError: for arguments that JSON cannot carry, or a time without its zone.
    """
    document: dict[str, Any] = {"task": task, "args": dict(args)}
    optional = {
        "not_before": _plain(not_before),
        "delay": _plain(delay),
        "expires": _plain(expires),
        "priority": priority,
    }
    document.update({name: value for name, value in optional.items() if value is not None})
    try:
        return canonical(document)
    except (TypeError, ValueError, RecursionError):
        # The original names types and, for text that is not Unicode, holds all of the document.
        raise ValueError("the arguments hold something that JSON cannot carry") from None


def check_idempotency_key(key: str) -> str:
    """Give the key back.

    Raises:
        ValueError: where it is not 1 to 255 printable ASCII characters without outer spaces.
    """
    fits = 0 < len(key) <= MAX_IDEMPOTENCY_KEY and key.isascii() and key.isprintable()
    if not fits or key != key.strip():
        raise ValueError("an idempotency key has 1 to 255 printable ASCII characters")
    return key


def _plain(value: datetime | timedelta | float | str | None) -> float | str | None:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise ValueError("a time has to have a time zone")
        return to_rfc3339((value - _EPOCH) // timedelta(milliseconds=1))
    return value
