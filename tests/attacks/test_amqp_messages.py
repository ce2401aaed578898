"""Attack: whatever may be put into a queue of RabbitMQ: none of it runs, it is quarantined."""

import gzip
import hashlib
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import amqp
import pytest

from deploy.local.process import Child
from deploy.local.rabbit_server import superuser_connection
from tests.attacks.test_malformed import forget_peak, peak_kib
from tests.servers.marks import wait_until
from tests.servers.rabbit import CONTENT_TYPE, RabbitSite, RawMessage, sealed, superuser
from tests.workers.site import name

MIB = 1024 * 1024
TYPE = CONTENT_TYPE.encode()
#: Flags of content type, content encoding and headers.
TYPED_WITH_HEADERS = 0xE000


@dataclass(frozen=True, slots=True)
class Target:
    """A worker on RabbitMQ, and the seal of a job that it has run."""

    site: RabbitSite
    worker: Child
    seal: bytes
    ran: str

    def reasons(self, body: bytes) -> list[str]:
        """Why messages with this body were quarantined, oldest first."""
        digest = hashlib.sha256(body).hexdigest().encode()
        entries = self.site.stack.quarantined()
        return [item["reason"].decode() for item in entries if item["digest"] == digest]

    def refuses(self, message: Any, reason: str, body: bytes | None = None) -> None:
        """Push a message, and see that it is quarantined and the worker goes on."""
        body = message.body if body is None else body
        body = body.encode() if isinstance(body, str) else body
        before = len(self.reasons(body))
        self.site.push(message)
        wait_until(lambda: len(self.reasons(body)) > before)
        assert self.reasons(body)[before:] == [reason]
        self.goes_on()

    def goes_on(self) -> None:
        """The worker is the same process, on the same connection, and runs jobs."""
        assert self.worker.status is None
        assert "waiting for the broker" not in self.site.stack.log("worker-attacked")
        assert "Connection to broker lost" not in self.site.stack.log("worker-attacked")
        assert self.site.producer.run("demo.noop", {})["status"] == "succeeded"
        assert len(self.site.marks.of(self.ran)) == 1


@pytest.fixture(scope="module")
def target(rabbit_site: RabbitSite) -> Iterator[Target]:
    ran = name("ran")
    job_id = rabbit_site.submit("test.mark", name=ran)
    seal = rabbit_site.servers.seal(job_id)
    worker = rabbit_site.worker("worker-attacked")
    rabbit_site.settled(job_id)
    yield Target(rabbit_site, worker, seal, ran)
    rabbit_site.stack.stop("worker-attacked")


def short(text: bytes) -> bytes:
    return bytes([len(text)]) + text


def table(*entries: bytes) -> bytes:
    inside = b"".join(entries)
    return struct.pack(">I", len(inside)) + inside


def nested(depth: int) -> bytes:
    found = table()
    for _ in range(depth):
        found = table(short(b"k") + b"F" + found)
    return found


#: Header tables that the node lets through.
TABLES = {
    "a timestamp out of range": table(short(b"t") + b"T" + b"\xff" * 8),
    "nested deeply": nested(3000),
    "a key that is no text": table(short(b"\xff\xfe") + b"S" + struct.pack(">I", 1) + b"\xff"),
    "a decimal": table(short(b"d") + b"D\xff\x7f\xff\xff\xff"),
    "the same key twice": table(short(b"id") + b"V", short(b"id") + b"t\x01"),
    "compression": table(
        short(b"compression") + b"S" + struct.pack(">I", 18) + b"application/x-gzip"
    ),
    "another job": table(
        short(b"task") + b"S" + struct.pack(">I", 9) + b"test.mark",
        short(b"id") + b"S" + struct.pack(">I", 1) + b"x",
    ),
}


@pytest.mark.parametrize("headers", TABLES.values(), ids=TABLES)
def test_headers_are_not_looked_at(target: Target, headers: bytes) -> None:
    flags = struct.pack(">H", TYPED_WITH_HEADERS)
    message = RawMessage(target.seal, flags + short(TYPE) + short(b"utf-8") + headers)
    target.refuses(message, "replayed")


def test_a_stock_client_dies_of_one_of_them(target: Target) -> None:
    """The attack is real: py-amqp's own decoding raises what no client of it expects."""
    flags = struct.pack(">H", TYPED_WITH_HEADERS)
    headers = TABLES["a timestamp out of range"]
    message = RawMessage(b"{}", flags + short(TYPE) + short(b"utf-8") + headers)
    servers = target.site.servers
    with superuser(servers) as channel:
        channel.queue_declare("test-stock", durable=True, auto_delete=False)
        channel.basic_publish(message, exchange="", routing_key="test-stock")
    connection = superuser_connection(servers.paths.certs, servers.ports)
    with pytest.raises((ValueError, OverflowError, OSError)) as raised:
        connection.channel().basic_get("test-stock")
    assert not isinstance(raised.value, amqp.AMQPError)
    connection.collect()


