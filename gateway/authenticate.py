"""Step 1 of the ingress: whose key signed this request, and is it whole. Pure."""

from gateway.errors import Refused
from gateway.producers import ProducerDirectory
from gateway.types import Authenticated, RawRequest
from signing.http_signature import check_body, read_signature


def authenticate(raw: RawRequest, directory: ProducerDirectory) -> Authenticated:
    """Check the request's signature under its producer's registered key.

    Raises:
        SignatureInvalid: the contract's 401 codes, and `malformed_request`.
        Refused: `address_not_allowed`.
    """
    presented = read_signature(raw.http, now=raw.received_at // 1000)
    producer, key = directory.find(presented.keyid, raw.received_at)
    presented.check_key(key)
    check_body(raw.http)
    if not producer.may_call_from(raw.client):
        raise Refused("address_not_allowed", "register the address or call from another")
    return Authenticated(
        raw=raw,
        producer=producer,
        keyid=presented.keyid,
        nonce=presented.nonce,
        covered=presented.covered,
    )
