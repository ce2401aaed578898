"""kombu's channel, made to verify: on a real Redis, without a worker around it."""

import contextlib
import json
import queue
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from backends.settings import environment_of
from signing.catalog import Catalog, dump_catalog
from tests.servers.marks import wait_until
from tests.servers.servers import Servers
from tests.workers.builders import job_id, verified
from workers import channel as channel_module
from workers.celery_app import celery_app
from workers.channel import PublishingRefused, VerifiedMessage, VerifyingChannel
from workers.settings import WorkerSettings, worker_settings
from workers.types import Delivered, Verified
from workers.window import Window


class Line:
    """A connection that consumes from `fast` and `slow`, and is made anew as a worker's is."""

    def __init__(self, settings: WorkerSettings, window: Window) -> None:
        self.inspected: list[Delivered] = []
        self.taken: list[VerifiedMessage] = []
        self.accepts: Callable[[Delivered], bool] = lambda _: True
        self.app = celery_app(settings, self.inspect, window)
        self.connect()

    def connect(self) -> None:
        self.connection = self.app.connection_for_read()
        self.channel: VerifyingChannel = self.connection.default_channel
        consumer = self.app.amqp.TaskConsumer(self.connection)
        consumer.on_message = self.taken.append
        consumer.consume()

    def reconnect(self) -> None:
        self.connection.close()
        self.connect()

    def inspect(self, delivered: Delivered) -> Verified | None:
        self.inspected.append(delivered)
        return verified(len(self.inspected)) if self.accepts(delivered) else None

    def drain(self) -> None:
        with contextlib.suppress(socket.timeout, queue.Empty):
            self.connection.drain_events(timeout=0.1)

    def drain_until(self, holds: Callable[[], bool]) -> None:
        def step() -> bool:
            self.drain()
            return holds()

        wait_until(step)


@pytest.fixture
def settings(clean_servers: Servers, tmp_path: Path) -> WorkerSettings:
    catalog = tmp_path / "catalog.json"
    catalog.write_bytes(dump_catalog(Catalog([])))
    changes = {
        "COUNTERSIGN_CATALOG": str(catalog),
        "COUNTERSIGN_QUEUES": "fast,slow",
    }
    return worker_settings(environment_of(clean_servers.environment("worker") | changes))


@pytest.fixture
def line(settings: WorkerSettings) -> Iterator[Line]:
    made = Line(settings, Window(2))
    yield made
    made.connection.close()


@pytest.fixture
def broker(clean_servers: Servers) -> Any:
    return clean_servers.redis("superuser", 1)


def test_only_what_was_verified_is_delivered(line: Line, broker: Any) -> None:
    line.accepts = lambda delivered: delivered.raw == b"good"
    broker.lpush("fast", b"bad", b"\xff\xfe", b"good", b"")
    line.drain_until(lambda: len(line.inspected) == 4)
    assert [item.raw for item in line.inspected] == [b"bad", b"\xff\xfe", b"good", b""]
    (message,) = line.taken
    assert message.verified.job.claims.id == job_id(3)
    assert json.loads(message.body) == [[], {}, {}]
    assert message.headers == {"task": "payments.capture", "id": job_id(3)}
    assert broker.keys() == []


def test_the_priority_steps_of_both_queues_in_order(line: Line, broker: Any) -> None:
    for key in ("slow\x06\x169", "fast\x06\x163", "slow\x06\x166", "fast"):
        broker.lpush(key, key.encode())
    line.drain_until(lambda: len(line.inspected) == 2)
    for message in line.taken:
        message.ack()
    line.drain_until(lambda: len(line.inspected) == 4)
    assert [(item.queue, item.raw) for item in line.inspected] == [
        ("fast", b"fast"),
        ("fast", b"fast\x06\x163"),
        ("slow", b"slow\x06\x166"),
        ("slow", b"slow\x06\x169"),
    ]


def test_no_more_is_taken_than_the_window_lets(line: Line, broker: Any) -> None:
    broker.lpush("fast", *[b"x"] * 5)
    line.drain_until(lambda: len(line.taken) == 2)
    for _ in range(3):
        line.drain()
    assert (len(line.taken), broker.llen("fast")) == (2, 3)
    line.taken[0].ack()
    line.drain_until(lambda: len(line.taken) == 3)
    assert line.channel.qos.can_consume() is False


def test_what_is_refused_takes_no_place_in_the_window(line: Line, broker: Any) -> None:
    line.accepts = lambda _: False
    broker.lpush("fast", *[b"x"] * 100)
    line.drain_until(lambda: len(line.inspected) == 100)
    assert line.taken == []


