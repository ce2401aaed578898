"""Signing a request as a producer does, with the library's signer (RFC 9421, RFC 9530)."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from http_message_signatures import (
    HTTPMessageSigner,
    HTTPSignatureKeyResolver,
)

from signing.algorithms import AlgorithmName, library_class
from signing.http_fields import content_digest
from signing.http_signature import TAG

LABEL = "countersign"


@dataclass(frozen=True, slots=True, repr=False)
class RequestSigner:
    """A producer's signing key under its registered id; `key` is the library's key object."""

    keyid: str
    algorithm: AlgorithmName
    key: Any

    def sign(
        self,
        *,
        method: str,
        url: str,
        headers: dict[str, str],
        body: bytes,
        created: int,
        nonce: str,
    ) -> dict[str, str]:
        """Give the request's headers with digest and signature added.

        Args:
            method: upper case.
            url: absolute, as it will be requested; encoded.
            headers: names in lower case; `content-type` has to be there where there is a body.
            body: as it will be sent; empty for none.
            created: seconds since the epoch.
            nonce: unique per key.
        """
        message = _Message(method=method, url=url, headers=dict(headers))
        covered = ["@method", "@authority", "@path"]
        if "?" in url:
            covered.append("@query")
        if body:
            message.headers["content-digest"] = content_digest(body)
            covered += ["content-type", "content-digest"]
        if "idempotency-key" in message.headers:
            covered.append("idempotency-key")
        signer = HTTPMessageSigner(
            signature_algorithm=library_class(self.algorithm), key_resolver=_OneKey(self.key)
        )
        signer.sign(
            message,
            key_id=self.keyid,
            created=datetime.fromtimestamp(created, UTC),
            nonce=nonce,
            label=LABEL,
            tag=TAG,
            include_alg=False,
            covered_component_ids=covered,
            use_existing_digest=bool(body),
        )
        return message.headers


@dataclass(slots=True)
class _Message:
    method: str
    url: str
    headers: dict[str, str]


class _OneKey(HTTPSignatureKeyResolver):
    def __init__(self, key: Any) -> None:
        self._key = key

    def resolve_private_key(self, key_id: str) -> Any:
        return self._key
