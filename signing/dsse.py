"""DSSE v1.0.2: the pre-authentication encoding, the envelope's JSON, verification.

Source: secure-systems-lab/dsse, protocol.md and envelope.md (v1.0.2).
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from signing.errors import MalformedJSON, SealInvalid
from signing.strict_json import JsonValue, canonical, parse_object

MAX_ENVELOPE_BYTES = 1_500_000
MAX_SIGNATURES = 8


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature over the PAE: the key's id and the raw signature bytes."""

    keyid: str
    sig: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """An envelope as read or to be written; its payload is not trusted before `verify`."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]

    def to_json(self) -> bytes:
        """Write the envelope's JSON (standard base64 with padding)."""
        return canonical(
            {
                "payload": base64.b64encode(self.payload).decode("ascii"),
                "payloadType": self.payload_type,
                "signatures": [
                    {"keyid": item.keyid, "sig": base64.b64encode(item.sig).decode("ascii")}
                    for item in self.signatures
                ],
            }
        )


@dataclass(frozen=True, slots=True)
class VerifiedPayload:
    """The bytes that trusted keys signed, and the ids of those keys."""

    payload_type: str
    payload: bytes
    keyids: tuple[str, ...]


def pae(payload_type: str, payload: bytes) -> bytes:
    """Encode what is signed: `DSSEv1 SP len(type) SP type SP len(body) SP body`."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def parse_envelope(data: bytes) -> Envelope:
    """Read an envelope strictly: no unknown members, no unpadded or URL-safe base64.

    Raises:
        SealInvalid: code `seal_malformed`.
    """
    try:
        document = parse_object(data, max_bytes=MAX_ENVELOPE_BYTES)
    except MalformedJSON as error:
        raise SealInvalid(f"the envelope: {error.message}", code="seal_malformed") from None
    if document.keys() != {"payload", "payloadType", "signatures"}:
        raise SealInvalid("the envelope's members are not DSSE's", code="seal_malformed")
    payload_type, listed = document["payloadType"], document["signatures"]
    if not isinstance(payload_type, str) or not isinstance(listed, list):
        raise SealInvalid("the envelope's members have wrong types", code="seal_malformed")
    if not 1 <= len(listed) <= MAX_SIGNATURES:
        raise SealInvalid("the envelope's number of signatures", code="seal_malformed")
    return Envelope(
        payload_type=payload_type,
        payload=_base64(document["payload"]),
        signatures=tuple(_signature(item) for item in listed),
    )


def verify(
    envelope: Envelope,
    keys: Mapping[str, Ed25519PublicKey],
    *,
    payload_type: str,
    threshold: int = 1,
) -> VerifiedPayload:
    """Check an envelope against trusted keys, by key id, and return the bytes they signed.

    Signatures by keys that are not in `keys` are passed over, as the protocol says; a wrong
    signature under a trusted key's id refuses the whole envelope.

    Raises:
        SealInvalid: codes `payload_type_mismatch`, `seal_signature_invalid`, `key_unknown`.
        ValueError: for a threshold below one, which would trust what nobody signed.
    """
    if threshold < 1:
        raise ValueError("a threshold is at least one")
    if envelope.payload_type != payload_type:
        raise SealInvalid("the envelope is of another payload type", code="payload_type_mismatch")
    signed = pae(envelope.payload_type, envelope.payload)
    accepted: list[str] = []
    for item in envelope.signatures:
        key = keys.get(item.keyid)
        if key is None:
            continue
        try:
            key.verify(item.sig, signed)
        except InvalidSignature:
            raise SealInvalid("a signature is wrong", code="seal_signature_invalid") from None
        if item.keyid not in accepted:
            accepted.append(item.keyid)
    if len(accepted) < threshold:
        raise SealInvalid("too few signatures by trusted keys", code="key_unknown")
    return VerifiedPayload(envelope.payload_type, envelope.payload, tuple(accepted))


def _signature(item: JsonValue) -> Signature:
    if not isinstance(item, dict) or item.keys() != {"keyid", "sig"}:
        raise SealInvalid("a signature's members are not DSSE's", code="seal_malformed")
    keyid = item["keyid"]
    if not isinstance(keyid, str):
        raise SealInvalid("a signature's key id is not a string", code="seal_malformed")
    return Signature(keyid=keyid, sig=_base64(item["sig"]))


def _base64(text: JsonValue) -> bytes:
    if not isinstance(text, str):
        raise SealInvalid("a base64 member is not a string", code="seal_malformed")
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise SealInvalid("a member is not base64", code="seal_malformed") from None
    # b64decode ignores the unused bits of the last character; one text per value only.
    if base64.b64encode(decoded).decode("ascii") != text:
        raise SealInvalid("a member is not canonical base64", code="seal_malformed")
    return decoded
