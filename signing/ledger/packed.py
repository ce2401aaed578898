"""The ledger's copy of a seal, packed: a queue holds the same bytes a second time.

The envelope's payload is base64 (DSSE); unpacked from that and compressed, it takes about half.
Unpacking gives the very bytes again, which is checked when they are packed.
"""

import binascii
import zlib
from base64 import b64decode, b64encode
from typing import Final

from signing.dsse import MAX_ENVELOPE_BYTES
from signing.errors import CountersignError

_PAYLOAD: Final = b'"payload":"'
_PLAIN, _SPLIT = b"\0", b"\1"
_LENGTH: Final = 4
_MOST: Final = MAX_ENVELOPE_BYTES + 2 * _LENGTH


class PackedInvalid(CountersignError):
    """A packed seal cannot be unpacked."""

    code = "ledger_invalid"


def pack(envelope: bytes) -> bytes:
    """Pack an envelope of at most `signing.dsse.MAX_ENVELOPE_BYTES`."""
    # Level 1: a job is packed while its producer waits, and higher levels gain a few per cent.
    parts = _split(envelope)
    if parts is None:
        return _PLAIN + zlib.compress(envelope, 1)
    head, payload, _ = parts
    lengths = len(head).to_bytes(_LENGTH) + len(payload).to_bytes(_LENGTH)
    return _SPLIT + zlib.compress(lengths + b"".join(parts), 1)


def unpack(packed: bytes) -> bytes:
    """Give the envelope that was packed.

    Raises:
        PackedInvalid: where it is none, or one larger than an envelope may be.
    """
    form, body = packed[:1], _inflated(packed[1:])
    if form == _PLAIN:
        return body
    if form != _SPLIT or len(body) < 2 * _LENGTH:
        raise PackedInvalid("a packed seal is not of its form")
    head_ends = 2 * _LENGTH + int.from_bytes(body[:_LENGTH])
    payload_ends = head_ends + int.from_bytes(body[_LENGTH : 2 * _LENGTH])
    head, payload = body[2 * _LENGTH : head_ends], body[head_ends:payload_ends]
    return head + b64encode(payload) + body[payload_ends:]


def _split(envelope: bytes) -> tuple[bytes, bytes, bytes] | None:
    """Part an envelope around its payload, without base64; `None` where that is not exact."""
    start = envelope.find(_PAYLOAD) + len(_PAYLOAD)
    end = envelope.find(b'"', start)
    if start < len(_PAYLOAD) or end < 0:
        return None
    encoded = envelope[start:end]
    try:
        payload = b64decode(encoded, validate=True)
    except binascii.Error:
        return None
    if b64encode(payload) != encoded:
        return None
    return envelope[:start], payload, envelope[end:]


def _inflated(data: bytes) -> bytes:
    inflating = zlib.decompressobj()
    try:
        body = inflating.decompress(data, _MOST)
    except zlib.error:
        raise PackedInvalid("a packed seal is not of its form") from None
    if not inflating.eof or inflating.unused_data:
        raise PackedInvalid("a packed seal is not of its form")
    return body
