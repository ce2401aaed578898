"""Attack: a genuine payload under another signature, or under none."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.attacks.target import FAST, Target, b64, sealed_with
from tests.servers.marks import wait_until

Envelope = dict[str, Any]
ATTACKER = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)


def flipped(envelope: Envelope) -> Envelope:
    sig = envelope["signatures"][0]["sig"]
    first = "A" if sig[0] != "A" else "B"
    return with_signature(envelope, sig=first + sig[1:])


def with_signature(envelope: Envelope, **changes: Any) -> Envelope:
    return envelope | {"signatures": [envelope["signatures"][0] | changes]}


def doubled(envelope: Envelope) -> Envelope:
    genuine = envelope["signatures"][0]
    return envelope | {"signatures": [genuine, genuine | {"sig": b64(b"\0" * 64)}]}


CASES: list[tuple[str, Callable[[Envelope], Envelope], str]] = [
    ("one bit", flipped, "seal_signature_invalid"),
    ("zeros", lambda e: with_signature(e, sig=b64(b"\0" * 64)), "seal_signature_invalid"),
    ("short", lambda e: with_signature(e, sig=b64(b"\0" * 63)), "seal_signature_invalid"),
    ("empty", lambda e: with_signature(e, sig=""), "seal_signature_invalid"),
    ("unpadded", lambda e: with_signature(e, sig=e["signatures"][0]["sig"][:-1]), "seal_malformed"),
    ("not text", lambda e: with_signature(e, sig=1), "seal_malformed"),
    ("null", lambda e: with_signature(e, sig=None), "seal_malformed"),
    ("another key id", lambda e: with_signature(e, keyid="countersign:1"), "key_unknown"),
    ("no key id", lambda e: with_signature(e, keyid=""), "key_unknown"),
    ("key id of a type", lambda e: with_signature(e, keyid=["x"]), "seal_malformed"),
    ("a member more", lambda e: with_signature(e, alg="none"), "seal_malformed"),
    ("none at all", lambda e: e | {"signatures": []}, "seal_malformed"),
    ("null for all", lambda e: e | {"signatures": None}, "seal_malformed"),
    ("a thousand", lambda e: e | {"signatures": e["signatures"] * 1000}, "seal_malformed"),
    ("a wrong one beside it", doubled, "seal_signature_invalid"),
]


@pytest.mark.parametrize(("alter", "reason"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_it_is_refused(target: Target, alter: Callable[[Envelope], Envelope], reason: str) -> None:
    target.refuses(target.genuine.with_envelope(alter(target.genuine.envelope)), reason)


def test_a_version_of_the_key_that_there_is_not_is_refused(target: Target) -> None:
    envelope = with_signature(target.genuine.envelope, keyid="countersign-job:999")
    raw = target.genuine.with_envelope(envelope)
    with target.unharmed():
        # The worker asks for the keyring anew. Where that fails, or took too long on a machine that
        # stands still, it cannot tell, and lets the message go.
        for _ in range(5):
            target.push(raw, FAST)
            with suppress(AssertionError):
                wait_until(lambda: bool(target.quarantined_for(raw)), 3)
                break
        assert set(target.quarantined_for(raw)) == {"key_unknown"}


@pytest.mark.parametrize(
    ("keyid", "reason"),
    [
        ("countersign-job:1", "seal_signature_invalid"),
        ("countersign-result:1", "key_unknown"),
        ("attacker:1", "key_unknown"),
    ],
)
def test_an_attackers_own_key_is_refused(target: Target, keyid: str, reason: str) -> None:
    claims = target.genuine.claims | {"args": {"name": "forged"}}
    envelope = sealed_with(ATTACKER, keyid, claims)
    target.refuses(target.genuine.with_envelope(envelope), reason)
