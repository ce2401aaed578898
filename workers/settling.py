"""Step 5 of the worker: outcomes into sealed results, signed in batches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from backends.transit import BatchSigner
from signing.claims import ResultClaims, ResultState
from signing.seals import Unsigned, unsigned_result
from workers.ledger import Settlement
from workers.types import Claimed, Outcome, OutcomeKind

#: Outcomes that end a job under a worker's seal; the others need no signature, and wait for none.
SEALED: Final[frozenset[OutcomeKind]] = frozenset({"succeeded", "failed"})


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
            ValueError: for an outcome that is not sealed.
        """
        unsigned = [self._unsigned(item, _result_state(item.outcome)) for item in finished]
        signed = self.signer.sign([item.to_sign for item in unsigned])
        return [
            _settlement(item, result.sealed(signature.keyid, signature.sig))
            for item, result, signature in zip(finished, unsigned, signed, strict=True)
        ]

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


def unsealed_settlement(finished: Finished) -> Settlement:
    """Give the settlement of an attempt after which the job goes on, or that nobody saw end."""
    return _settlement(finished, b"")


def _result_state(outcome: Outcome) -> ResultState:
    if outcome.kind == "succeeded" or outcome.kind == "failed":
        return outcome.kind
    raise ValueError("only an outcome that ends its job is sealed")


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
