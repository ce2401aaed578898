"""A hint as a Celery protocol-2 message: the sealed job as its body, bare headers around it.

Protocol 2 is docs.celeryq.dev, "Message Protocol". `argsrepr`, `kwargsrepr` and `origin` would
tell arguments and host names in clear; here they say nothing, and a worker reads no header.
"""

from dataclasses import dataclass
from typing import Any, Final

from signing.ledger.record import Hint

CONTENT_TYPE: Final = "application/vnd.countersign.dsse+json"
CONTENT_ENCODING: Final = "utf-8"
HIGHEST_PRIORITY: Final = 9


@dataclass(frozen=True, slots=True)
class WireMessage:
    """What a producer of kombu's is given to publish."""

    queue: str
    body: str
    headers: dict[str, Any]
    priority: int
    correlation_id: str


def wire_message(hint: Hint) -> WireMessage:
    """Write one hint.

    kombu's Redis transport takes 0 for the most urgent, the contract and AMQP 9: it is turned.
    """
    return WireMessage(
        queue=hint.queue,
        body=hint.seal.decode("utf-8"),
        headers={
            "lang": "py",
            "task": hint.task,
            "id": hint.job_id,
            "root_id": hint.job_id,
            "parent_id": None,
            "group": None,
            "argsrepr": "",
            "kwargsrepr": "",
            "origin": "",
        },
        priority=HIGHEST_PRIORITY - hint.priority,
        correlation_id=hint.job_id,
    )
