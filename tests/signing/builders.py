"""Keys, claims and envelopes for these tests; every part can be replaced by name."""

from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from signing.claims import JobClaims, RequestBinding, ResultClaims
from signing.dsse import Envelope, Signature, pae
from signing.keyring import Role, SealKey
from signing.seals import Unsigned
from signing.strict_json import JsonObject

NOW = 1_795_341_600_000  # 2026-11-22T10:00:00Z
JOB_ID = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
OTHER_JOB_ID = "017f22e2-79b0-7cc3-98c4-dc0c0c073990"
AUDIENCE = "countersign"


def private_key(seed: int) -> Ed25519PrivateKey:
    """Give the same key for the same small number."""
    return Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)


def seal_key(
    kid: str,
    seed: int,
    *,
    role: Role = "gateway",
    verify_from: int | None = None,
    verify_until: int | None = None,
    revoked: bool = False,
) -> SealKey:
    """Give the public side of `private_key(seed)` as a seal key."""
    public = private_key(seed).public_key()
    return SealKey(kid, role, public, verify_from, verify_until, revoked)


def envelope(payload_type: str, payload: bytes, *signers: tuple[str, int]) -> Envelope:
    """Sign a payload with the keys of some seeds, each under a key id."""
    signed = pae(payload_type, payload)
    return Envelope(
        payload_type,
        payload,
        tuple(Signature(kid, private_key(seed).sign(signed)) for kid, seed in signers),
    )


def sealed(unsigned: Unsigned, kid: str, seed: int) -> bytes:
    """Seal with the key of a seed."""
    return unsigned.sealed(kid, private_key(seed).sign(unsigned.to_sign))


def job_claims(**changes: Any) -> JobClaims:
    """Give a job's claims."""
    args: JsonObject = {"invoice": "2026-17", "amount": 12, "card": {"$secret": "vault:s/a#card@1"}}
    fields: dict[str, Any] = {
        "id": JOB_ID,
        "producer": "shop",
        "task": "payments.capture",
        "queue": "fast",
        "args": args,
        "issued_at": NOW,
        "not_before": NOW,
        "expires_at": NOW + 3_600_000,
        "time_limit": 700,
        "soft_time_limit": 600,
        "max_attempts": 5,
        "priority": 0,
        "audience": AUDIENCE,
        "request": RequestBinding(digest="sha-256:00", keyid="shop-1", nonce="n-1"),
        "trace": None,
    }
    return JobClaims(**(fields | changes))


def result_claims(**changes: Any) -> ResultClaims:
    """Give a result's claims."""
    fields: dict[str, Any] = {
        "id": JOB_ID,
        "job_seal": "sha-256:00",
        "audience": AUDIENCE,
        "state": "succeeded",
        "result": {"receipt": "r-1"},
        "error": None,
        "error_type": None,
        "attempt": 1,
        "worker": "worker-1",
        "started_at": NOW,
        "finished_at": NOW + 250,
    }
    return ResultClaims(**(fields | changes))
