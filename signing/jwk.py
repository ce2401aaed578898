"""Public seal keys as a JWK set (RFC 7517; Ed25519 after RFC 8037)."""

import base64
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from signing.errors import KeyInvalid
from signing.keyring import Keyring, Role, SealKey
from signing.strict_json import JsonObject, JsonValue

# RFC 7517 lets a JWK carry members of its own; this one tells what a key may seal.
ROLE_MEMBER = "countersign_role"


def to_jwks(keyring: Keyring, *, now: int) -> dict[str, list[dict[str, Any]]]:
    """Write the keys by which seals may be verified at a time (milliseconds)."""
    return {"keys": [_to_jwk(key) for key in keyring.keys if key.refusal(now) is None]}


def from_jwks(document: JsonObject) -> Keyring:
    """Read a JWK set written by `to_jwks`; keys of other kinds are passed over (section 5).

    Raises:
        KeyInvalid: where the set or one of our keys is not of its form.
    """
    listed = document.get("keys")
    if not isinstance(listed, list):
        raise KeyInvalid("the JWK set has no member keys")
    keys = [_from_jwk(item) for item in listed]
    try:
        return Keyring(key for key in keys if key is not None)
    except ValueError:
        raise KeyInvalid("the JWK set names a key id twice") from None


def _to_jwk(key: SealKey) -> dict[str, Any]:
    raw = key.public_key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {
        "kty": "OKP",
        "crv": "Ed25519",
        "alg": "EdDSA",
        "use": "sig",
        "kid": key.kid,
        "x": _base64url(raw),
        ROLE_MEMBER: key.role,
    }


def _from_jwk(item: JsonValue) -> SealKey | None:
    if not isinstance(item, dict) or item.get("crv") != "Ed25519" or ROLE_MEMBER not in item:
        return None
    kid, x = item.get("kid"), item.get("x")
    roles: dict[JsonValue, Role] = {"gateway": "gateway", "worker": "worker"}
    role = item[ROLE_MEMBER]
    if not isinstance(kid, str) or not isinstance(x, str) or not isinstance(role, str):
        raise KeyInvalid("a JWK's members are not of their types")
    if role not in roles:
        raise KeyInvalid("a JWK's role is not known")
    try:
        raw = base64.urlsafe_b64decode(x + "=" * (-len(x) % 4))
        public = Ed25519PublicKey.from_public_bytes(raw)
    except ValueError:
        raise KeyInvalid("a JWK's x is not an Ed25519 public key") from None
    if _base64url(raw) != x:
        raise KeyInvalid("a JWK's x is not canonical base64url")
    return SealKey(kid=kid, role=roles[role], public_key=public)


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")
