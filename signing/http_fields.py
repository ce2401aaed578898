"""The HTTP fields of a signed request, read from raw bytes with no decoding and no guessing."""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from signing.errors import SignatureInvalid
from signing.structured_fields import structured_dictionary

_DIGESTS = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as it came off the wire.

    Attributes:
        method: upper case, as sent.
        authority: the configured one; `Host` is compared to it and not used.
        path: the raw path, percent-encoding kept (ASGI's `raw_path`).
        query: the raw query string without `?`; empty where there is none.
        fields: name in lower case -> its lines combined with `, ` (RFC 9421, section 2.1).
    """

    method: str
    authority: str
    path: str
    query: str
    fields: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    scheme: str = "https"


def combine_fields(lines: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Combine field lines by name, values stripped, in order.

    Raises:
        SignatureInvalid: code `malformed_request` for a value that is not ASCII text.
    """
    combined: dict[str, str] = {}
    for raw_name, raw_value in lines:
        try:
            name = raw_name.decode("ascii").lower()
            value = raw_value.decode("ascii").strip(" \t")
        except UnicodeDecodeError:
            raise SignatureInvalid("a field is not ASCII", code="malformed_request") from None
        combined[name] = f"{combined[name]}, {value}" if name in combined else value
    return combined


def check_content_digest(value: str, body: bytes) -> None:
    """Check a `Content-Digest` field (RFC 9530, section 2) against the raw body bytes.

    Every digest of an algorithm known here has to match, and there has to be one.

    Raises:
        SignatureInvalid: code `digest_mismatch`, or `malformed_request` where it cannot be read.
    """
    matched = 0
    for name, digest in structured_dictionary(value, "content-digest").items():
        algorithm = _DIGESTS.get(name)
        if algorithm is None:
            continue
        if digest[0] != algorithm(body).digest():
            raise SignatureInvalid("the body does not match Content-Digest", code="digest_mismatch")
        matched += 1
    if not matched:
        raise SignatureInvalid("no digest of a known algorithm", code="digest_mismatch")


def content_digest(body: bytes) -> str:
    """Write a `Content-Digest` field with SHA-256."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode('ascii')}:"
