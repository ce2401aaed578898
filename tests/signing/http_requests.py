"""Signed requests for these tests: what a producer sends, and what the gateway reads of it."""

from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

import pytest
from http_message_signatures import HTTPMessageSigner, MappingKeyResolver, algorithms

from signing.algorithms import RequestKey
from signing.errors import SignatureInvalid
from signing.http_fields import HttpRequest, combine_fields
from signing.http_signature import check_body, read_signature
from signing.http_signer import RequestSigner
from tests.signing.builders import private_key

NOW_S = 1_795_341_600
SIGNER = RequestSigner("shop-1", "ed25519", private_key(7))
KEY = RequestKey("shop-1", "ed25519", private_key(7).public_key())
URL = "https://gateway.example/v1/jobs?dry%20run=1&a=b"
BODY = b'{"task":"payments.capture","args":{}}'
BARE = "https://gateway.example/v1/jobs"
HEADERS = {"content-type": "application/json", "idempotency-key": "order-17"}


def as_received(method: str, url: str, headers: dict[str, str], body: bytes) -> HttpRequest:
    """Give the request as the gateway's adapter does: raw path, raw query, combined fields."""
    parts = urlsplit(url)
    lines = [(name.encode(), value.encode()) for name, value in headers.items()]
    return HttpRequest(
        method=method,
        authority=parts.netloc,
        path=parts.path,
        query=parts.query,
        fields=combine_fields(lines),
        body=body,
    )


def signed_request(
    *,
    signer: RequestSigner = SIGNER,
    method: str = "POST",
    url: str = URL,
    headers: dict[str, str] | None = None,
    body: bytes = BODY,
    created: int = NOW_S,
    nonce: str = "n-1",
) -> HttpRequest:
    """Sign as a producer and give the request as received."""
    sent = signer.sign(
        method=method,
        url=url,
        headers=HEADERS if headers is None else headers,
        body=body,
        created=created,
        nonce=nonce,
    )
    return as_received(method, url, sent, body)


def with_fields(request: HttpRequest, **fields: str | None) -> HttpRequest:
    """Replace fields by name (`_` for `-`); `None` takes one away."""
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    merged = request.fields | named
    return replace(request, fields={n: value for n, value in merged.items() if value is not None})


def with_signature_input(request: HttpRequest, member: str) -> HttpRequest:
    """Present a `Signature-Input` written by hand beside some signature of the same label."""
    return with_fields(request, signature_input=f"sig={member}", signature="sig=:AAAA:")


GET = as_received("GET", BARE, {}, b"")
REQUIRED = '("@method" "@authority" "@path")'
PARAMETERS = f';created={NOW_S};keyid="shop-1";nonce="n-1";tag="countersign"'


@dataclass
class Message:
    """A request as the library wants it."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)


def library_signer() -> HTTPMessageSigner:
    """Give the library's signer for the keys of `shop-1` and of a `proxy`."""
    return HTTPMessageSigner(
        signature_algorithm=algorithms.ED25519,
        key_resolver=MappingKeyResolver(
            public_keys={}, private_keys={"shop-1": private_key(7), "proxy": private_key(8)}
        ),
    )


def accept(request: HttpRequest, *, now: int = NOW_S) -> None:
    """Do all that can be checked here, as the gateway does."""
    read_signature(request, now=now).check_key(KEY)
    check_body(request)


def refusal(request: HttpRequest, *, now: int = NOW_S) -> str:
    """Give the code with which a request is refused; what it holds is not echoed."""
    with pytest.raises(SignatureInvalid) as refused:
        accept(request, now=now)
    assert "hunter2" not in str(refused.value)
    return refused.value.code


def read_refusal(request: HttpRequest) -> str:
    """Give the code of a request that has to be refused before its key is looked at."""
    with pytest.raises(SignatureInvalid) as refused:
        read_signature(request, now=NOW_S)
    assert "hunter2" not in str(refused.value)
    return refused.value.code
