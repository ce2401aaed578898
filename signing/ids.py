"""Job ids: UUID version 7 (RFC 9562, section 5.7), so that they sort by the time they were made."""

import re
import uuid

_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def uuid7(milliseconds: int, random: bytes) -> str:
    """Make one from a time in milliseconds since the epoch and 10 random bytes.

    Raises:
        ValueError: where `random` is shorter than 10 bytes or the time does not fit 48 bits.
    """
    if len(random) < 10:
        raise ValueError("a UUID of version 7 takes 10 random bytes")
    if not 0 <= milliseconds < 1 << 48:
        raise ValueError("a UUID of version 7 holds 48 bits of milliseconds")
    value = milliseconds.to_bytes(6, "big") + random[:10]
    number = int.from_bytes(value, "big")
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=number))


def is_job_id(text: str) -> bool:
    """Tell whether a text is a job id in the only form that is written here."""
    return _UUID7.fullmatch(text) is not None
