"""What a task may know about the job that it is running as."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from signing.claims import JobClaims
from workers.errors import NotInJob


@dataclass(frozen=True, slots=True)
class JobContext:
    """The running job, out of its verified seal and its claim.

    Attributes:
        id: the job's id; stays the same over its attempts.
        attempt: counts from 1; also the fencing token of this claim.
        max_attempts: how many attempts the task allows.
        producer: who submitted the job.
        task: the task's name.
        queue: the queue that it came from.
        expires_at: when the job stops counting, with its time zone.
        trace: the W3C `traceparent` of the request, where there was one.
    """

    id: str
    attempt: int
    max_attempts: int
    producer: str
    task: str
    queue: str
    expires_at: datetime
    trace: str | None

    @classmethod
    def of(cls, claims: JobClaims, attempt: int, max_attempts: int) -> "JobContext":
        """What a task sees of verified claims, run as this attempt of so many.

        The ledger says how many: an attempt that could not begin adds one to the seal's.
        """
        return cls(
            id=claims.id,
            attempt=attempt,
            max_attempts=max_attempts,
            producer=claims.producer,
            task=claims.task,
            queue=claims.queue,
            expires_at=_EPOCH + timedelta(milliseconds=claims.expires_at),
            trace=claims.trace,
        )

    @property
    def last_attempt(self) -> bool:
        """Whether a failure now is final."""
        return self.attempt >= self.max_attempts


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_current: ContextVar[JobContext] = ContextVar("countersign_job")


def current_job() -> JobContext:
    """The job that runs in this thread.

    A finished job never runs again, but one whose worker died may: use `id` to make a task's
    effect happen once, and `attempt` to refuse what an earlier attempt still sends.

    Raises:
        NotInJob: outside of a running job.
    """
    try:
        return _current.get()
    except LookupError:
        raise NotInJob("current_job() works only inside of a running job") from None


@contextmanager
def entered(context: JobContext) -> Iterator[JobContext]:
    """Run a block as this job: what the worker does around a task, and a unit test may do."""
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)
