"""What a seal says: the claims of a job and of its result, as frozen types."""

from dataclasses import dataclass
from typing import Any, Final, Literal

from signing.claim_fields import Fields
from signing.errors import MalformedJSON, SealInvalid
from signing.strict_json import JsonObject, JsonValue, canonical, parse_object
from signing.times import to_rfc3339

VERSION: Final = 1
JOB_TYPE: Final = "application/vnd.countersign.job+json"
RESULT_TYPE: Final = "application/vnd.countersign.result+json"

ResultState = Literal["succeeded", "failed"]
_RESULT_STATES: Final[dict[str, ResultState]] = {"succeeded": "succeeded", "failed": "failed"}


@dataclass(frozen=True, slots=True)
class RequestBinding:
    """The producer's signed request that a job came from.

    Attributes:
        digest: of the request's body, `sha-256:<hex>`.
        keyid, nonce: of the request's signature.
    """

    digest: str
    keyid: str
    nonce: str


@dataclass(frozen=True, slots=True)
class JobClaims:
    """Everything that a worker acts on. Times in milliseconds, limits in seconds."""

    id: str
    producer: str
    task: str
    queue: str
    args: JsonObject
    issued_at: int
    not_before: int
    expires_at: int
    time_limit: int
    soft_time_limit: int
    max_attempts: int
    priority: int
    audience: str
    request: RequestBinding
    trace: str | None = None

    def to_payload(self) -> bytes:
        """Write the payload bytes that are signed."""
        return canonical(
            {
                "v": VERSION,
                "id": self.id,
                "producer": self.producer,
                "task": self.task,
                "queue": self.queue,
                "args": self.args,
                "issued_at": to_rfc3339(self.issued_at),
                "not_before": to_rfc3339(self.not_before),
                "expires_at": to_rfc3339(self.expires_at),
                "time_limit": self.time_limit,
                "soft_time_limit": self.soft_time_limit,
                "max_attempts": self.max_attempts,
                "priority": self.priority,
                "audience": self.audience,
                "request": {
                    "digest": self.request.digest,
                    "keyid": self.request.keyid,
                    "nonce": self.request.nonce,
                },
                "trace": self.trace,
            }
        )

    @classmethod
    def from_payload(cls, payload: bytes) -> "JobClaims":
        """Read verified payload bytes.

        Raises:
            SealInvalid: code `claims_invalid`; a field more, less or of another type.
        """
        fields = _fields(payload)
        request = Fields(fields.object("request"))
        claims = cls(
            id=fields.job_id("id"),
            producer=fields.text("producer"),
            task=fields.text("task"),
            queue=fields.text("queue"),
            args=fields.object("args"),
            issued_at=fields.time("issued_at"),
            not_before=fields.time("not_before"),
            expires_at=fields.time("expires_at"),
            time_limit=fields.integer("time_limit", 1),
            soft_time_limit=fields.integer("soft_time_limit", 1),
            max_attempts=fields.integer("max_attempts", 1),
            priority=fields.integer("priority", 0),
            audience=fields.text("audience"),
            request=RequestBinding(
                request.text("digest"), request.text("keyid"), request.text("nonce")
            ),
            trace=fields.optional_text("trace"),
        )
        request.done()
        fields.done()
        return claims


@dataclass(frozen=True, slots=True)
class ResultClaims:
    """How a job ended, bound to the job's id and to the digest of its seal."""

    id: str
    job_seal: str
    audience: str
    state: ResultState
    result: JsonValue
    error: str | None
    error_type: str | None
    attempt: int
    worker: str
    started_at: int
    finished_at: int

    def to_payload(self) -> bytes:
        """Write the payload bytes that are signed."""
        document: dict[str, Any] = {
            "v": VERSION,
            "id": self.id,
            "job_seal": self.job_seal,
            "audience": self.audience,
            "state": self.state,
            "result": self.result,
            "error": self.error,
            "error_type": self.error_type,
            "attempt": self.attempt,
            "worker": self.worker,
            "started_at": to_rfc3339(self.started_at),
            "finished_at": to_rfc3339(self.finished_at),
        }
        return canonical(document)

    @classmethod
    def from_payload(cls, payload: bytes) -> "ResultClaims":
        """Read verified payload bytes.

        Raises:
            SealInvalid: code `claims_invalid`.
        """
        fields = _fields(payload)
        state = _RESULT_STATES.get(fields.text("state"))
        if state is None:
            raise SealInvalid("claim state: not a result's state", code="claims_invalid")
        claims = cls(
            id=fields.job_id("id"),
            job_seal=fields.text("job_seal"),
            audience=fields.text("audience"),
            state=state,
            result=fields.value("result"),
            error=fields.optional_text("error"),
            error_type=fields.optional_text("error_type"),
            attempt=fields.integer("attempt", 1),
            worker=fields.text("worker"),
            started_at=fields.time("started_at"),
            finished_at=fields.time("finished_at"),
        )
        fields.done()
        return claims


def _fields(payload: bytes) -> Fields:
    try:
        fields = Fields(parse_object(payload))
    except MalformedJSON as error:
        raise SealInvalid(f"the payload: {error.message}", code="claims_invalid") from None
    if fields.integer("v", VERSION) != VERSION:
        raise SealInvalid("claim v: not a version known here", code="claims_invalid")
    return fields
