"""Step 5 of the worker: outcomes into sealed results, signed in batches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from backends.transit import BatchSigner
from signing.claims import ResultClaims, ResultState
from signing.seals import Unsigned, unsigned_result
from workers.ledger import Settlement
from workers.types import Claimed, Outcome


@dataclass(frozen=True, slots=True)
class Finished:
    """A claimed job and how its run ended."""

    claimed: Claimed
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Sealer:
    """Turns what finished into settlements, with a sealed result where the job ends with it."""

    signer: BatchSigner
    worker: str
    clock: Callable[[], int]

    def settlements(self, finished: Sequence[Finished]) -> list[Settlement]:
        """Seal results, all in one call to the signer.

        Raises:
            VaultUnavailable, VaultDenied: where the signer does not sign.
        """
        unsigned = {
            index: self._unsigned(item, item.outcome.kind)
            for index, item in enumerate(finished)
            if item.outcome.kind == "succeeded" or item.outcome.kind == "failed"
        }
        signed = self.signer.sign([item.to_sign for item in unsigned.values()])
        sealed = {
            index: item.sealed(signature.keyid, signature.sig)
            for (index, item), signature in zip(unsigned.items(), signed, strict=True)
        }
        return [_settlement(item, sealed.get(index, b"")) for index, item in enumerate(finished)]

    def _unsigned(self, finished: Finished, state: ResultState) -> Unsigned:
        claimed, outcome = finished.claimed, finished.outcome
        claims = claimed.job.claims
        return unsigned_result(
            ResultClaims(
                id=claims.id,
                job_seal=claimed.job.seal,
                audience=claims.audience,
                state=state,
                result=outcome.result,
                error=outcome.error,
                error_type=outcome.error_type,
                attempt=claimed.attempt,
                worker=self.worker,
                started_at=claimed.started_at,
                finished_at=max(self.clock(), claimed.started_at),
            )
        )


def _settlement(finished: Finished, sealed_result: bytes) -> Settlement:
    outcome = finished.outcome
    return Settlement(
        job_id=finished.claimed.job.claims.id,
        attempt=finished.claimed.attempt,
        kind=outcome.kind,
        sealed_result=sealed_result,
        reason=outcome.error or "",
        delay_ms=outcome.delay_ms,
    )
