"""What is kept of a message that was not acted on."""

import hashlib

from workers.ledger import QUARANTINED_BYTES, Quarantined
from workers.types import Delivered, Verified


def quarantined(message: Delivered | Verified, reason: str) -> Quarantined:
    """Name a message by its digest and say why it was refused."""
    digest = hashlib.sha256(message.raw).hexdigest()
    return Quarantined(
        queue=message.queue,
        reason=reason,
        digest=digest,
        size=len(message.raw),
        raw=message.raw[:QUARANTINED_BYTES],
    )