def test_what_earlier_connections_brought_takes_its_place_still(line: Line, broker: Any) -> None:
    broker.lpush("fast", *[b"x"] * 6)
    line.drain_until(lambda: len(line.taken) == 2)
    for _ in range(3):
        line.reconnect()
        line.drain()
        line.drain()
    assert (len(line.taken), broker.llen("fast")) == (2, 4)
    line.taken[0].ack()
    line.drain_until(lambda: len(line.taken) == 3)
    line.reconnect()
    for message in line.taken[1:]:  # of two connections, both closed
        message.ack()
    line.drain_until(lambda: len(line.taken) == 5)
    for _ in range(3):
        line.drain()
    assert (len(line.taken), broker.llen("fast")) == (5, 1)


def test_a_place_is_given_back_once(line: Line, broker: Any) -> None:
    broker.lpush("fast", b"x", b"y")
    line.drain_until(lambda: len(line.taken) == 2)
    first, second = line.taken
    old = line.channel
    line.reconnect()
    first.ack()
    for channel in (old, line.channel):
        channel.basic_ack(first.delivery_tag)
        channel.basic_reject(first.delivery_tag, requeue=False)
    assert line.channel.room.left() == 1
    second.reject()
    old.basic_ack(second.delivery_tag)
    assert line.channel.room.left() == 2


def test_what_cannot_be_requeued_gives_its_place_back(line: Line, broker: Any) -> None:
    broker.lpush("fast", b"x")
    line.drain_until(lambda: len(line.taken) == 1)
    with pytest.raises(PublishingRefused):
        line.taken[0].requeue()
    assert line.channel.room.left() == 2


def test_what_is_refused_after_a_reconnect_takes_no_place(line: Line, broker: Any) -> None:
    line.accepts = lambda delivered: delivered.raw == b"good"
    for _ in range(3):
        line.inspected.clear()
        broker.lpush("fast", *[b"bad"] * 10)
        line.drain_until(lambda: len(line.inspected) == 10)
        line.reconnect()
    assert line.channel.room.left() == 2
    broker.lpush("fast", b"bad", b"good")
    line.drain_until(lambda: len(line.taken) == 1)
    assert line.channel.room.left() == 1


def test_nothing_is_given_back_or_left_in_the_broker(line: Line, broker: Any) -> None:
    broker.lpush("fast", b"x", b"y")
    line.drain_until(lambda: len(line.taken) == 2)
    line.channel.qos.restore_unacked_once()
    line.connection.close()
    assert broker.keys() == []


@pytest.mark.parametrize(
    "call",
    [
        lambda channel: channel.basic_publish({}, "", "fast"),
        lambda channel: channel._put("fast", {}),
        lambda channel: channel._put_fanout("celery.pidbox", {}, ""),
        lambda channel: channel._restore({}),
        lambda channel: channel._restore_at_beginning({}),
        lambda channel: channel._purge("fast"),
        lambda channel: channel._delete("fast", "", "", ""),
    ],
    ids=["publish", "put", "fanout", "restore", "restore first", "purge", "delete"],
)
def test_a_worker_cannot_write(line: Line, call: Callable[[Any], None]) -> None:
    with pytest.raises(PublishingRefused):
        call(line.channel)


def test_a_broker_that_refuses_is_asked_again_after_a_pause(
    line: Line, broker: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # Long enough for the look that follows to fall into it.
    monkeypatch.setattr(channel_module, "REFUSED_PAUSE_S", 3.0)
    broker.set("fast", "x")
    line.drain_until(lambda: "the broker gives no messages: ResponseError" in caplog.text)
    before = caplog.text.count("gives no messages")
    line.channel._brpop_start()
    assert line.channel._in_poll is None
    broker.delete("fast")
    broker.lpush("fast", b"x")
    line.drain_until(lambda: len(line.taken) == 1)
    assert caplog.text.count("gives no messages") <= before + 1


def test_a_lost_connection_is_raised_for_celery_to_make_anew(
    line: Line, clean_servers: Servers
) -> None:
    line.drain()
    clean_servers.local.stop_redis(kill=True)
    with pytest.raises((RedisConnectionError, OSError)):
        line.drain_until(lambda: False)


def test_without_queues_nothing_is_asked(settings: WorkerSettings) -> None:
    app = celery_app(settings, lambda _: None, Window(1))
    with app.connection_for_read() as connection:
        channel = connection.default_channel
        channel._brpop_start()
        assert not channel._in_poll
        assert channel._size("fast") == 0
