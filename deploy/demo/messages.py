"""Messages as they lie in the broker's lists: read, and forged."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deploy.local.redis_acl import queue_keys
from signing.dsse import pae


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a queue.

    Attributes:
        key: of the Redis list that it lies in; a priority step of the queue.
        raw: its bytes.
    """

    queue: str
    key: str
    raw: bytes = field(repr=False)

    @property
    def document(self) -> dict[str, Any]:
        """The Celery message."""
        read: dict[str, Any] = json.loads(self.raw)
        return read

    @property
    def envelope(self) -> dict[str, Any]:
        """The DSSE envelope in it."""
        read: dict[str, Any] = json.loads(self.document["body"])
        return read

    @property
    def claims(self) -> dict[str, Any]:
        """The sealed job."""
        read: dict[str, Any] = json.loads(base64.b64decode(self.envelope["payload"]))
        return read

    def with_document(self, **members: Any) -> bytes:
        """The message with other members."""
        return _dump({**self.document, **members})

    def with_envelope(self, **members: Any) -> bytes:
        """The message with other members of its envelope."""
        return self.with_document(body=json.dumps({**self.envelope, **members}))

    def with_claims(self, **claims: Any) -> bytes:
        """The message with other claims under the same signature."""
        return self.with_envelope(payload=_base64(_dump({**self.claims, **claims})))


def read_queues(broker: Any, queues: tuple[str, ...]) -> list[Message]:
    """Read all messages of the queues, of every priority; nothing is taken."""
    return [
        Message(queue, key, raw)
        for queue in queues
        for key in queue_keys(queue)
        for raw in broker.lrange(key, 0, -1)
    ]


@dataclass(frozen=True, slots=True)
class Forgery:
    """What an attacker who may push into a queue makes of a message that was there.

    Attributes:
        queue: where it is pushed.
        reason: with which it has to be quarantined.
    """

    name: str
    what: str
    queue: Literal["fast", "slow"]
    reason: str
    forge: Callable[[Message], bytes]


def _stolen_amount(message: Message) -> bytes:
    return message.with_claims(args={**message.claims["args"], "amount": 99_999_999})


def _other_task(message: Message) -> bytes:
    return message.with_claims(task="documents.archive", queue="slow")


def _as_it_was(message: Message) -> bytes:
    return message.raw


def _other_headers(message: Message) -> bytes:
    headers = {**message.document["headers"], "task": "payments.refund", "retries": 3}
    return message.with_document(headers=headers)


def _as_a_result(message: Message) -> bytes:
    return message.with_envelope(payloadType="application/vnd.countersign.result+json")


def _without_signatures(message: Message) -> bytes:
    return message.with_envelope(signatures=[])


def _by_own_key(message: Message, key_id: str) -> bytes:
    envelope = message.envelope
    payload = base64.b64decode(envelope["payload"])
    signature = Ed25519PrivateKey.generate().sign(pae(envelope["payloadType"], payload))
    return message.with_envelope(signatures=[{"keyid": key_id, "sig": _base64(signature)}])


def _unknown_key(message: Message) -> bytes:
    return _by_own_key(message, "attacker:1")


def _borrowed_key_id(message: Message) -> bytes:
    return _by_own_key(message, message.envelope["signatures"][0]["keyid"])


def _plain_celery(message: Message) -> bytes:
    body = _base64(_dump([[], {"invoice": "X", "amount": 1}, {}]))
    properties: Mapping[str, Any] = {
        **message.document["properties"],
        "body_encoding": "base64",
    }
    kind = {"content-type": "application/json", "content-encoding": "utf-8"}
    return message.with_document(body=body, properties=properties, **kind)


def _pickle(message: Message) -> bytes:
    kind = {"content-type": "application/x-python-serialize", "content-encoding": "binary"}
    return message.with_document(body=_base64(b"cos\nsystem\n(S'id'\ntR."), **kind)


def _noise(_message: Message) -> bytes:
    return b"\x00\xff{not a message"


FORGERIES: Final = (
    Forgery("altered", "an amount altered", "fast", "seal_signature_invalid", _stolen_amount),
    Forgery("altered-task", "another task put in", "slow", "seal_signature_invalid", _other_task),
    Forgery("relabelled-queue", "a job in the other queue", "slow", "queue_mismatch", _as_it_was),
    Forgery(
        "relabelled-type",
        "a job labelled as a result",
        "fast",
        "payload_type_mismatch",
        _as_a_result,
    ),
    Forgery(
        "relabelled-task", "Celery headers naming another task", "fast", "replayed", _other_headers
    ),
    Forgery("replayed", "the same bytes a second time", "fast", "replayed", _as_it_was),
    Forgery("unsigned", "a seal without signatures", "fast", "seal_malformed", _without_signatures),
    Forgery("own-key", "a seal by the attacker's key", "fast", "key_unknown", _unknown_key),
    Forgery(
        "borrowed-id",
        "a seal under the gateway's key id",
        "fast",
        "seal_signature_invalid",
        _borrowed_key_id,
    ),
    Forgery("plain", "a plain Celery message", "fast", "content_type_refused", _plain_celery),
    Forgery("pickle", "a pickle that runs a program", "fast", "content_type_refused", _pickle),
    Forgery("noise", "bytes that are no message", "fast", "message_malformed", _noise),
)


def push(broker: Any, forgery: Forgery, message: Message) -> bytes:
    """Push a forgery as whoever may write into the broker could; give its bytes."""
    raw = forgery.forge(message)
    broker.lpush(forgery.queue, raw)
    return raw


def _dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