#: Messages with the genuine seal for a body, and properties that are not the dispatcher's.
CONTENTS: dict[str, dict[str, Any]] = {
    "json": {"content_type": "application/json"},
    "pickle": {"content_type": "application/x-python-serialize", "content_encoding": "binary"},
    "no content type": {"content_type": None},
    "no content encoding": {"content_encoding": None},
    "another encoding": {"content_encoding": "gzip"},
    "a content type in other letters": {"content_type": CONTENT_TYPE.upper()},
    "a longer content type": {"content_type": f"{CONTENT_TYPE}; charset=utf-8"},
}


@pytest.mark.parametrize("properties", CONTENTS.values(), ids=CONTENTS)
def test_another_content_is_refused(target: Target, properties: dict[str, Any]) -> None:
    message = sealed(target.seal)
    for key, value in properties.items():
        if value is None:
            del message.properties[key]
        else:
            message.properties[key] = value
    target.refuses(message, "content_type_refused")


def test_properties_say_nothing(target: Target) -> None:
    message = sealed(
        target.seal,
        priority=255,
        delivery_mode=1,
        reply_to="celery.pidbox",
        correlation_id="x",
        message_id="x",
        type="shutdown",
        app_id="x",
        application_headers={"task": "celery.chord_unlock", "id": "x", "eta": "2000-01-01"},
    )
    target.refuses(message, "replayed")


def bodies(seal: bytes) -> dict[str, tuple[bytes, str]]:
    """Bodies under our content type that are not a genuine seal."""
    envelope = json.loads(seal)
    other = envelope | {"signatures": [envelope["signatures"][0] | {"sig": "AAAA"}]}
    unsigned = {key: value for key, value in envelope.items() if key != "signatures"}
    wire = {
        "body": seal.decode(),
        "content-type": CONTENT_TYPE,
        "content-encoding": "utf-8",
        "headers": {},
        "properties": {},
    }
    return {
        "empty": (b"", "seal_malformed"),
        "not UTF-8": (b"\xff\xfe", "seal_malformed"),
        "celery's own": (b'[[], {"name": "x"}, {}]', "seal_malformed"),
        "as on Redis": (json.dumps(wire).encode(), "seal_malformed"),
        "packed": (gzip.compress(seal), "seal_malformed"),
        "without a signature": (json.dumps(unsigned).encode(), "seal_malformed"),
        "with another signature": (json.dumps(other).encode(), "seal_signature_invalid"),
        "too large for an envelope": (b"[" * (2 * MIB), "seal_malformed"),
    }


NAMES = tuple(bodies(b'{"signatures": [{}]}'))


@pytest.mark.parametrize("which", NAMES)
def test_what_is_no_seal_is_refused(target: Target, which: str) -> None:
    body, reason = bodies(target.seal)[which]
    target.refuses(sealed(body), reason)


def test_what_is_too_large_is_not_gathered(target: Target) -> None:
    pid = target.worker.pid
    forget_peak(pid)
    before = peak_kib(pid)
    kept = (b"\xff" * (4 * MIB - 1))[:3_000_001]
    for _ in range(4):
        target.refuses(sealed(b"\xff" * (4 * MIB - 1)), "message_too_large", kept)
    assert peak_kib(pid) - before < 32 * 1024


def test_a_hundred_copies_at_once(target: Target) -> None:
    before = len(target.reasons(target.seal))
    target.site.push(*[sealed(target.seal)] * 100)
    wait_until(lambda: len(target.reasons(target.seal)) >= before + 100)
    assert set(target.reasons(target.seal)[before:]) == {"replayed"}
    target.goes_on()


def test_a_seal_of_another_queue(target: Target) -> None:
    before = len(target.reasons(target.seal))
    target.site.push(sealed(target.seal), queue="slow")
    wait_until(lambda: len(target.reasons(target.seal)) > before)
    assert target.reasons(target.seal)[before:] == ["queue_mismatch"]
    target.goes_on()


def test_what_the_node_gives_again_runs_as_little(rabbit_site: RabbitSite, target: Target) -> None:
    """Given back by somebody, a copy is marked as redelivered: no trace is kept, and no run."""
    before = len(target.reasons(target.seal))
    rabbit_site.stack.stop("worker-attacked")
    with superuser(rabbit_site.servers) as channel:
        channel.basic_publish(sealed(target.seal), exchange="", routing_key="fast")
        message = channel.basic_get("fast")
        channel.basic_reject(message.delivery_tag, requeue=True)
    worker = rabbit_site.worker("worker-attacked")
    wait_until(lambda: rabbit_site.queued() == 0)
    assert rabbit_site.producer.run("demo.noop", {})["status"] == "succeeded"
    assert len(target.reasons(target.seal)) == before
    assert len(rabbit_site.marks.of(target.ran)) == 1
    assert worker.status is None
