"""Acceptances for tests, with every part to be replaced by name."""

import itertools
import json
from base64 import b64encode
from random import Random
from typing import Any, Final

from signing.ids import uuid7
from signing.ledger.record import Acceptance, Limits

HOUR_MS: Final = 3_600_000
QUEUE: Final = "test-ledger"

_numbers = itertools.count()


def job_id() -> str:
    """Give an id that no other test of this process has."""
    return uuid7(next(_numbers), bytes(10))


def nonce() -> str:
    """Give a nonce likewise."""
    return f"n-{next(_numbers)}"


def seal_of(size: int) -> bytes:
    """Give an envelope's text of about a size; its payload does not repeat itself."""
    payload = Random(size).randbytes(max(1, (size - 210) * 3 // 4))
    envelope = {
        "payloadType": "application/vnd.countersign.job+json",
        "payload": b64encode(payload).decode(),
        "signatures": [{"keyid": "countersign-job:1", "sig": b64encode(bytes(64)).decode()}],
    }
    return json.dumps(envelope, separators=(",", ":")).encode()


def acceptance(now: int, **changes: Any) -> Acceptance:
    """Give an acceptance that is due at once and expires in an hour."""
    fields: dict[str, Any] = {
        "job_id": job_id(),
        "seal": b"{}",
        "seal_digest": "sha-256:" + "5" * 64,
        "producer": "acme",
        "task": "sample.task",
        "queue": QUEUE,
        "priority": 0,
        "max_attempts": 3,
        "on_lost": "rerun",
        "has_secret": False,
        "issued_at": now,
        "not_before": now,
        "expires_at": now + HOUR_MS,
        "keyid": "acme-1",
        "nonce": nonce(),
        "idempotency_key": None,
        "body_digest": "sha-256:b",
        "limits": Limits(),
    }
    return Acceptance(**(fields | changes))
