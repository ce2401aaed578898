"""The four HTTP signature algorithms: key material in, a checking or signing function out.

The registered key decides the algorithm (RFC 9421, section 3.2, step 6), never the message.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    load_pem_public_key,
)
from http_message_signatures import HTTPMessageSignaturesException, algorithms

from signing.errors import KeyInvalid

AlgorithmName = Literal["ed25519", "ecdsa-p256-sha256", "rsa-pss-sha512", "hmac-sha256"]
ALGORITHMS: Final[tuple[AlgorithmName, ...]] = get_args(AlgorithmName)

MIN_HMAC_BYTES = 32
MIN_RSA_BITS = 2048

_CLASSES: Final[dict[AlgorithmName, Any]] = {
    "ed25519": algorithms.ED25519,
    "ecdsa-p256-sha256": algorithms.ECDSA_P256_SHA256,
    "rsa-pss-sha512": algorithms.RSA_PSS_SHA512,
    "hmac-sha256": algorithms.HMAC_SHA256,
}


@dataclass(frozen=True, slots=True, repr=False)
class RequestKey:
    """A producer's registered key: a public key, or the shared secret for HMAC."""

    kid: str
    algorithm: AlgorithmName
    material: Any

    def __repr__(self) -> str:
        return f"RequestKey(kid={self.kid!r}, algorithm={self.algorithm!r})"

    def accepts(self, signature: bytes, base: bytes) -> bool:
        """Tell whether a signature over a signature base is this key's."""
        try:
            _CLASSES[self.algorithm](public_key=self.material).verify(signature, base)
        except (InvalidSignature, HTTPMessageSignaturesException, ValueError):
            return False
        return True


def algorithm_name(text: str) -> AlgorithmName:
    """Read an algorithm's name.

    Raises:
        KeyInvalid: where it is none of the four.
    """
    for name in ALGORITHMS:
        if name == text:
            return name
    raise KeyInvalid(f"the algorithm is none of {', '.join(ALGORITHMS)}")


def public_key(kid: str, algorithm: AlgorithmName, pem: str) -> RequestKey:
    """Read a PEM public key (SubjectPublicKeyInfo) for one of the three asymmetric algorithms.

    Raises:
        KeyInvalid: where it cannot be read or is of another kind or too weak.
    """
    try:
        key = load_pem_public_key(pem.encode("utf-8"))
    except (ValueError, UnsupportedAlgorithm):
        raise KeyInvalid("the public key is not a PEM SubjectPublicKeyInfo") from None
    if not _fits(key, algorithm):
        raise KeyInvalid(f"the public key cannot be used with {algorithm}")
    return RequestKey(kid, algorithm, key)


def shared_secret(kid: str, secret_b64: str) -> RequestKey:
    """Read a shared secret in base64 for `hmac-sha256`.

    Raises:
        KeyInvalid: where it is not base64 or shorter than 32 bytes.
    """
    return RequestKey(kid, "hmac-sha256", secret_bytes(secret_b64))


def secret_bytes(secret_b64: str) -> bytes:
    """Decode a shared secret.

    Raises:
        KeyInvalid: as `shared_secret`.
    """
    try:
        secret = base64.b64decode(secret_b64, validate=True)
    except (binascii.Error, ValueError):
        raise KeyInvalid("the shared secret is not base64") from None
    if len(secret) < MIN_HMAC_BYTES:
        raise KeyInvalid(f"the shared secret has fewer than {MIN_HMAC_BYTES} bytes")
    return secret


def private_key(algorithm: AlgorithmName, data: bytes) -> Any:
    """Read what a producer signs with: a PEM private key, or base64 text for HMAC.

    Raises:
        KeyInvalid: where it cannot be read or is of another kind.
    """
    if algorithm == "hmac-sha256":
        return secret_bytes(data.decode("utf-8", "replace").strip())
    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyInvalid("the private key is not an unencrypted PEM key") from None
    if not _fits(key.public_key(), algorithm):
        raise KeyInvalid(f"the private key cannot be used with {algorithm}")
    return key


def library_class(algorithm: AlgorithmName) -> Any:
    """Give the signature library's class for an algorithm."""
    return _CLASSES[algorithm]


def _fits(key: object, algorithm: AlgorithmName) -> bool:
    if algorithm == "ed25519":
        return isinstance(key, ed25519.Ed25519PublicKey)
    if algorithm == "ecdsa-p256-sha256":
        return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
    if algorithm == "rsa-pss-sha512":
        return isinstance(key, rsa.RSAPublicKey) and key.key_size >= MIN_RSA_BITS
    return False
