import base64
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from http_message_signatures import HTTPMessageVerifier, MappingKeyResolver

from signing.algorithms import ALGORITHMS, AlgorithmName, RequestKey, library_class
from signing.http_signature import check_body, read_signature
from signing.http_signer import LABEL, RequestSigner
from tests.signing.http_requests import (
    BARE,
    BODY,
    HEADERS,
    NOW_S,
    SIGNER,
    URL,
    Message,
    as_received,
    signed_request,
)

SECRET = bytes(range(64))
SIGNING: dict[AlgorithmName, Any] = {
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "ecdsa-p256-sha256": ec.generate_private_key(ec.SECP256R1()),
    "rsa-pss-sha512": rsa.generate_private_key(65537, 2048),
    "hmac-sha256": SECRET,
}


def _checking(algorithm: AlgorithmName) -> Any:
    key = SIGNING[algorithm]
    return key if isinstance(key, bytes) else key.public_key()


def _sign(signer: RequestSigner = SIGNER, **changes: Any) -> dict[str, str]:
    request: dict[str, Any] = {
        "method": "POST",
        "url": URL,
        "headers": HEADERS,
        "body": BODY,
        "created": NOW_S,
        "nonce": "n-1",
    }
    return signer.sign(**(request | changes))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_is_signed_here_is_read_and_checked_here(algorithm: AlgorithmName) -> None:
    signer = RequestSigner("shop-9", algorithm, SIGNING[algorithm])
    request = as_received("POST", URL, _sign(signer), BODY)
    presented = read_signature(request, now=NOW_S)
    presented.check_key(RequestKey("shop-9", algorithm, _checking(algorithm)))
    check_body(request)
    assert (presented.keyid, presented.nonce, presented.created) == ("shop-9", "n-1", NOW_S)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_is_signed_here_is_verified_by_the_library(algorithm: AlgorithmName) -> None:
    signer = RequestSigner("shop-9", algorithm, SIGNING[algorithm])
    headers = _sign(signer, created=int(time.time()))
    verifier = HTTPMessageVerifier(
        signature_algorithm=library_class(algorithm),
        key_resolver=MappingKeyResolver(
            public_keys={"shop-9": _checking(algorithm)}, private_keys={}
        ),
    )
    results = verifier.verify(Message("POST", URL, headers), expect_tag="countersign", body=BODY)
    assert [result.label for result in results] == [LABEL]
    assert results[0].nonce == "n-1"


@pytest.mark.parametrize(
    ("changes", "covered"),
    [
        (
            {},
            "@method @authority @path @query content-type content-digest idempotency-key",
        ),
        (
            {"url": BARE, "body": b""},
            "@method @authority @path idempotency-key",
        ),
        (
            {"method": "GET", "url": BARE, "body": b"", "headers": {}},
            "@method @authority @path",
        ),
        (
            {
                "method": "GET",
                "url": f"{BARE}?",
                "body": b"",
                "headers": {},
            },
            "@method @authority @path @query",
        ),
    ],
)
def test_what_the_contract_requires_is_covered(changes: dict[str, Any], covered: str) -> None:
    request = signed_request(**changes)
    assert read_signature(request, now=NOW_S).covered == frozenset(covered.split())


def test_the_callers_headers_are_left_as_they_were() -> None:
    headers = dict(HEADERS)
    sent = _sign(headers=headers)
    assert headers == HEADERS
    assert sent.items() >= headers.items()
    assert sent.keys() - headers.keys() == {"content-digest", "Signature-Input", "Signature"}


def test_the_algorithm_is_left_to_the_registered_key() -> None:
    assert ";alg=" not in _sign()["Signature-Input"]


def test_a_digest_from_before_is_replaced_by_the_bodys() -> None:
    request = signed_request(headers=HEADERS | {"content-digest": "sha-256=:AAAA:"})
    check_body(request)
    assert read_signature(request, now=NOW_S).covered >= {"content-digest"}


def test_a_signers_representation_holds_no_key() -> None:
    signer = RequestSigner("shop-9", "hmac-sha256", SECRET)
    assert base64.b64encode(SECRET).decode() not in repr(signer)
    assert repr(SECRET)[2:20] not in repr(signer)
