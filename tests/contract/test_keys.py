"""Producers' keys: four algorithms, the key decides which; a revoked one stops within 10 s."""

import base64
import secrets
import time
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from backends.environment import Environment
from deploy.producers import open_store
from signing.algorithms import ALGORITHMS, AlgorithmName
from signing.http_signer import RequestSigner
from tests.contract.support import Partners, get, job, post, public_pem, refused
from tests.servers.stack import Producer

pytestmark = pytest.mark.servers

REVOKED_WITHIN_S = 10.0


def private_keys() -> dict[AlgorithmName, Any]:
    return {
        "ed25519": ed25519.Ed25519PrivateKey.generate(),
        "ecdsa-p256-sha256": ec.generate_private_key(ec.SECP256R1()),
        "rsa-pss-sha512": rsa.generate_private_key(65537, 2048),
        "hmac-sha256": secrets.token_bytes(32),
    }


def document(algorithm: AlgorithmName, key: Any) -> dict[str, Any]:
    if algorithm == "hmac-sha256":
        material = {"secret_b64": base64.b64encode(key).decode()}
    else:
        material = {"public_pem": public_pem(key)}
    return {"kid": f"ct-alg-{algorithm}", "alg": algorithm, **material}


@pytest.fixture(scope="module")
def signers(partners: Partners) -> dict[AlgorithmName, Producer]:
    """One producer with a key of each kind, and a key that will be revoked."""
    keys = private_keys()
    documents = [document(algorithm, key) for algorithm, key in keys.items()]
    partners.stack.register("ct-alg", {"keys": documents, "tasks": ["*"]})
    producers = {
        algorithm: replace(
            partners.acme, signer=RequestSigner(f"ct-alg-{algorithm}", algorithm, key)
        )
        for algorithm, key in keys.items()
    }
    gateway = partners.stack.processes["gateway"]
    gateway.wait_until(lambda: get(producers["ed25519"], "/v1/tasks").status == 200, 15)
    return producers


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_is_taken_for_jobs_and_questions(
    signers: dict[AlgorithmName, Producer], algorithm: AlgorithmName
) -> None:
    answer = post(signers[algorithm], job(), {"idempotency-key": secrets.token_hex(8)})
    assert answer.status == 202
    assert get(signers[algorithm], f"{answer.headers['location']}?wait=0").status == 200


def test_a_public_key_is_no_shared_secret(
    partners: Partners, signers: dict[AlgorithmName, Producer]
) -> None:
    """The classic confusion: HMAC keyed with the bytes of the public key."""
    victim = signers["rsa-pss-sha512"].signer
    confused = RequestSigner(victim.keyid, "hmac-sha256", public_pem(victim.key).encode())
    refused(post(replace(partners.acme, signer=confused), job()), 401, "signature_invalid")


def test_a_revoked_key_stops_counting_within_ten_seconds(
    partners: Partners, signers: dict[AlgorithmName, Producer]
) -> None:
    """As the security team revokes it; the producer's other keys go on counting."""
    stack, producer = partners.stack, signers["ecdsa-p256-sha256"]
    assert post(producer, job()).status == 202
    with open_store(Environment(stack.servers.environment("security"))) as store:
        store.revoke_key("ct-alg", "ct-alg-ecdsa-p256-sha256")
    began = time.monotonic()
    stack.processes["gateway"].wait_until(lambda: post(producer, job()).status != 202, 15)
    assert time.monotonic() - began < REVOKED_WITHIN_S
    refused(post(producer, job()), 401, "key_revoked")
    refused(get(producer, "/v1/tasks"), 401, "key_revoked")
    assert post(signers["ed25519"], job()).status == 202
