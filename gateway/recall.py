"""Between steps 1 and 2 of a replay: the job that is to run again, out of its own seal. Pure."""

from typing import Final, Protocol

from gateway.errors import Refused
from gateway.types import Authenticated, KeptJob, Recalled
from signing.errors import SealInvalid
from signing.keyring import Keyring
from signing.seals import verify_job

REPLAYABLE: Final = frozenset({"failed", "expired"})


class KeepingLedger(Protocol):
    """The ledger as a replay reads it."""

    async def kept(self, job_id: str) -> KeptJob | None:
        """Read a job with its seal, at one moment; `None` where there is no such job.

        Raises:
            LedgerUnavailable: where Redis does not answer.
        """

    async def use_nonce(self, keyid: str, nonce: str) -> bool:
        """Mark a nonce of a key as used; tell whether it was new.

        Raises:
            LedgerUnavailable: where Redis does not answer.
        """


def recall(
    authenticated: Authenticated,
    kept: KeptJob | None,
    keyring: Keyring,
    *,
    audience: str,
) -> Recalled:
    """Give what a failed or expired job of this producer was, as its verified seal says it.

    The record next to the seal is not signed: it can refuse a replay, and decides nothing else.

    Raises:
        Refused: `malformed_request`, `job_not_found`, `not_replayable`.
    """
    if authenticated.raw.http.body:
        raise Refused("malformed_request", "a replay has no body: the job is run as it was")
    if kept is None or kept.record.producer != authenticated.producer.name:
        raise Refused("job_not_found", "you have no job of this id")
    if kept.record.state not in REPLAYABLE:
        raise Refused("not_replayable", "only a job that failed or expired is run again")
    if kept.seal is None:
        raise Refused("not_replayable", "its secrets are deleted: submit it again with its secrets")
    try:
        verified = verify_job(
            kept.seal, keyring, audience=audience, now=authenticated.raw.received_at
        )
    except SealInvalid:
        raise _not_trusted() from None
    claims = verified.claims
    if (claims.id, claims.producer) != (kept.record.job_id, authenticated.producer.name):
        raise _not_trusted()
    return Recalled(authenticated, claims)


def _not_trusted() -> Refused:
    return Refused("not_replayable", "its seal is not trusted now: submit it again")
