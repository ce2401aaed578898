import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from signing.algorithms import (
    ALGORITHMS,
    AlgorithmName,
    RequestKey,
    algorithm_name,
    library_class,
    private_key,
    public_key,
    secret_bytes,
    shared_secret,
)
from signing.errors import KeyInvalid

SECRET = bytes(range(32))
SECRET_B64 = base64.b64encode(SECRET).decode()

PRIVATE: dict[str, Any] = {
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "p256": ec.generate_private_key(ec.SECP256R1()),
    "p384": ec.generate_private_key(ec.SECP384R1()),
    "secp256k1": ec.generate_private_key(ec.SECP256K1()),
    "rsa2048": rsa.generate_private_key(65537, 2048),
    "rsa1024": rsa.generate_private_key(65537, 1024),  # noqa: S505  # has to be refused
    "ed448": ed448.Ed448PrivateKey.generate(),
    "x25519": x25519.X25519PrivateKey.generate(),
}
FITTING: dict[AlgorithmName, str] = {
    "ed25519": "ed25519",
    "ecdsa-p256-sha256": "p256",
    "rsa-pss-sha512": "rsa2048",
}
MISFITS = [
    (algorithm, kind)
    for algorithm in ALGORITHMS
    for kind in PRIVATE
    if FITTING.get(algorithm) != kind and algorithm != "hmac-sha256"
]


def _private_pem(kind: str) -> bytes:
    pem: bytes = PRIVATE[kind].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem


def _public_pem(kind: str) -> str:
    pem: bytes = (
        PRIVATE[kind].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    return pem.decode()


def _pair(algorithm: AlgorithmName) -> tuple[Any, RequestKey]:
    if algorithm == "hmac-sha256":
        return private_key(algorithm, f"{SECRET_B64}\n".encode()), shared_secret("k", SECRET_B64)
    kind = FITTING[algorithm]
    return private_key(algorithm, _private_pem(kind)), public_key("k", algorithm, _public_pem(kind))


def _sign(algorithm: AlgorithmName, key: Any, base: bytes) -> bytes:
    signature: bytes = library_class(algorithm)(private_key=key).sign(base)
    return signature


@pytest.mark.parametrize("algorithm", ALGORITHMS)
class TestEveryAlgorithm:
    def test_a_signature_is_accepted_by_its_key(self, algorithm: AlgorithmName) -> None:
        signing, checking = _pair(algorithm)
        assert checking.accepts(_sign(algorithm, signing, b"base"), b"base")
        assert (checking.kid, checking.algorithm) == ("k", algorithm)

    def test_another_base_is_refused(self, algorithm: AlgorithmName) -> None:
        signing, checking = _pair(algorithm)
        assert not checking.accepts(_sign(algorithm, signing, b"base"), b"bose")

    def test_any_bit_of_the_signature_counts(self, algorithm: AlgorithmName) -> None:
        signing, checking = _pair(algorithm)
        signature = _sign(algorithm, signing, b"base")
        for bit in range(0, 8 * len(signature), 3):
            changed = bytearray(signature)
            changed[bit // 8] ^= 1 << bit % 8
            assert not checking.accepts(bytes(changed), b"base")

    @pytest.mark.parametrize("length", [0, 1, 31, 33, 63, 65, 255, 257, 512])
    def test_a_signature_of_another_length_is_refused(
        self, algorithm: AlgorithmName, length: int
    ) -> None:
        signing, checking = _pair(algorithm)
        signature = _sign(algorithm, signing, b"base")
        assert not checking.accepts((signature * 20)[:length], b"base")
        assert not checking.accepts(bytes(length), b"base")

    def test_the_other_algorithms_keys_refuse_it(self, algorithm: AlgorithmName) -> None:
        signature = _sign(algorithm, _pair(algorithm)[0], b"base")
        for other in ALGORITHMS:
            assert _pair(other)[1].accepts(signature, b"base") == (other == algorithm)

    def test_a_keys_representation_holds_no_material(self, algorithm: AlgorithmName) -> None:
        shown = repr(_pair(algorithm)[1])
        assert shown == f"RequestKey(kid='k', algorithm='{algorithm}')"

    def test_its_name_is_read(self, algorithm: AlgorithmName) -> None:
        assert algorithm_name(algorithm) == algorithm
        assert library_class(algorithm).algorithm_id == algorithm


def test_a_der_signature_is_not_an_http_one() -> None:
    signing, checking = _pair("ecdsa-p256-sha256")
    der = signing.sign(b"base", ec.ECDSA(hashes.SHA256()))
    assert not checking.accepts(der, b"base")


@pytest.mark.parametrize(
    "name", ["", "ED25519", "rsa-v1_5-sha256", "ecdsa-p384-sha384", "none", "ed25519 "]
)
def test_another_algorithm_is_refused_without_its_name(name: str) -> None:
    with pytest.raises(KeyInvalid) as refused:
        algorithm_name(name)
    assert str(refused.value) == f"the algorithm is none of {', '.join(ALGORITHMS)}"


@pytest.mark.parametrize(("algorithm", "kind"), MISFITS)
def test_a_key_of_another_kind_or_too_weak_is_refused(algorithm: AlgorithmName, kind: str) -> None:
    with pytest.raises(KeyInvalid, match="cannot be used with"):
        public_key("k", algorithm, _public_pem(kind))
    with pytest.raises(KeyInvalid, match="cannot be used with"):
        private_key(algorithm, _private_pem(kind))


@pytest.mark.parametrize("kind", PRIVATE)
def test_no_public_key_is_a_shared_secret(kind: str) -> None:
    """The classic confusion: a public key, known to all, taken as the secret of an HMAC."""
    with pytest.raises(KeyInvalid, match="cannot be used with hmac-sha256"):
        public_key("k", "hmac-sha256", _public_pem(kind))


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "hunter2",
        "-----BEGIN PUBLIC KEY-----\nhunter2\n-----END PUBLIC KEY-----\n",
        "\ud800",
        SECRET_B64,
    ],
)
def test_what_is_no_public_key_is_refused_without_echoing_it(pem: str) -> None:
    with pytest.raises(KeyInvalid) as refused:
        public_key("k", "ed25519", pem)
    assert refused.value.code == "key_invalid"
    assert "hunter2" not in str(refused.value)


