"""One producer that registered a key of every algorithm, and what the foreign clients are given."""

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from signing.http_signer import RequestSigner
from tests.servers.stack import Producer, Stack

ALGORITHMS = ("ed25519", "ecdsa-p256-sha256", "rsa-pss-sha512", "hmac-sha256")
KNOWN_S = 15.0


@dataclass(frozen=True, slots=True)
class Partner:
    """A producer's keys as files, and the gateway that knows them."""

    base: str
    ca: Path
    keys: Mapping[str, Path]

    def request(self, algorithm: str, body: Any = None) -> str:
        """What a foreign client reads from its standard input."""
        key = {"id": key_id(algorithm), "alg": algorithm, "file": str(self.keys[algorithm])}
        text = None if body is None else json.dumps(body)
        return json.dumps({"ca": str(self.ca), "key": key, "body": text})


@pytest.fixture(scope="session")
def partner(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Partner:
    """A producer granted one task, with one key for each algorithm of the contract."""
    directory = tmp_path_factory.mktemp("partner")
    private = {algorithm: _private_key(algorithm) for algorithm in ALGORITHMS}
    registered = [
        {"kid": key_id(algorithm), "alg": algorithm, **_public_member(key)}
        for algorithm, key in private.items()
    ]
    stack.register("interop", {"keys": registered, "tasks": ["payments.capture"]})
    signer = RequestSigner(key_id("ed25519"), "ed25519", private["ed25519"])
    probe = Producer(stack.base, signer, stack.http)

    def is_known() -> bool:
        return probe.call("GET", "/v1/tasks").status == 200

    stack.processes["gateway"].wait_until(is_known, KNOWN_S)
    files = {algorithm: directory / algorithm for algorithm in ALGORITHMS}
    for algorithm, file in files.items():
        file.write_bytes(_as_file(private[algorithm]))
    return Partner(stack.base, stack.servers.paths.certs.authority, files)


def key_id(algorithm: str) -> str:
    return f"interop-{algorithm}"


def _private_key(algorithm: str) -> Any:
    if algorithm == "hmac-sha256":
        return secrets.token_bytes(32)
    if algorithm == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm == "ecdsa-p256-sha256":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _as_file(key: Any) -> bytes:
    if isinstance(key, bytes):
        return key
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem: bytes = key.private_bytes(serialization.Encoding.PEM, pkcs8, plain)
    return pem


def _public_member(key: Any) -> dict[str, str]:
    if isinstance(key, bytes):
        return {"secret_b64": base64.b64encode(key).decode("ascii")}
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return {"public_pem": key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()}
