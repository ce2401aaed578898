"""Attack: results written into the ledger by somebody who is no worker."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.attacks.target import Target, sealed_with

Status = dict[str, Any]
ATTACKER = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)


@pytest.fixture(scope="module")
def finished(target: Target) -> Iterator[Status]:
    """A job that has settled; its result is put back afterwards."""
    status = target.producer.run("test.mark", {"name": "finished"})
    ledger = target.stack.servers.redis("superuser")
    key = f"cs:result:{status['id']}"
    kept = ledger.get(key)
    assert isinstance(kept, bytes)
    yield status
    ledger.set(key, kept)
    assert asked(target, status) == status


def asked(target: Target, status: Status) -> Status:
    told: Status = target.producer.call("GET", f"/v1/jobs/{status['id']}").json
    return told


def tampered(status: Status) -> bytes:
    envelope = status["sealed_result"]
    return json.dumps(envelope | {"payload": envelope["payload"][:-8] + "AAAAAAA="}).encode()


def by_attacker(keyid: str) -> Callable[[Status], bytes]:
    return lambda status: json.dumps(
        sealed_with(ATTACKER, keyid, {"id": status["id"], "result": "forged"})
    ).encode()


FORGED: list[tuple[str, Callable[[Status], bytes], str]] = [
    ("text", lambda _: b'"forged"', "seal_malformed"),
    ("nothing", lambda _: b"", "seal_malformed"),
    ("bytes", lambda _: b"\xff\xfe\x00", "seal_malformed"),
    ("celery's own", lambda _: b'{"status": "SUCCESS", "result": "forged"}', "seal_malformed"),
    ("an attacker's key", by_attacker("attacker:1"), "key_unknown"),
    ("the gateway's key id", by_attacker("countersign-job:1"), "key_unknown"),
    ("a worker's key id", by_attacker("countersign-result:1"), "payload_type_mismatch"),
    ("another payload", tampered, "seal_signature_invalid"),
]


@pytest.mark.parametrize(("forge", "reason"), [c[1:] for c in FORGED], ids=[c[0] for c in FORGED])
def test_it_is_not_passed_on(
    target: Target, finished: Status, forge: Callable[[Status], bytes], reason: str
) -> None:
    target.stack.servers.redis("superuser").set(f"cs:result:{finished['id']}", forge(finished))
    told = asked(target, finished)
    assert told["error"] == {"code": "result_unverified", "reason": reason}
    assert (told["result"], told["sealed_result"]) == (None, None)
    assert "forged" not in str(told)


def test_another_jobs_genuine_result_is_not_passed_on(target: Target, finished: Status) -> None:
    ledger = target.stack.servers.redis("superuser")
    other = ledger.get(f"cs:result:{target.genuine.job_id}")
    assert isinstance(other, bytes)
    ledger.set(f"cs:result:{finished['id']}", other)
    told = asked(target, finished)
    assert told["error"] == {"code": "result_unverified", "reason": "result_mismatch"}
    assert (told["result"], told["sealed_result"]) == (None, None)
