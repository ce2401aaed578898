"""The ledger as a worker uses it: claim, renew, settle, quarantine; many jobs to a round trip."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from redis.exceptions import RedisError

from backends.redis_clients import Argument, Call, SyncRedis, run_scripts, unavailable
from signing.ledger import keys
from signing.ledger.lua import CLAIM, RENEW, SETTLE
from signing.ledger.record import RETENTION_MS, Claim, claim_from, state_from
from signing.ledger.states import State
from workers.types import OutcomeKind

QUARANTINE_LENGTH: Final = 10_000
QUARANTINED_BYTES: Final = 65_536


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

        To be called again with the same tokens where its reply was lost.
        """
        calls = [
            Call(CLAIM, (), (job_id, self._worker, self._lease_ms, RETENTION_MS, token))
            for job_id, token in deliveries
        ]
        return [claim_from(reply) for reply in run_scripts(self._client, calls)]

    def renew(self, held: Sequence[tuple[str, int]]) -> list[bool]:
        """Renew leases of (job id, attempt); tell which are still this worker's."""
        flat: list[Argument] = [part for pair in held for part in pair]
        reply = run_scripts(self._client, [Call(RENEW, (), (self._lease_ms, *flat))])[0]
        return [item == 1 for item in reply]

    def settle(self, settlements: Sequence[Settlement]) -> list[State | None]:
        """Settle attempts; `None` for one that no longer held its job."""
        replies = run_scripts(self._client, [item.call() for item in settlements])
        return [state_from(reply) for reply in replies]

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
