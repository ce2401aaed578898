"""Step 1: the signature, the key's producer, the body's digest, the caller's address."""

from dataclasses import replace

import pytest

from gateway.authenticate import authenticate
from gateway.errors import Refused
from signing.errors import SignatureInvalid
from tests.gateway.fakes import CLIENT, directory, raw_request, with_http
from tests.signing.builders import private_key
from tests.signing.http_requests import SIGNER, with_fields

BODY = {"task": "demo.echo"}


def test_a_signed_request_gives_its_producer_key_and_nonce() -> None:
    raw = raw_request(BODY, nonce="n-7")
    authenticated = authenticate(raw, directory())
    assert authenticated.raw is raw
    assert (authenticated.producer.name, authenticated.keyid) == ("shop", "shop-1")
    assert authenticated.nonce == "n-7"
    assert authenticated.covered == {
        *("@method", "@authority", "@path"),
        *("content-type", "content-digest", "idempotency-key"),
    }


def test_a_key_that_nobody_registered_is_unknown() -> None:
    with pytest.raises(SignatureInvalid) as refused:
        authenticate(raw_request(BODY, signer=replace(SIGNER, keyid="shop-2")), directory())
    assert refused.value.code == "key_unknown"


def test_another_key_under_a_registered_id_does_not_verify() -> None:
    signer = replace(SIGNER, key=private_key(9))
    with pytest.raises(SignatureInvalid) as refused:
        authenticate(raw_request(BODY, signer=signer), directory())
    assert refused.value.code == "signature_invalid"


def test_a_body_other_than_its_digest_is_refused() -> None:
    raw = raw_request(BODY)
    with pytest.raises(SignatureInvalid) as refused:
        authenticate(with_http(raw, replace(raw.http, body=b"{}")), directory())
    assert refused.value.code == "digest_mismatch"


def test_a_request_without_signature_is_refused() -> None:
    raw = raw_request(BODY)
    unsigned = with_http(raw, with_fields(raw.http, signature=None))
    with pytest.raises(SignatureInvalid) as refused:
        authenticate(unsigned, directory())
    assert refused.value.code == "signature_missing"


def test_an_address_outside_of_the_registered_networks_is_refused() -> None:
    authenticate(raw_request(BODY), directory(addresses=[f"{CLIENT}/32"]))
    with pytest.raises(Refused) as refused:
        authenticate(raw_request(BODY), directory(addresses=["198.51.100.0/24"]))
    assert refused.value.code == "address_not_allowed"
    assert CLIENT not in refused.value.message


def test_an_address_is_told_only_to_those_who_hold_the_key() -> None:
    """Otherwise anybody could ask which networks a producer calls from."""
    signer = replace(SIGNER, key=private_key(9))
    with pytest.raises(SignatureInvalid) as refused:
        authenticate(raw_request(BODY, signer=signer), directory(addresses=["198.51.100.0/24"]))
    assert refused.value.code == "signature_invalid"
