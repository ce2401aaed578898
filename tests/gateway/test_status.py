"""What a producer is told of its job; a result only under the worker's seal."""

import json
from dataclasses import replace
from typing import Any

import pytest

from gateway.ledger import JobState
from gateway.status import job_view
from signing.keyring import Keyring
from signing.ledger.record import Record
from signing.seals import unsigned_result
from tests.signing.builders import AUDIENCE, JOB_ID, NOW, result_claims, seal_key, sealed

SEAL = "sha-256:00"
KEYRING = Keyring([seal_key("result:1", 2, role="worker"), seal_key("job:1", 1)])
RECORD = Record(
    job_id=JOB_ID,
    state="queued",
    producer="shop",
    task="payments.capture",
    queue="fast",
    priority=5,
    attempt=0,
    max_attempts=5,
    on_lost="rerun",
    has_secret=False,
    seal_digest=SEAL,
    accepted=NOW,
    due=NOW + 1000,
    expires=NOW + 2000,
    started=None,
    finished=None,
    worker=None,
    error=None,
)


def view(result: bytes | None = None, **changes: Any) -> dict[str, Any]:
    state = JobState(replace(RECORD, **changes), result)
    return job_view(state, KEYRING, audience=AUDIENCE, now=NOW)


def result(kid: str = "result:1", seed: int = 2, **changes: Any) -> bytes:
    return sealed(unsigned_result(result_claims(**changes)), kid, seed)


def test_a_job_that_waits_has_times_and_no_outcome() -> None:
    assert view() == {
        "id": JOB_ID,
        "status": "queued",
        "task": "payments.capture",
        "attempts": 0,
        "max_attempts": 5,
        "accepted_at": "2026-11-22T10:00:00.000Z",
        "due_at": "2026-11-22T10:00:01.000Z",
        "expires_at": "2026-11-22T10:00:02.000Z",
        "started_at": None,
        "finished_at": None,
        "seal": SEAL,
        "result": None,
        "error": None,
        "sealed_result": None,
    }


def test_neither_worker_nor_queue_nor_producer_is_told() -> None:
    assert not {"worker", "queue", "producer"} & view(worker="worker-7").keys()


def test_a_job_that_is_tried_again_tells_why() -> None:
    told = view(attempt=2, error="task_error", started=NOW)
    assert (told["attempts"], told["error"]) == (2, {"code": "task_error"})
    assert told["started_at"] == "2026-11-22T10:00:00.000Z"


def test_a_sealed_result_is_told_with_its_seal() -> None:
    envelope = result()
    told = view(envelope, state="succeeded", finished=NOW)
    assert (told["result"], told["error"]) == ({"receipt": "r-1"}, None)
    assert told["sealed_result"] == json.loads(envelope)
    assert told["finished_at"] == "2026-11-22T10:00:00.000Z"


def test_a_sealed_failure_tells_code_and_type_alone() -> None:
    envelope = result(state="failed", result=None, error="task_error", error_type="OSError")
    told = view(envelope, state="failed", error="something else")
    assert told["error"] == {"code": "task_error", "type": "OSError"}


@pytest.mark.parametrize(
    ("sealed_state", "state"),
    [
        ("failed", "succeeded"),
        ("succeeded", "failed"),
        ("succeeded", "cancelled"),
        ("succeeded", "running"),
        ("failed", "queued"),
    ],
)
def test_a_state_other_than_the_sealed_one_is_not_passed_off_as_sealed(
    sealed_state: str, state: str
) -> None:
    told = view(result(state=sealed_state), state=state)
    assert told["error"] == {"code": "result_unverified", "reason": "result_mismatch"}
    assert (told["result"], told["sealed_result"]) == (None, None)


@pytest.mark.parametrize(
    ("forged", "reason"),
    [
        (b"not an envelope", "seal_malformed"),
        (result(kid="result:9"), "key_unknown"),
        (result(seed=3), "seal_signature_invalid"),
        (result(kid="job:1", seed=1), "key_unknown"),
        (result(job_seal="sha-256:01"), "result_mismatch"),
        (result(audience="elsewhere"), "audience_mismatch"),
    ],
)
def test_what_no_worker_sealed_for_this_job_is_not_passed_on(forged: bytes, reason: str) -> None:
    told = view(forged, state="succeeded")
    assert told["error"] == {"code": "result_unverified", "reason": reason}
    assert (told["result"], told["sealed_result"]) == (None, None)
