"""A Celery message as it lies in the broker, read only so far as to find the sealed job in it.

On RabbitMQ the body is the sealed job, and content type and encoding stand beside it. On Redis all
is in one text; source of that form: kombu's virtual transport (kombu/transport/virtual/base.py,
`Message` and `encode_body`), a JSON object with body, content-type, content-encoding, headers,
properties.
Everything but the body, and how it is encoded, is ignored: the seal does not cover it.
"""

import base64
import binascii
from typing import Final

from signing.dsse import MAX_ENVELOPE_BYTES
from signing.errors import MalformedJSON, SealInvalid
from signing.strict_json import parse_object
from workers.types import Delivered

CONTENT_TYPE: Final = "application/vnd.countersign.dsse+json"
MAX_MESSAGE_BYTES: Final = 2 * MAX_ENVELOPE_BYTES
#: A tuple and not a set: what is looked up comes from outside and need not be hashable.
_ENCODINGS: Final = ("utf-8", "binary")


def envelope(delivered: Delivered) -> bytes:
    """Give the envelope's bytes out of a delivered message.

    Raises:
        SealInvalid: as `sealed_body`.
    """
    if delivered.content is None:
        return sealed_body(delivered.raw)
    if len(delivered.raw) > MAX_MESSAGE_BYTES:
        raise SealInvalid("the message is too large", code="message_too_large")
    encodings = [encoding.encode("ascii") for encoding in _ENCODINGS]
    content = delivered.content
    if content.kind != CONTENT_TYPE.encode("ascii") or content.encoding not in encodings:
        raise SealInvalid("the message is of another content type", code="content_type_refused")
    return delivered.raw


def sealed_body(raw: bytes) -> bytes:
    """Give the envelope's bytes out of a message.

    Raises:
        SealInvalid: codes `message_too_large`, `message_malformed`, `content_type_refused`.
    """
    if len(raw) > MAX_MESSAGE_BYTES:
        raise SealInvalid("the message is too large", code="message_too_large")
    try:
        message = parse_object(raw, max_bytes=MAX_MESSAGE_BYTES)
    except MalformedJSON:
        raise SealInvalid("the message is not strict JSON", code="message_malformed") from None
    if (
        message.get("content-type") != CONTENT_TYPE
        or message.get("content-encoding") not in _ENCODINGS
    ):
        raise SealInvalid("the message is of another content type", code="content_type_refused")
    body, properties = message.get("body"), message.get("properties")
    encoding = properties.get("body_encoding") if isinstance(properties, dict) else None
    if not isinstance(body, str):
        raise SealInvalid("the message has no body", code="message_malformed")
    if encoding is None:
        return body.encode("utf-8")
    if encoding != "base64":
        raise SealInvalid("the body's encoding is not known", code="message_malformed")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise SealInvalid("the body is not base64", code="message_malformed") from None
