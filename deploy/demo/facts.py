"""What the acts saw, frozen, for the statements to judge."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deploy.demo.messages import Forgery
from deploy.demo.partner import Reply
from deploy.demo.payloads import Job
from deploy.demo.refusals import Case
from signing.claims import ResultClaims


@dataclass(frozen=True, slots=True)
class Sent:
    """A job that was submitted.

    Attributes:
        args: with the secrets in them.
        job_id: empty where it was refused.
        secrets: JSON Pointers, as the gateway told them.
        told: its answer.
    """

    job: Job
    args: dict[str, Any] = field(repr=False)
    job_id: str
    secrets: tuple[str, ...]
    told: str


@dataclass(frozen=True, slots=True)
class Turned:
    """A wrong request and what came of it."""

    case: Case
    reply: Reply


@dataclass(frozen=True, slots=True)
class Settled:
    """A job that settled.

    Attributes:
        claims: of its result, where the worker's seal verified.
        forged_verifies: whether the seal verified too after a byte of the result was changed.
        worked_with_secret: whether the result proves that the task had the true secret; `None`
            where a result of this task proves nothing of the kind.
    """

    sent: Sent
    status: str
    claims: ResultClaims | None = field(repr=False)
    forged_verifies: bool
    worked_with_secret: bool | None


@dataclass(frozen=True, slots=True)
class Scan:
    """A search for secrets.

    Attributes:
        places: how many there were to look at.
        bytes_read: how much.
        secrets: how many were looked for.
        hits: where one was found, and in which form.
    """

    places: int
    bytes_read: int
    secrets: int
    hits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pushed:
    """A forgery that was pushed, and the reasons with which the quarantine has it."""

    forgery: Forgery
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ledger:
    """The ledger's jobs: id -> state and number of attempts."""

    jobs: Mapping[str, tuple[str, int]]

    @property
    def runs(self) -> int:
        """How often a worker has begun a job."""
        return sum(attempts for _, attempts in self.jobs.values())
