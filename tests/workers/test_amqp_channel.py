"""kombu's AMQP channel, made to verify: on a real RabbitMQ, without a worker around it."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from backends.settings import environment_of
from tests.servers.marks import wait_until
from tests.servers.rabbit import RabbitSite, sealed, superuser
from tests.workers.builders import verified
from tests.workers.site import name
from workers.amqp_channel import PREFETCH, VerifiedAmqpMessage, VerifyingAmqpChannel
from workers.celery_app import celery_app
from workers.channel import PublishingRefused
from workers.settings import worker_settings
from workers.types import Content, Delivered, Verified
from workers.window import Window
from workers.wire import CONTENT_TYPE

pytestmark = pytest.mark.servers

SLOTS = 2


class Line:
    """A connection that consumes from two queues."""

    def __init__(self, site: RabbitSite, queues: tuple[str, ...]) -> None:
        environment = site.servers.environment("worker")
        consumed = {"COUNTERSIGN_QUEUES": ",".join(queues)}
        settings = worker_settings(environment_of(environment | consumed))
        self.queues = queues
        self.site = site
        self.inspected: list[Delivered] = []
        self.taken: list[VerifiedAmqpMessage] = []
        self.accepts: Callable[[Delivered], bool] = lambda _: True
        app = celery_app(settings, self.inspect, Window(SLOTS))
        self.connection = app.connection_for_read()
        self.channel: VerifyingAmqpChannel = self.connection.default_channel
        self.channel.basic_qos(0, 1, False)
        self.consumer = app.amqp.TaskConsumer(self.connection)
        self.consumer.on_message = self.taken.append
        self.consumer.consume()

    def inspect(self, delivered: Delivered) -> Verified | None:
        self.inspected.append(delivered)
        return verified(len(self.inspected)) if self.accepts(delivered) else None

    def drain_until(self, holds: Callable[[], bool]) -> None:
        def step() -> bool:
            with contextlib.suppress(socket.timeout):
                self.connection.drain_events(timeout=0.1)
            return holds()

        wait_until(step)

    def has_more_than(self, count: int) -> bool:
        return len(self.taken) > count

    def leave(self, unacknowledged: int) -> None:
        """Close all; what the node gave and did not hear of again is ready soon after that."""
        with contextlib.suppress(socket.timeout):
            while True:
                self.connection.drain_events(timeout=0.1)
        self.connection.release()
        wait_until(lambda: self.site.queued(self.queues[0]) == unacknowledged)


@pytest.fixture
def line(rabbit_site: RabbitSite) -> Iterator[Line]:
    # Queues of its own: what an earlier test left unacknowledged comes back late.
    queues = tuple(name("test-line") for _ in range(2))
    with superuser(rabbit_site.servers) as channel:
        for queue in queues:
            arguments = {"x-queue-type": "quorum"}
            channel.queue_declare(queue, durable=True, auto_delete=False, arguments=arguments)
        found = Line(rabbit_site, queues)
        yield found
        found.connection.release()
        for queue in queues:
            channel.queue_delete(queue)


def test_a_message_is_inspected_as_it_came(line: Line) -> None:
    line.site.push(sealed(b"body"), queue=line.queues[1])
    line.drain_until(lambda: bool(line.taken))
    assert line.inspected == [
        Delivered(line.queues[1], b"body", Content(CONTENT_TYPE.encode(), b"utf-8"), False)
    ]
    message = line.taken[0]
    assert message.verified == verified(1)
    assert message.body == b"[[], {}, {}]"


def test_what_is_taken_is_acknowledged_and_what_has_no_room_is_not(line: Line) -> None:
    line.site.push(*[sealed(b"x")] * 10, queue=line.queues[0])
    line.drain_until(lambda: len(line.taken) == SLOTS)
    line.drain_until(lambda: len(line.channel._waiting) == 10 - SLOTS)
    line.leave(unacknowledged=10 - SLOTS)


def test_a_place_given_back_lets_the_next_one_in(line: Line) -> None:
    line.site.push(*[sealed(b"x")] * 5, queue=line.queues[0])
    line.drain_until(lambda: len(line.taken) == SLOTS)
    while len(line.taken) < 5:
        before = len(line.taken)
        line.taken[before - SLOTS].ack()
        line.channel.connection.go_on()
        line.drain_until(partial(line.has_more_than, before))
    line.leave(unacknowledged=0)


def test_what_waits_goes_back_and_is_asked_for_again(line: Line) -> None:
    line.site.push(*[sealed(b"x")] * (SLOTS + 3), queue=line.queues[0])
    line.drain_until(lambda: len(line.channel._waiting) == 3)
    line.channel.tend()
    assert len(line.channel._waiting) == 3  # a look is not enough
    line.channel.tend()
    wait_until(lambda: line.site.queued(line.queues[0]) == 3)
    line.taken[0].ack()
    line.channel.connection.go_on()
    line.drain_until(lambda: len(line.taken) == SLOTS + 1)
    assert line.inspected[-1].redelivered


def test_what_is_refused_takes_no_room(line: Line) -> None:
    line.accepts = lambda delivered: delivered.raw == b"good"
    line.site.push(*[sealed(b"bad")] * (3 * PREFETCH), sealed(b"good"), queue=line.queues[0])
    line.drain_until(lambda: len(line.taken) == 1)
    assert len(line.inspected) == 3 * PREFETCH + 1
    line.leave(unacknowledged=0)


def test_a_consumer_that_stops_gives_back_what_waits(line: Line) -> None:
    line.site.push(*[sealed(b"x")] * (SLOTS + 3), queue=line.queues[0])
    line.drain_until(lambda: len(line.channel._waiting) == 3)
    line.consumer.cancel()
    wait_until(lambda: line.site.queued(line.queues[0]) == 3)


@pytest.mark.parametrize(
    "call",
    [
        lambda channel: channel.basic_publish(sealed(b"x"), routing_key="test-x"),
        lambda channel: channel.basic_publish_confirm(sealed(b"x"), routing_key="test-x"),
        lambda channel: channel.queue_declare("test-x"),
        lambda channel: channel.queue_delete("test-x"),
        lambda channel: channel.queue_purge("test-x"),
        lambda channel: channel.queue_bind("test-x", "amq.fanout"),
        lambda channel: channel.exchange_declare("test-x", "fanout"),
        lambda channel: channel.Producer().publish("x", routing_key="test-x"),
    ],
)
def test_it_cannot_publish_or_change_anything(line: Line, call: Callable[[Any], Any]) -> None:
    with pytest.raises(PublishingRefused):
        call(line.channel)
