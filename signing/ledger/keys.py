"""Names of the ledger's keys and channels in Redis."""

import hashlib
from typing import Final

PREFIX: Final = "cs:"

DUE: Final = "cs:due"  # zset: job id -> when it may be published, ms
RUNNING: Final = "cs:running"  # zset: job id -> when its lease ends, ms
HELD: Final = "cs:held"  # zset: job id -> since when an operator is waited for, ms
EXPIRING: Final = "cs:expiring"  # zset: job id -> when it expires, ms
PURGE: Final = "cs:purge"  # zset: Vault path of a settled job's secrets -> when it settled, ms
FORGET: Final = "cs:forget"  # zset: "job id producer" of a settled job -> when it is forgotten, ms
OPEN: Final = "cs:open"  # hash: producer -> number of its jobs that have not settled
QUARANTINE: Final = "cs:quarantine"  # stream
SETTLED_CHANNEL: Final = "cs:settled"  # pub/sub: ids of jobs that settled
WAKE_CHANNEL: Final = "cs:wake"  # pub/sub: something became due


def published(queue: str) -> str:
    """Zset of a queue: job id -> when its hint was last published, ms."""
    return f"cs:published:{queue}"


def job(job_id: str) -> str:
    """Hash with a job's small fields."""
    return f"cs:job:{job_id}"


def seal(job_id: str) -> str:
    """String with a job's sealed envelope, packed (`signing.ledger.packed`)."""
    return f"cs:seal:{job_id}"


def producer(name: str) -> str:
    """Zset with all jobs of a producer, every score 0: ids are UUIDv7, so their order is time's."""
    return f"cs:producer:{name}"


def kept(job_id: str) -> str:
    """String with the packed seal of a settled job that may be replayed."""
    return f"cs:kept:{job_id}"


def result(job_id: str) -> str:
    """String with a job's sealed result."""
    return f"cs:result:{job_id}"


def rate(name: str) -> str:
    """String with the theoretical arrival time of a producer's next job, ms."""
    return f"cs:rate:{name}"


def nonce(keyid: str, value: str) -> str:
    """String that marks a nonce of a key as used; hashed, since both come from outside."""
    return f"cs:nonce:{_short_hash(keyid, value)}"


def idempotency(producer_name: str, key: str) -> str:
    """String that maps a producer's idempotency key to its job; hashed likewise."""
    return f"cs:idem:{_short_hash(producer_name, key)}"


def _short_hash(*parts: str) -> str:
    # Lengths go in, so that ("a", "bc") and ("ab", "c") differ. 128 bits: a collision cannot be
    # found by somebody who wants two nonces to meet.
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:32]
