"""Times on the wire are RFC 3339 in UTC; inside they are whole milliseconds since the epoch."""

import re
from datetime import UTC, datetime, timedelta

from signing.errors import CountersignError

_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d{1,9})?"
    r"(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII | re.IGNORECASE,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class TimeInvalid(CountersignError):
    """A text is not an RFC 3339 date-time with an offset."""

    code = "time_invalid"


def to_rfc3339(milliseconds: int) -> str:
    """Write milliseconds since the epoch as `2026-11-22T10:00:00.000Z`."""
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    return f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def from_rfc3339(text: str) -> int:
    """Read an RFC 3339 date-time (section 5.6; an offset is required) as milliseconds.

    Raises:
        TimeInvalid: where it is not one.
    """
    if _RFC3339.fullmatch(text) is None:
        raise TimeInvalid("not an RFC 3339 date-time with an offset")
    try:
        # POSIX time has no leap second: it is read as the second before it.
        moment = datetime.fromisoformat(text.upper().replace(":60", ":59")).astimezone(UTC)
    except (ValueError, OverflowError):
        raise TimeInvalid("not an RFC 3339 date-time that exists") from None
    return (moment - _EPOCH) // _MILLISECOND
