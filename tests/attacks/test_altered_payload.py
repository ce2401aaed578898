"""Attack: a genuine message with another payload under its signature."""

from typing import Any

import pytest

from tests.attacks.target import Target, b64

CHANGES: list[dict[str, Any]] = [
    {"args": {"name": "forged"}},
    {"task": "test.other"},
    {"queue": "slow"},
    {"id": "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"},
    {"producer": "acme"},
    {"expires_at": "2099-01-01T00:00:00.000Z"},
    {"time_limit": 100_000},
    {"max_attempts": 99},
    {"priority": 9},
    {"audience": "other"},
    {"trace": "00-00000000000000000000000000000000-0000000000000000-00"},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda item: next(iter(item)))
def test_a_changed_claim_is_refused(target: Target, change: dict[str, Any]) -> None:
    target.refuses(target.genuine.with_claims(**change), "seal_signature_invalid")


def test_the_same_claims_in_other_bytes_are_refused(target: Target) -> None:
    payload = b64(str(target.genuine.claims).replace("'", '"').encode())
    raw = target.genuine.with_envelope(target.genuine.envelope | {"payload": payload})
    target.refuses(raw, "seal_signature_invalid")


def test_another_payload_type_is_refused(target: Target) -> None:
    kind = "application/vnd.countersign.result+json"
    raw = target.genuine.with_envelope(target.genuine.envelope | {"payloadType": kind})
    target.refuses(raw, "payload_type_mismatch")
