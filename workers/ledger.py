"""The ledger as a worker uses it: claim, renew, settle, quarantine; many jobs to a round trip."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from redis.exceptions import RedisError

from backends.errors import LedgerUnavailable
from backends.redis_clients import (
    Argument,
    Call,
    SyncRedis,
    run_each,
    run_scripts,
    unavailable,
)
from signing.errors import CountersignError
from signing.ledger import keys
from signing.ledger.lua import CLAIM, RENEW, SETTLE
from signing.ledger.record import RETENTION_MS, Claim, LedgerInvalid, claim_from, state_from
from signing.ledger.states import State
from workers.types import OutcomeKind

QUARANTINE_LENGTH: Final = 10_000
QUARANTINED_BYTES: Final = 65_536

T = TypeVar("T")

_NOT_CLAIMED: Final = Claim("unknown", attempt=0, extra=False, at=0, max_attempts=0)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settlement:
    """How an attempt ended, for the script `settle`."""

    job_id: str
    attempt: int
    kind: OutcomeKind
    sealed_result: bytes = field(repr=False)
    reason: str
    delay_ms: int

    def call(self) -> Call:
        """The script's call."""
        args: tuple[Argument, ...] = (
            self.job_id,
            self.attempt,
            self.kind,
            self.sealed_result,
            self.reason,
            self.delay_ms,
            RETENTION_MS,
        )
        return Call(SETTLE, (), args)


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A message that was not acted on, and why.

    Attributes:
        digest, size: of the whole message.
        raw: its beginning, at most `QUARANTINED_BYTES`: many may have to wait for the ledger.
    """

    queue: str
    reason: str
    digest: str
    size: int
    raw: bytes = field(repr=False)


class WorkerLedger:
    """Every call raises `LedgerUnavailable` where Redis does not answer."""

    def __init__(self, client: SyncRedis, worker: str, lease_ms: int) -> None:
        self._client = client
        self._worker = worker
        self._lease_ms = lease_ms

    def claim(self, deliveries: Sequence[tuple[str, str]]) -> list[Claim]:
        """Claim jobs, by (job id, token of the delivery), under this worker's lease.

        To be called again with the same tokens where its reply was lost. A job whose claim fails
        by itself is `unknown` here: its hint is let go, and the ledger gives it again.
        """
        calls = [
            Call(CLAIM, (), (job_id, self._worker, self._lease_ms, RETENTION_MS, token))
            for job_id, token in deliveries
        ]
        replies = run_each(self._client, calls)
        claims = [_read(reply, claim_from) for reply in replies]
        for (job_id, _), claim in zip(deliveries, claims, strict=True):
            if isinstance(claim, CountersignError):
                _log.error("job %s could not be claimed: %s", job_id, claim.message)
        return [_NOT_CLAIMED if isinstance(each, CountersignError) else each for each in claims]

    def renew(self, held: Sequence[tuple[str, int]]) -> list[bool]:
        """Renew leases of (job id, attempt); tell which are still this worker's."""
        flat: list[Argument] = [part for pair in held for part in pair]
        reply = run_scripts(self._client, [Call(RENEW, (), (self._lease_ms, *flat))])[0]
        return [item == 1 for item in reply]

    def settle(self, settlements: Sequence[Settlement]) -> list[State | None]:
        """Settle attempts; `None` for one that no longer held its job, or cannot be settled.

        One that fails by itself is tried once more without the others and then given up: its
        lease brings the job back.
        """
        states: list[State | None] = []
        for item, reply in zip(settlements, self._settled(settlements), strict=True):
            state = reply
            if isinstance(state, CountersignError):
                (state,) = self._settled([item])
            if isinstance(state, CountersignError):
                _log.error("job %s could not be settled: %s", item.job_id, state.message)
                state = None
            states.append(state)
        return states

    def _settled(self, settlements: Sequence[Settlement]) -> list[State | CountersignError | None]:
        replies = run_each(self._client, [item.call() for item in settlements])
        return [_read(reply, state_from) for reply in replies]

    def purged(self, paths: Sequence[str]) -> None:
        """Say that these paths' secrets are deleted."""
        try:
            self._client.zrem(keys.PURGE, *paths)
        except (RedisError, OSError) as error:
            raise unavailable(error) from None

    def quarantine(self, items: Sequence[Quarantined]) -> None:
        """Keep messages that were not acted on, for the security team."""
        pipe: Any
        try:
            with self._client.pipeline(transaction=False) as pipe:
                for item in items:
                    pipe.xadd(
                        keys.QUARANTINE,
                        {
                            "queue": item.queue,
                            "reason": item.reason,
                            "digest": item.digest,
                            "size": item.size,
                            "worker": self._worker,
                            "raw": item.raw,
                        },
                        maxlen=QUARANTINE_LENGTH,
                        approximate=True,
                    )
                pipe.execute()
        except (RedisError, OSError) as error:
            raise unavailable(error) from None


def _read(reply: object, read: Callable[[object], T]) -> T | CountersignError:
    """Read the reply of one call; what is wrong with it is given, and the others are read too."""
    if isinstance(reply, LedgerUnavailable):
        return reply
    try:
        return read(reply)
    except LedgerInvalid as error:
        return error
