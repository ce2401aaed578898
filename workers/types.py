"""What each stage of the worker hands to the next: frozen, so that no step can be skipped."""

from dataclasses import dataclass, field
from typing import Literal

from signing.seals import VerifiedJob
from signing.strict_json import JsonObject, JsonValue

OutcomeKind = Literal["succeeded", "failed", "retry", "release", "lost"]


@dataclass(frozen=True, slots=True)
class Content:
    """What a message is said to hold, where that stands beside its bytes (AMQP)."""

    kind: bytes
    encoding: bytes


@dataclass(frozen=True, slots=True)
class Delivered:
    """Bytes off the broker and the queue they came from; nothing of them is trusted.

    Attributes:
        content: beside the bytes; `None` where it stands in them (Redis).
        redelivered: the broker says that it gave this message before.
    """

    queue: str
    raw: bytes = field(repr=False)
    content: Content | None = None
    redelivered: bool = False


@dataclass(frozen=True, slots=True)
class Verified:
    """A job whose seal was verified, on the queue it is sealed for.

    Attributes:
        raw: the bytes off the broker, for the quarantine if it turns out to be a replay.
        redelivered: the broker gave this message before, so that it may come without being one.
    """

    job: VerifiedJob
    queue: str
    raw: bytes = field(repr=False)
    redelivered: bool = False


@dataclass(frozen=True, slots=True)
class Claimed:
    """A verified job that this worker holds.

    Attributes:
        attempt: the fencing token.
        started_at: Redis's time of the claim, ms.
        begin_by: seconds of this machine's monotonic clock: what has not begun by then does not,
            for its lease may have ended, and the job may have settled elsewhere.
    """

    job: VerifiedJob
    attempt: int
    max_attempts: int
    started_at: int
    begin_by: float


@dataclass(frozen=True, slots=True)
class Ready:
    """A claimed job with its secrets resolved; lives in the process that runs it and only there.

    Attributes:
        secrets: the resolved values as texts, to be taken out of whatever the task gives back.
    """

    claimed: Claimed
    args: JsonObject = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Attributes:
        error: a stable code; `error_type` is an exception's class name, never its message.
        delay_ms: for `retry` and `release`, until it may be claimed again.
    """

    kind: OutcomeKind
    result: JsonValue = field(default=None, repr=False)
    error: str | None = None
    error_type: str | None = None
    delay_ms: int = 0
