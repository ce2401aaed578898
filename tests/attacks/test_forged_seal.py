"""Attack: seals by keys that exist, for what they may not seal; and by a gateway gone bad."""

import json
from typing import Any, Literal

import pytest

from signing.claims import JOB_TYPE, RESULT_TYPE
from signing.dsse import pae
from signing.ids import uuid7
from tests.attacks.target import Target, b64

Role = Literal["gateway", "worker"]
KEYS: dict[Role, str] = {"gateway": "countersign-job", "worker": "countersign-result"}


def sealed(
    target: Target, role: Role, claims: dict[str, Any], *, kind: str = JOB_TYPE, keyid: str = ""
) -> bytes:
    """A message that a role's own Transit key signed."""
    payload = json.dumps(claims, separators=(",", ":"), sort_keys=True).encode()
    answer = target.stack.servers.vault(role).secrets.transit.sign_data(
        name=KEYS[role], hash_input=b64(pae(kind, payload))
    )
    signature = answer["data"]["signature"].split(":")[2]
    envelope = {
        "payload": b64(payload),
        "payloadType": kind,
        "signatures": [{"keyid": keyid or f"{KEYS[role]}:1", "sig": signature}],
    }
    return target.genuine.with_envelope(envelope)


def forged(target: Target, **changes: Any) -> dict[str, Any]:
    """The genuine claims, changed."""
    return target.genuine.claims | {"args": {"name": "forged"}, **changes}


def test_a_worker_cannot_seal_a_job(target: Target) -> None:
    target.refuses(sealed(target, "worker", forged(target)), "key_unknown")


def test_a_worker_cannot_seal_a_job_under_the_gateways_key_id(target: Target) -> None:
    raw = sealed(target, "worker", forged(target), keyid="countersign-job:1")
    target.refuses(raw, "seal_signature_invalid")


def test_a_sealed_result_is_no_job(target: Target) -> None:
    status = target.producer.settled(target.genuine.job_id)
    target.refuses(target.genuine.with_envelope(status["sealed_result"]), "key_unknown")


def test_the_gateways_key_on_a_result_is_no_job(target: Target) -> None:
    raw = sealed(target, "gateway", forged(target), kind=RESULT_TYPE)
    target.refuses(raw, "payload_type_mismatch")


@pytest.mark.parametrize("audience", ["other", "", "countersign2", "Countersign"])
def test_a_job_for_another_audience(target: Target, audience: str) -> None:
    reason = "audience_mismatch" if audience else "claims_invalid"
    target.refuses(sealed(target, "gateway", forged(target, audience=audience)), reason)


CLAIMS: list[tuple[dict[str, Any], str]] = [
    ({"issued_at": "2099-01-01T00:00:00.000Z"}, "issued_in_future"),
    ({"task": "no.such_task"}, "task_not_served"),
    ({"task": "__import__"}, "task_not_served"),
    ({"queue": "slow"}, "queue_mismatch"),
    ({"v": 2}, "claims_invalid"),
    ({"more": 1}, "claims_invalid"),
    ({"args": []}, "claims_invalid"),
    ({"id": "../../x"}, "claims_invalid"),
    ({"time_limit": 0}, "claims_invalid"),
    ({"time_limit": True}, "claims_invalid"),
    ({"time_limit": 1.5}, "claims_invalid"),
    ({"max_attempts": "5"}, "claims_invalid"),
    ({"expires_at": "tomorrow"}, "claims_invalid"),
    ({"request": {"digest": "x", "keyid": "y", "nonce": "z", "more": 1}}, "claims_invalid"),
]


@pytest.mark.parametrize(("change", "reason"), CLAIMS, ids=lambda item: str(item)[:30])
def test_what_no_gateway_would_seal(target: Target, change: dict[str, Any], reason: str) -> None:
    target.refuses(sealed(target, "gateway", forged(target, **change)), reason)


def test_a_sealed_job_that_no_ledger_knows_does_not_run(target: Target) -> None:
    job_id = uuid7(10**12, b"\x01" * 10)
    target.refuses(sealed(target, "gateway", forged(target, id=job_id)), "replayed")


def test_a_second_seal_of_a_settled_job_does_not_run(target: Target) -> None:
    target.refuses(sealed(target, "gateway", forged(target)), "replayed")
