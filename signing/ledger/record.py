"""What the scripts take and give, as frozen types: the record, an acceptance, a claim."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from signing.errors import CountersignError
from signing.ledger import keys
from signing.ledger.packed import PackedInvalid, pack, unpack
from signing.ledger.states import STATES, State

NONCE_TTL_MS = 360_000  # outlives the 300 s window and 30 s of skew
IDEMPOTENCY_TTL_MS = 86_400_000
RETENTION_MS = 7 * 86_400_000
#: How far the clocks of gateway and ledger may be apart: less than a nonce outlives its request.
CLOCK_MARGIN_MS = 15_000

AcceptOutcome = Literal["accepted", "existing", "replayed", "mismatch", "limited", "full", "clock"]
ClaimStatus = Literal["claimed", "early", "unknown"] | State
_ACCEPT_OUTCOMES: dict[bytes, AcceptOutcome] = {
    b"accepted": "accepted",
    b"existing": "existing",
    b"replayed": "replayed",
    b"mismatch": "mismatch",
    b"limited": "limited",
    b"full": "full",
    b"clock": "clock",
}
_STATES: dict[bytes, State] = {state.encode(): state for state in STATES}
_CLAIM_STATUSES: dict[bytes, ClaimStatus] = {
    **_STATES,
    b"claimed": "claimed",
    b"early": "early",
    b"unknown": "unknown",
}


class LedgerInvalid(CountersignError):
    """The ledger gave a reply or a record that is not of its form."""

    code = "ledger_invalid"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a producer may do; 0 stands for no limit.

    Attributes:
        per_second: jobs a second in the long run.
        burst: jobs at once.
        open_jobs: jobs that have not settled.
    """

    per_second: float = 0
    burst: int = 1
    open_jobs: int = 0

    @property
    def interval_ms(self) -> float:
        """Milliseconds between two jobs at the rate; 0 where there is none."""
        return 1000 / self.per_second if self.per_second else 0


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One job to be accepted: its seal and what the ledger keeps beside it."""

    job_id: str
    seal: bytes
    seal_digest: str
    producer: str
    task: str
    queue: str
    priority: int
    max_attempts: int
    on_lost: str
    has_secret: bool
    issued_at: int
    not_before: int
    expires_at: int
    keyid: str
    nonce: str
    idempotency_key: str | None
    body_digest: str
    limits: "Limits"

    def script_keys(self) -> list[str]:
        """KEYS of the script `accept`."""
        idempotency = (
            ""
            if self.idempotency_key is None
            else keys.idempotency(self.producer, self.idempotency_key)
        )
        return [keys.nonce(self.keyid, self.nonce), idempotency]

    def script_args(self) -> list[str | bytes | int]:
        """ARGV of the script `accept`.

        Raises:
            ValueError: where a field holds a line break; every one was checked to hold none.
        """
        record: dict[str, str | int] = {
            "producer": self.producer,
            "task": self.task,
            "queue": self.queue,
            "priority": self.priority,
            "max_attempts": self.max_attempts,
            "on_lost": self.on_lost,
            "secret": int(self.has_secret),
            "seal": self.seal_digest.removeprefix("sha-256:"),
        }
        head = (
            NONCE_TTL_MS,
            self.body_digest,
            IDEMPOTENCY_TTL_MS,
            self.not_before,
            self.expires_at,
            self.producer,
            f"{self.limits.interval_ms:.3f}",
            self.limits.burst,
            self.limits.open_jobs,
            self.issued_at - CLOCK_MARGIN_MS,
            self.issued_at + CLOCK_MARGIN_MS,
        )
        lines = [*head, *(part for pair in record.items() for part in pair)]
        text = "".join(f"{line}\n" for line in lines)
        if text.count("\n") != len(lines):
            raise ValueError("a field of a job holds a line break")
        return [self.job_id, pack(self.seal), text]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The reply of `accept`; `wait_ms` is when a limited producer may try again."""

    outcome: AcceptOutcome
    job_id: str
    wait_ms: int = 0


@dataclass(frozen=True, slots=True)
class Hint:
    """One job that a dispatcher publishes."""

    job_id: str
    queue: str
    task: str
    priority: int
    seal: bytes


@dataclass(frozen=True, slots=True)
class TakenJobs:
    """The reply of `take_due`: what to publish, and ids of jobs that cannot be read."""

    hints: tuple[Hint, ...]
    unreadable: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """The reply of `claim`.

    Attributes:
        attempt: the fencing token where `status` is `claimed`.
        extra: more hints of this job were taken than a dispatcher ever published.
        at: Redis's time of the claim, ms.
        max_attempts: how many there may be; attempts that could not begin are added to it.
    """

    status: ClaimStatus
    attempt: int
    extra: bool
    at: int
    max_attempts: int


