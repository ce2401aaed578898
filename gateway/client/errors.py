"""What can go wrong between a producer and a gateway; no error holds an argument or a key."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from signing.errors import CountersignError
from signing.strict_json import JsonValue


class ClientError(CountersignError):
    """Base of all errors here.

    Attributes:
        idempotency_key: of the submission that failed; submitting the same again under it is
            safe, whether or not the gateway had accepted it.
    """

    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """An answer of `application/problem+json` (RFC 9457).

    Attributes:
        members: beyond the standard's own; such as `errors`, the places that break a schema.
        retry_after: seconds after which the gateway says that trying again is worth it.
    """

    code: str
    status: int
    title: str
    detail: str
    members: Mapping[str, JsonValue] = field(default_factory=dict, repr=False)
    retry_after: float | None = None


class ProblemError(ClientError):
    """The gateway refused; `code` is one of the contract's."""

    def __init__(self, problem: Problem) -> None:
        said = problem.detail or problem.title
        super().__init__(f"{problem.code} ({problem.status}): {said}", code=problem.code)
        self.problem = problem

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.problem.status

    @property
    def detail(self) -> str:
        """What the gateway says to people."""
        return self.problem.detail

    @property
    def members(self) -> Mapping[str, JsonValue]:
        """The members beyond the standard's own."""
        return self.problem.members

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait before trying again, where the gateway says so."""
        return self.problem.retry_after


class TransportError(ClientError):
    """No answer that can be used; the code says why.

    Codes: `unreachable`, `timed_out`, `interrupted`, `certificate_refused`, `redirected`,
    `answer_too_large`, `answer_invalid`.
    """

    code = "transport"


class ResultUnverified(ClientError):
    """A result is not, or not provably, what a worker of this gateway sealed for this job."""

    code = "result_unverified"