def test_a_private_key_is_no_public_key() -> None:
    with pytest.raises(KeyInvalid):
        public_key("k", "ed25519", _private_pem("ed25519").decode())


def test_a_public_key_is_no_private_key() -> None:
    with pytest.raises(KeyInvalid):
        private_key("ed25519", _public_pem("ed25519").encode())


def test_an_encrypted_private_key_is_refused() -> None:
    encrypted = PRIVATE["ed25519"].private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"hunter2")
    )
    with pytest.raises(KeyInvalid, match="unencrypted"):
        private_key("ed25519", encrypted)


@pytest.mark.parametrize("data", [b"", b"hunter2", b"\xff\x00"])
def test_what_is_no_private_key_is_refused_without_echoing_it(data: bytes) -> None:
    for algorithm in ALGORITHMS:
        with pytest.raises(KeyInvalid) as refused:
            private_key(algorithm, data)
        assert "hunter2" not in str(refused.value)


def test_a_shared_secret_is_decoded() -> None:
    assert secret_bytes(SECRET_B64) == SECRET
    assert private_key("hmac-sha256", f" {SECRET_B64}\r\n".encode()) == SECRET


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (base64.b64encode(bytes(31)).decode(), "fewer than 32"),
        ("", "fewer than 32"),
        (SECRET_B64[:-1], "not base64"),
        (f"{SECRET_B64}\n", "not base64"),
        (SECRET_B64[:8] + " " + SECRET_B64[8:], "not base64"),
        ("-_" * 22, "not base64"),
        ("\u00e9" * 44, "not base64"),
    ],
)
def test_a_shared_secret_too_short_or_not_base64_is_refused(text: str, why: str) -> None:
    with pytest.raises(KeyInvalid, match=why):
        shared_secret("k", text)
