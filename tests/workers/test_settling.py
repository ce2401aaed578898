"""Step 5: outcomes become settlements; what ends a job gets a seal, in one call to the signer."""

from collections.abc import Sequence

import pytest

from backends.errors import VaultUnavailable
from backends.transit import Signed
from signing.seals import verify_result
from tests.signing.builders import AUDIENCE, NOW, private_key
from tests.workers.builders import KEYRING, claimed, job_id
from workers.settling import SEALED, Finished, Sealer, unsealed_settlement
from workers.types import Outcome


class Signer:
    """Signs with the worker's key of these tests."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def sign(self, messages: Sequence[bytes]) -> list[Signed]:
        self.batches.append(len(messages))
        return [Signed("result:1", private_key(2).sign(item)) for item in messages]


OUTCOMES = [
    Outcome("succeeded", result={"a": 1}),
    Outcome("retry", error="task_error", error_type="ConnectionError", delay_ms=7),
    Outcome("failed", error="task_error", error_type="ValueError"),
    Outcome("release", error="vault_unavailable", delay_ms=9),
    Outcome("lost", error="worker_lost"),
]


def test_what_ends_a_job_is_sealed_all_at_once() -> None:
    signer = Signer()
    finished = [
        Finished(claimed(attempt=n + 1, id=job_id(n)), outcome)
        for n, outcome in enumerate(OUTCOMES)
        if outcome.kind in SEALED
    ]
    settlements = Sealer(signer, "worker-1", lambda: NOW + 5).settlements(finished)
    assert signer.batches == [2]
    assert [item.kind for item in settlements] == ["succeeded", "failed"]
    assert all(item.sealed_result for item in settlements)
    assert [item.reason for item in settlements] == ["", "task_error"]
    assert [(item.job_id, item.attempt) for item in settlements] == [(job_id(0), 1), (job_id(2), 3)]


@pytest.mark.parametrize("outcome", [item for item in OUTCOMES if item.kind not in SEALED])
def test_what_does_not_end_a_job_needs_no_signature(outcome: Outcome) -> None:
    settlement = unsealed_settlement(Finished(claimed(attempt=4), outcome))
    assert settlement.sealed_result == b""
    assert (settlement.kind, settlement.attempt) == (outcome.kind, 4)
    assert (settlement.reason, settlement.delay_ms) == (outcome.error, outcome.delay_ms)
    with pytest.raises(ValueError, match="sealed"):
        Sealer(Signer(), "w", lambda: NOW).settlements([Finished(claimed(), outcome)])


@pytest.mark.parametrize(
    ("clock", "finished_at"), [(NOW + 5, NOW + 5), (NOW - 5, NOW)], ids=["later", "set back"]
)
def test_the_seal_is_bound_to_job_and_seal(clock: int, finished_at: int) -> None:
    given = claimed(attempt=3)
    outcome = Outcome("failed", error="task_error", error_type="ValueError")
    sealer = Sealer(Signer(), "worker-1", lambda: clock)
    sealed = sealer.settlements([Finished(given, outcome)])[0].sealed_result
    claims = verify_result(
        sealed,
        KEYRING,
        job_id=given.job.claims.id,
        job_seal="sha-256:00",
        audience=AUDIENCE,
        now=NOW,
    )
    assert (claims.state, claims.result) == ("failed", None)
    assert (claims.error, claims.error_type) == ("task_error", "ValueError")
    assert (claims.attempt, claims.worker) == (3, "worker-1")
    assert (claims.started_at, claims.finished_at) == (NOW, finished_at)


def test_what_the_signer_raises_is_passed_on() -> None:
    class Away(Signer):
        def sign(self, messages: Sequence[bytes]) -> list[Signed]:
            raise VaultUnavailable("away")

    with pytest.raises(VaultUnavailable):
        Sealer(Away(), "w", lambda: NOW).settlements([Finished(claimed(), OUTCOMES[0])])