@dataclass(frozen=True, slots=True)
class Record:
    """A job as the ledger holds it. Times in milliseconds; `None` where it has not happened."""

    job_id: str
    state: State
    producer: str
    task: str
    queue: str
    priority: int
    attempt: int
    max_attempts: int
    on_lost: str
    has_secret: bool
    seal_digest: str
    accepted: int
    due: int
    expires: int
    started: int | None
    finished: int | None
    worker: str | None
    error: str | None


def accepted_from(reply: object) -> Accepted:
    """Read the reply of `accept`.

    Raises:
        LedgerInvalid: where it is not one.
    """
    match reply:
        case [bytes(outcome), bytes(job_id), int(wait_ms)] if outcome in _ACCEPT_OUTCOMES:
            with _reading("the reply of accept"):
                return Accepted(_ACCEPT_OUTCOMES[outcome], job_id.decode("ascii"), wait_ms)
    raise LedgerInvalid("the reply of accept is not of its form")


def taken_from(reply: object) -> TakenJobs:
    """Read the reply of `take_due`.

    Raises:
        LedgerInvalid: where it is not one.
    """
    if not isinstance(reply, list) or len(reply) % 5:
        raise LedgerInvalid("the reply of take_due is not of its form")
    hints, unreadable = [], []
    for i in range(0, len(reply), 5):
        try:
            hint = _hint(reply[i : i + 5])
            seal = unpack(hint.seal)
            with _reading("a seal"):
                seal.decode("utf-8")  # so it goes into the message
            hints.append(replace(hint, seal=seal))
        except (LedgerInvalid, PackedInvalid):
            unreadable.append(_id_of(reply[i]))
    return TakenJobs(tuple(hints), tuple(unreadable))


def claim_from(reply: object) -> Claim:
    """Read the reply of `claim`.

    Raises:
        LedgerInvalid: where it is not one.
    """
    match reply:
        case [bytes(word), int(attempt), int(extra), int(at), int(max_attempts)]:
            status = _CLAIM_STATUSES.get(word)
            if status is not None:
                return Claim(status, attempt, extra == 1, at, max_attempts)
    raise LedgerInvalid("the reply of claim is not of its form")


def state_from(reply: object) -> State | None:
    """Read the reply of `settle`: the state after, or `None` for a stale attempt.

    Raises:
        LedgerInvalid: where it is neither.
    """
    if reply == b"stale":
        return None
    if isinstance(reply, bytes) and reply in _STATES:
        return _STATES[reply]
    raise LedgerInvalid("the reply of settle is not of its form")


def record_from(job_id: str, fields: dict[bytes, bytes]) -> Record | None:
    """Read a job's hash; `None` where there is none.

    Raises:
        LedgerInvalid: where a field is missing or of another type.
    """
    if not fields:
        return None
    with _reading("a job's record"):
        return Record(
            job_id=job_id,
            state=_STATES[fields[b"state"]],
            producer=fields[b"producer"].decode("ascii"),
            task=fields[b"task"].decode("ascii"),
            queue=fields[b"queue"].decode("ascii"),
            priority=int(fields[b"priority"]),
            attempt=int(fields[b"attempt"]),
            max_attempts=int(fields[b"max_attempts"]),
            on_lost=fields[b"on_lost"].decode("ascii"),
            has_secret=bool(int(fields[b"secret"])),
            seal_digest=f"sha-256:{fields[b'seal'].decode('ascii')}",
            accepted=int(fields[b"accepted"]),
            due=int(fields[b"due"]),
            expires=int(fields[b"expires"]),
            started=_optional_int(fields.get(b"started")),
            finished=_optional_int(fields.get(b"finished")),
            worker=_optional_text(fields.get(b"worker")),
            error=_optional_text(fields.get(b"error")),
        )


def _hint(parts: list[object]) -> Hint:
    match parts:
        case [bytes(job_id), bytes(queue), bytes(task), bytes(priority), bytes(seal)]:
            with _reading("the reply of take_due"):
                return Hint(
                    job_id=job_id.decode("ascii"),
                    queue=queue.decode("ascii"),
                    task=task.decode("ascii"),
                    priority=int(priority),
                    seal=seal,
                )
    raise LedgerInvalid("the reply of take_due is not of its form")


def _id_of(value: object) -> str:
    if not isinstance(value, bytes):
        raise LedgerInvalid("the reply of take_due is not of its form")
    return value.decode("ascii", "backslashreplace")


@contextmanager
def _reading(what: str) -> Iterator[None]:
    try:
        yield
    except (KeyError, ValueError):
        raise LedgerInvalid(f"{what} is not of its form") from None


def _optional_int(value: bytes | None) -> int | None:
    return int(value) if value else None


def _optional_text(value: bytes | None) -> str | None:
    return value.decode("utf-8", "replace") if value else None
