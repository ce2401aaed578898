"""Step 5 of the ingress: one atomic write, after which the job is never lost."""

import math
from typing import Protocol

from backends.errors import LedgerRefused
from gateway.errors import RETRY_AFTER_S, Refused
from gateway.seal import body_digest
from gateway.types import Receipt, Sealed
from signing.ledger.record import Acceptance, Accepted, Limits


class AcceptingLedger(Protocol):
    """The ledger as the ingress writes it."""

    async def accept(self, acceptance: Acceptance) -> Accepted:
        """Run the script `accept`, in one round trip with other requests.

        Raises:
            LedgerUnavailable: where it may not have run.
        """


async def accept(sealed: Sealed, ledger: AcceptingLedger) -> Receipt:
    """Accept a sealed job.

    Raises:
        LedgerUnavailable: where Redis did not answer.
        LedgerRefused: where it is full, or its clock is another.
        Refused: `replayed`, `idempotency_mismatch`, `rate_limited`, `quota_exceeded`.
    """
    accepted = await ledger.accept(acceptance_of(sealed))
    if accepted.outcome == "clock":
        raise LedgerRefused("the clocks of gateway and ledger are apart: set both by NTP")
    if accepted.outcome == "replayed":
        raise Refused("replayed", "sign each request with a nonce of its own")
    if accepted.outcome == "mismatch":
        raise Refused("idempotency_mismatch", "use a new idempotency key for a new body")
    if accepted.outcome == "limited":
        raise _rate_limited(sealed, accepted.wait_ms)
    if accepted.outcome == "full":
        raise _quota_exceeded(sealed)
    admitted = sealed.stripped.admitted
    return Receipt(
        job_id=accepted.job_id,
        task=admitted.task.name,
        secrets=tuple(f"/args{place}" for place in admitted.secret_places),
        repeated=accepted.outcome == "existing",
    )


def acceptance_of(sealed: Sealed) -> Acceptance:
    """Give what the ledger keeps of a sealed job."""
    admitted = sealed.stripped.admitted
    authenticated = admitted.authenticated
    claims = sealed.claims
    return Acceptance(
        job_id=claims.id,
        seal=sealed.seal,
        seal_digest=sealed.digest,
        producer=claims.producer,
        task=claims.task,
        queue=claims.queue,
        priority=claims.priority,
        max_attempts=claims.max_attempts,
        on_lost=admitted.task.on_lost,
        has_secret=sealed.stripped.stored,
        issued_at=claims.issued_at,
        not_before=claims.not_before,
        expires_at=claims.expires_at,
        keyid=authenticated.keyid,
        nonce=authenticated.nonce,
        idempotency_key=admitted.idempotency_key,
        body_digest=_asked(sealed),
        limits=authenticated.producer.limits,
    )


def _asked(sealed: Sealed) -> str:
    """The digest of what is asked for: an idempotency key stands for one such thing.

    A replay has no body: what it asks for is its path's.
    """
    replay_of = sealed.stripped.admitted.replay_of
    if replay_of is None:
        return sealed.claims.request.digest
    return body_digest(f"replay of {replay_of}".encode())


def _rate_limited(sealed: Sealed, wait_ms: int) -> Refused:
    limits = _limits(sealed)
    wait = max(1, math.ceil(wait_ms / 1000))
    window = max(1, round(limits.burst / limits.per_second))
    return Refused(
        "rate_limited",
        "slow down",
        retry_after_s=wait,
        headers=_rate_limit_fields("jobs", f"q={limits.burst};w={window}", wait),
    )


def _quota_exceeded(sealed: Sealed) -> Refused:
    """A quota of open jobs has no window: they end when they end."""
    wait = RETRY_AFTER_S["quota_exceeded"]
    return Refused(
        "quota_exceeded",
        "wait until some of your jobs have settled",
        headers=_rate_limit_fields("open-jobs", f"q={_limits(sealed).open_jobs}", wait),
    )


def _limits(sealed: Sealed) -> Limits:
    return sealed.stripped.admitted.authenticated.producer.limits


def _rate_limit_fields(policy: str, quota: str, wait: int) -> tuple[tuple[str, str], ...]:
    """The fields of draft-ietf-httpapi-ratelimit-headers for a limit that is used up."""
    return ("ratelimit-policy", f'"{policy}";{quota}'), ("ratelimit", f'"{policy}";r=0;t={wait}')
