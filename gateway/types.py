"""What each stage of the ingress hands to the next: frozen, so that no step can be skipped."""

from dataclasses import dataclass, field

from gateway.producers import Producer
from signing.catalog import TaskSpec
from signing.claims import JobClaims
from signing.http_fields import HttpRequest
from signing.ledger.record import Record
from signing.strict_json import JsonObject, JsonValue


@dataclass(frozen=True, slots=True)
class RawRequest:
    """A request off the wire.

    Attributes:
        client: the peer's IP address, as the socket tells it.
        received_at: milliseconds since the epoch.
    """

    http: HttpRequest
    client: str
    received_at: int


@dataclass(frozen=True, slots=True)
class Authenticated:
    """A request that a registered key signed; its nonce is not yet known to be new.

    Attributes:
        covered: the components that its signature covers; any other may have been changed.
    """

    raw: RawRequest
    producer: Producer
    keyid: str
    nonce: str
    covered: frozenset[str]


@dataclass(frozen=True, slots=True)
class KeptJob:
    """A settled job as the ledger holds it, with its seal where that is kept; neither is trusted.

    Attributes:
        seal: empty where what is kept cannot be unpacked; `None` where there is none.
    """

    record: Record
    seal: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Recalled:
    """A job that its producer asks to be run again, read out of its verified seal."""

    authenticated: Authenticated
    claims: JobClaims


@dataclass(frozen=True, slots=True)
class Admitted:
    """A job that this producer may submit, with arguments that keep to the task's schema.

    Attributes:
        secret_places: JSON Pointers to values that have to go to Vault.
        not_before, expires_at: milliseconds since the epoch.
        replay_of: the job that this one runs again.
    """

    authenticated: Authenticated
    job_id: str
    task: TaskSpec
    args: JsonObject = field(repr=False)
    secret_places: tuple[str, ...]
    not_before: int
    expires_at: int
    priority: int
    idempotency_key: str | None
    trace: str | None
    replay_of: str | None = None


@dataclass(frozen=True, slots=True)
class Stripped:
    """A job without secret values; they rest in Vault, if there were any."""

    admitted: Admitted
    args: JsonObject

    @property
    def stored(self) -> bool:
        """Whether Vault holds secrets for this job."""
        return bool(self.admitted.secret_places)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed job, ready to be accepted."""

    stripped: Stripped
    claims: JobClaims
    seal: bytes = field(repr=False)
    digest: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to an accepted job: it survives a kill of every process here.

    Attributes:
        repeated: the first answer to this idempotency key, given again.
    """

    job_id: str
    task: str
    secrets: tuple[str, ...]
    repeated: bool

    def as_json(self) -> dict[str, JsonValue]:
        """The body of the 202 answer."""
        return {
            "id": self.job_id,
            "status": "queued",
            "task": self.task,
            "secrets": list(self.secrets),
        }
