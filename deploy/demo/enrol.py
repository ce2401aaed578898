"""Registering the partners as the security team does, and the partners' own ends."""

import base64
import secrets
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from backends.environment import Environment
from certs.files import PUBLIC, write_atomic
from deploy.demo.cast import STORED, Part
from deploy.demo.partner import Partner
from deploy.demo.planted import Planted, Planter
from deploy.demo.stage import Stage
from deploy.producers import key_document, open_store, registration_document
from gateway.client import Client
from signing.algorithms import AlgorithmName
from signing.http_signer import RequestSigner

#: Servers of one's own that do not serve within this will not.
RETRY_S = 8.0
_ENCODING = serialization.Encoding.PEM


@dataclass(frozen=True, slots=True)
class Registered:
    """A producer as Vault holds it, read back, and what it works with.

    Attributes:
        summary: its algorithm and grants in a line.
        client: the project's client, for what is sent rightly.
        partner: for what is not.
        stored_secret: what it uses by reference.
    """

    part: Part
    summary: str
    client: Client
    partner: Partner
    stored_secret: str = field(repr=False)


def enrol(part: Part, stage: Stage, planter: Planter) -> Registered:
    """Make a partner's keys and register it; put its stored secret into Vault.

    Raises:
        ProducerError, VaultUnavailable, VaultDenied: where Vault does not take it.
    """
    directory = stage.paths.producers / part.name
    directory.mkdir(mode=0o700)
    signers = {}
    documents = []
    for key_id in (part.key_id, part.old_key_id):
        key = new_key(part.algorithm)
        signers[key_id] = RequestSigner(key_id, part.algorithm, key)
        private, public = directory / f"{key_id}.pem", directory / f"{key_id}.pub.pem"
        write_atomic(private, private_file(key))
        write_atomic(public, public_file(key), PUBLIC if not isinstance(key, bytes) else 0o600)
        documents.append(key_document(public, part.algorithm, key_id, part.name))
    with open_store(Environment(stage.environment("security"))) as store:
        store.add(_registration(part, documents[0]))
        store.add_key(part.name, documents[1])
        store.revoke_key(part.name, part.old_key_id)
        summary = _summary(store.get(part.name).document)
    stored_secret = planter.plant(Planted("webhook secret"))
    _store_secret(part, stage, stored_secret)
    client = Client(
        stage.base,
        key_id=part.key_id,
        private_key=directory / f"{part.key_id}.pem",
        algorithm=part.algorithm,
        ca=stage.paths.certs.authority,
        retry_for=RETRY_S,
    )
    partner = Partner(stage.base, signers[part.key_id], signers[part.old_key_id], stage.http)
    return Registered(part, summary, client, partner, stored_secret)


def new_key(algorithm: AlgorithmName) -> Any:
    """Make a key for an algorithm, as the signature library takes it."""
    if algorithm == "hmac-sha256":
        return secrets.token_bytes(32)
    if algorithm == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm == "ecdsa-p256-sha256":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def private_file(key: Any) -> bytes:
    """A key as its owner keeps it: PEM, or a shared secret in base64."""
    if isinstance(key, bytes):
        return base64.b64encode(key)
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return bytes(key.private_bytes(_ENCODING, pkcs8, plain))


def public_file(key: Any) -> bytes:
    """What the owner hands to the security team."""
    if isinstance(key, bytes):
        return base64.b64encode(key)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return bytes(key.public_key().public_bytes(_ENCODING, form))


def _registration(part: Part, key: dict[str, Any]) -> dict[str, Any]:
    document = registration_document(part.name, key, part.tasks, ())
    return document if part.limits is None else {**document, "limits": dict(part.limits)}


def _store_secret(part: Part, stage: Stage, value: str) -> None:
    stage.vault("security").secrets.kv.v2.create_or_update_secret(
        path=f"producers/{part.name}/{STORED}",
        secret={"value": value},
        mount_point="countersign-secrets",
    )


def _summary(document: dict[str, Any]) -> str:
    counting = [key for key in document["keys"] if not key["revoked"]]
    keys = ", ".join(f"{key['kid']} ({key['alg']})" for key in counting)
    return f"{keys} may run {', '.join(document['tasks'])}"
