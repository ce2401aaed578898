"""The system under attack: a running stack, genuine messages of it, and what must stay true."""

import base64
import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deploy.local.process import Child
from signing.claims import JOB_TYPE
from signing.dsse import pae
from tests.servers.marks import Marks, wait_until
from tests.servers.stack import Producer, Stack

FAST = "fast"
SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Genuine:
    """A message as the dispatcher wrote it, read off the queue before a worker came."""

    name: str
    job_id: str
    raw: bytes = field(repr=False)
    key: str

    @property
    def message(self) -> dict[str, Any]:
        """The message, to be altered."""
        message: dict[str, Any] = json.loads(self.raw)
        return message

    @property
    def envelope(self) -> dict[str, Any]:
        """The sealed job in it, to be altered."""
        envelope: dict[str, Any] = json.loads(self.message["body"])
        return envelope

    @property
    def claims(self) -> dict[str, Any]:
        """What the seal says, to be altered."""
        claims: dict[str, Any] = json.loads(base64.b64decode(self.envelope["payload"]))
        return claims

    def with_envelope(self, envelope: Mapping[str, Any]) -> bytes:
        """The message with another envelope in it."""
        return self.with_body(json.dumps(envelope).encode())

    def with_body(self, body: bytes) -> bytes:
        """The message with another body."""
        return dump(self.message | {"body": body.decode("utf-8", "surrogateescape")})

    def with_claims(self, **changes: Any) -> bytes:
        """The message with other claims under the same signature."""
        payload = json.dumps(self.claims | changes, separators=(",", ":"), sort_keys=True)
        return self.with_envelope(self.envelope | {"payload": b64(payload.encode())})


@dataclass(slots=True)
class Target:
    """A running stack whose worker also runs the tests' own tasks."""

    stack: Stack
    producer: Producer
    marks: Marks
    genuine: Genuine
    other: Genuine
    relabelled: Genuine
    delayed: Genuine

    def push(self, raw: bytes | str, queue: str = FAST) -> None:
        """Put bytes on a queue, as an attacker who may LPUSH does."""
        self.stack.servers.redis("superuser", 1).lpush(queue, raw)

    def quarantined_for(self, raw: bytes) -> list[str]:
        """The reasons for which these bytes are in the quarantine."""
        digest = hashlib.sha256(raw).hexdigest().encode()
        entries = self.stack.quarantined()
        return [item["reason"].decode() for item in entries if item["digest"] == digest]

    def wait_quarantined(self, raw: bytes, count: int = 1) -> list[str]:
        """Wait until bytes are in the quarantine; give the reasons."""
        worker = self.stack.processes["worker"]
        wait_until(lambda: worker.status is not None or len(self.quarantined_for(raw)) >= count)
        assert worker.status is None, "the worker has died"
        return self.quarantined_for(raw)

    def refuses(self, raw: bytes, reason: str, queue: str = FAST) -> None:
        """Push bytes; they must end in the quarantine for this reason, and nothing may run."""
        with self.unharmed():
            already = len(self.quarantined_for(raw))
            self.push(raw, queue)
            assert self.wait_quarantined(raw, already + 1)[already:] == [reason]

    def worker(self) -> Child:
        """The worker; started anew where an attack that a test before this one found killed it."""
        if self.stack.processes["worker"].status is not None:
            self.stack.start("worker", **self.marks.settings)
        return self.stack.processes["worker"]

    @contextmanager
    def unharmed(self) -> Iterator[None]:
        """After the block the same worker runs a genuine job, and nothing else ran since."""
        worker = self.worker()
        before = self.marks.all()
        yield
        name = f"after-{secrets.token_hex(4)}"
        status = self.producer.run("test.mark", {"name": name})
        assert status["status"] == "succeeded"
        assert status["result"] == name
        assert status["attempts"] == 1
        assert self.stack.processes["worker"] is worker
        assert worker.status is None
        left = self.marks.all()[len(before) :]
        assert [(item.event, item.name) for item in left] == [("ran", name)]


def dump(value: Any) -> bytes:
    """Write JSON as kombu does."""
    return json.dumps(value).encode()


def b64(data: bytes) -> str:
    """Standard base64."""
    return base64.b64encode(data).decode("ascii")


def sealed_with(key: Ed25519PrivateKey, keyid: str, claims: Mapping[str, Any]) -> dict[str, Any]:
    """An envelope that an attacker's own key signed."""
    payload = json.dumps(claims, separators=(",", ":"), sort_keys=True).encode()
    return {
        "payload": b64(payload),
        "payloadType": JOB_TYPE,
        "signatures": [{"keyid": keyid, "sig": b64(key.sign(pae(JOB_TYPE, payload)))}],
    }
