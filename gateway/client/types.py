"""What a gateway tells of jobs and tasks, as frozen types read from its documents."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from gateway.client.members import Members, invalid
from signing.ledger.states import TERMINAL
from signing.strict_json import JsonObject, JsonValue, canonical

_SETTLED: Final[frozenset[str]] = frozenset(TERMINAL)


@dataclass(frozen=True, slots=True)
class SubmittedJob:
    """A job that the gateway accepted, and will not lose.

    Attributes:
        secrets: JSON Pointers to the arguments that went to Vault.
        location: path of the job at the gateway.
        idempotency_key: the same submission under it gives this job again, for 24 hours.
    """

    id: str
    task: str
    secrets: tuple[str, ...]
    location: str
    idempotency_key: str


@dataclass(frozen=True, slots=True)
class JobError:
    """Why a job has no result.

    Attributes:
        type: name of the exception that the task ended with.
        reason: why the gateway does not pass a result on.
    """

    code: str
    type: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class JobSummary:
    """How a job stands, in short, as a list tells it.

    Attributes:
        status: one of the contract's states.
        error: why it failed or waits, as the gateway tells it.
    """

    id: str
    status: str
    task: str
    attempts: int
    max_attempts: int
    accepted_at: datetime
    due_at: datetime
    expires_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: JobError | None

    @property
    def settled(self) -> bool:
        """Whether the status is final."""
        return self.status in _SETTLED


@dataclass(frozen=True, slots=True)
class JobStatus(JobSummary):
    """How a job stands, as the gateway tells it.

    Attributes:
        seal: digest of the job's seal, which its result is bound to.
        result: as told, like `error`; `Client.verified_result` checks them against the worker's
            seal.
        sealed_result: the result as the worker sealed it, a DSSE envelope's JSON.
    """

    seal: str
    result: JsonValue = field(repr=False)
    sealed_result: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class JobPage:
    """Some of a producer's jobs; `next` is the cursor to more of them."""

    jobs: tuple[JobSummary, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Task:
    """A task that this producer may submit; `schema` is the JSON Schema of its arguments."""

    name: str
    description: str
    queue: str
    schema: JsonObject = field(repr=False)
    max_attempts: int
    time_limit: int
    soft_time_limit: int


def read_submitted(document: JsonObject, location: str, idempotency_key: str) -> SubmittedJob:
    """Read the answer to a submission.

    Raises:
        TransportError: code `answer_invalid`.
    """
    members = Members(document)
    job_id = members.job_id("id")
    return SubmittedJob(
        id=job_id,
        task=members.text("task"),
        secrets=members.texts("secrets"),
        location=location or f"/v1/jobs/{job_id}",
        idempotency_key=idempotency_key,
    )


def read_status(document: JsonObject, job_id: str) -> JobStatus:
    """Read a job's status.

    Raises:
        TransportError: code `answer_invalid`; also for another job's.
    """
    members = Members(document)
    if members.job_id("id") != job_id:
        raise invalid("it is about another job")
    return JobStatus(
        **_summary(members),
        seal=members.text("seal"),
        result=document.get("result"),
        sealed_result=_sealed(members.optional("sealed_result")),
    )


def read_page(document: JsonObject) -> JobPage:
    """Read one page of a list of jobs.

    Raises:
        TransportError: code `answer_invalid`.
    """
    members = Members(document)
    jobs = tuple(JobSummary(**_summary(each)) for each in members.each("jobs"))
    return JobPage(jobs, members.optional_text("next"))


def read_tasks(document: JsonObject) -> tuple[Task, ...]:
    """Read the catalog as this producer may use it.

    Raises:
        TransportError: code `answer_invalid`.
    """
    return tuple(
        Task(
            name=members.text("name"),
            description=members.optional_text("description") or "",
            queue=members.text("queue"),
            schema=members.object("schema"),
            max_attempts=members.integer("max_attempts"),
            time_limit=members.integer("time_limit"),
            soft_time_limit=members.integer("soft_time_limit"),
        )
        for members in Members(document).each("tasks")
    )


def _summary(members: Members) -> dict[str, Any]:
    return {
        "id": members.job_id("id"),
        "status": members.text("status"),
        "task": members.text("task"),
        "attempts": members.integer("attempts"),
        "max_attempts": members.integer("max_attempts"),
        "accepted_at": members.time("accepted_at"),
        "due_at": members.time("due_at"),
        "expires_at": members.time("expires_at"),
        "started_at": members.optional_time("started_at"),
        "finished_at": members.optional_time("finished_at"),
        "error": _error(members),
    }


def _error(members: Members) -> JobError | None:
    error = members.optional("error")
    if error is None:
        return None
    return JobError(
        code=error.text("code"),
        type=error.optional_text("type"),
        reason=error.optional_text("reason"),
    )


def _sealed(envelope: Members | None) -> bytes | None:
    # What is signed is the payload inside; how the JSON around it is written does not matter.
    return None if envelope is None else canonical(envelope.document)
