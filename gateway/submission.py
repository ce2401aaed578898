"""The body of `POST /v1/jobs`, read strictly into times and numbers."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from gateway.errors import Refused
from signing.strict_json import JsonObject, JsonValue, parse_object
from signing.times import TimeInvalid, from_rfc3339

DAY_MS: Final = 86_400_000
DEFAULT_LIFE_MS: Final = 7 * DAY_MS
MAX_AHEAD_MS: Final = 366 * DAY_MS
DEFAULT_PRIORITY: Final = 5
MAX_IDEMPOTENCY_KEY: Final = 255

_MEMBERS: Final = frozenset({"task", "args", "not_before", "delay", "expires", "priority"})
# W3C Trace Context, section 3.2.2; version 00 has exactly this form.
_TRACEPARENT: Final = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class Submission:
    """One job as a producer asks for it. Times in milliseconds since the epoch."""

    task: str
    args: JsonObject = field(repr=False)
    not_before: int
    expires_at: int
    priority: int


def read_submission(body: bytes, *, now: int, max_bytes: int) -> Submission:
    """Read the body.

    Raises:
        MalformedJSON: where it is not strict JSON.
        Refused: `malformed_request`, naming the member.
    """
    document = parse_object(body, max_bytes=max_bytes)
    if document.keys() - _MEMBERS:
        raise _malformed("the body has a member that is not known")
    task, args = document.get("task"), document.get("args", {})
    if not isinstance(task, str):
        raise _malformed("member task: not a text")
    if not isinstance(args, dict):
        raise _malformed("member args: not an object")
    not_before = _not_before(document, now)
    return Submission(
        task=task,
        args=args,
        not_before=not_before,
        expires_at=_expires(document.get("expires"), not_before, now),
        priority=_priority(document.get("priority", DEFAULT_PRIORITY)),
    )


def read_idempotency_key(fields: dict[str, str]) -> str | None:
    """Give the request's `Idempotency-Key`, where it has one.

    Raises:
        Refused: `malformed_request` where it is empty or too long.
    """
    key = fields.get("idempotency-key")
    if key is not None and not 0 < len(key) <= MAX_IDEMPOTENCY_KEY:
        raise _malformed("the idempotency key has 1 to 255 characters")
    return key


def read_trace(fields: dict[str, str], covered: Collection[str]) -> str | None:
    """Give the request's `traceparent` where it is one; else none, as the standard says.

    None too where the signature does not cover it: what is sealed is what the producer signed.
    """
    text = fields.get("traceparent", "") if "traceparent" in covered else ""
    return text if _TRACEPARENT.fullmatch(text) else None


def _not_before(document: JsonObject, now: int) -> int:
    moment, delay = document.get("not_before"), document.get("delay")
    if moment is not None and delay is not None:
        raise _malformed("members not_before and delay: give one of them")
    due = now
    if delay is not None:
        due = now + _seconds(delay, "delay")
    elif moment is not None:
        due = max(now, _time(moment, "not_before"))
    if due > now + MAX_AHEAD_MS:
        raise _malformed("members not_before and delay: more than 366 days ahead")
    return due


def _expires(value: JsonValue, not_before: int, now: int) -> int:
    if value is None:
        return not_before + DEFAULT_LIFE_MS
    if isinstance(value, str):
        expires = _time(value, "expires")
    else:
        expires = now + _seconds(value, "expires")
    if not not_before < expires <= not_before + MAX_AHEAD_MS:
        raise _malformed("member expires: not after the job is due, or over 366 days later")
    return expires


def _priority(value: JsonValue) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 9:
        raise _malformed("member priority: not a whole number from 0 to 9")
    return value


def _seconds(value: JsonValue, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise _malformed(f"member {name}: not a number of seconds")
    # Times 1000 it may be infinite; so many seconds are beyond every bound anyway.
    return round(min(value, MAX_AHEAD_MS) * 1000)


def _time(value: JsonValue, name: str) -> int:
    try:
        return from_rfc3339(value if isinstance(value, str) else "")
    except TimeInvalid as error:
        raise _malformed(f"member {name}: {error.message}") from None


def _malformed(message: str) -> Refused:
    return Refused("malformed_request", message)
