"""The broker against a real RabbitMQ: confirmed, counted, and away within bounds."""

import os
import signal
import struct
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import amqp
import pytest

from backends.environment import Environment
from backends.errors import BrokerUnavailable
from backends.settings import AmqpSettings, broker_settings
from gateway.dispatcher.hints import CONTENT_TYPE
from gateway.dispatcher.rabbit_broker import RabbitBroker, _Confirmations
from signing.ledger.record import Hint
from tests.ledger.jobs import seal_of
from tests.servers.marks import wait_until
from tests.servers.rabbit import RabbitSite, superuser

pytestmark = pytest.mark.servers

QUEUE = "test-broker"
SEAL = seal_of(700)
HINT = Hint("id-0", QUEUE, "sample.task", 7, SEAL)


@pytest.fixture
def broker(rabbit_site: RabbitSite) -> Iterator[RabbitBroker]:
    with superuser(rabbit_site.servers) as channel:
        arguments = {"x-queue-type": "quorum"}
        channel.queue_declare(QUEUE, durable=True, auto_delete=False, arguments=arguments)
        channel.queue_purge(QUEUE)
    settings = broker_settings(Environment(rabbit_site.servers.environment("dispatcher")))
    assert isinstance(settings, AmqpSettings)
    broker = RabbitBroker(settings)
    yield broker
    broker.close()


def take(site: RabbitSite) -> Any:
    with superuser(site.servers) as channel:
        return channel.basic_get(QUEUE, no_ack=True)


def test_a_message_of_celery_protocol_2(broker: RabbitBroker, rabbit_site: RabbitSite) -> None:
    broker.publish([HINT])
    message = take(rabbit_site)
    assert message.properties["content_type"] == CONTENT_TYPE
    assert message.properties["content_encoding"] == "utf-8"
    assert message.properties["application_headers"]["task"] == "sample.task"
    assert message.properties["correlation_id"] == "id-0"
    assert (message.properties["delivery_mode"], message.properties["priority"]) == (2, 7)
    assert message.body.encode() == SEAL


def test_hints_come_in_order_and_are_counted(broker: RabbitBroker, rabbit_site: RabbitSite) -> None:
    hints = [replace(HINT, job_id=f"id-{number}") for number in range(300)]
    broker.publish(hints)
    assert broker.length(QUEUE) == 300
    assert [take(rabbit_site).properties["correlation_id"] for _ in hints[:5]] == [
        hint.job_id for hint in hints[:5]
    ]


def test_a_hint_without_a_queue_is_told(broker: RabbitBroker) -> None:
    with pytest.raises(BrokerUnavailable, match="is each queue of the catalog there"):
        broker.publish([HINT, replace(HINT, queue="test-nowhere")])
    with pytest.raises(BrokerUnavailable, match="NotFound"):
        broker.length("test-nowhere")
    broker.publish([HINT])
    assert broker.length(QUEUE) == 2


def is_noted(site: RabbitSite) -> bool:
    """Whether the node has the queue on its own list on the disk.

    It writes that half a second late, and does not know the queue any more if it is killed before.
    """
    lists = site.servers.paths.rabbit.rglob("names.dets")
    return any(QUEUE.encode() in path.read_bytes() for path in lists)


def test_a_node_that_is_killed_is_away_and_comes_back(
    broker: RabbitBroker, rabbit_site: RabbitSite
) -> None:
    broker.publish([HINT] * 5)
    wait_until(lambda: is_noted(rabbit_site))
    rabbit_site.servers.local.stop_rabbit(kill=True)
    for _ in range(2):
        with pytest.raises(BrokerUnavailable):
            broker.publish([HINT])
    rabbit_site.servers.local.start_rabbit()
    assert [take(rabbit_site) is None for _ in range(6)] == [False] * 5 + [True]
    broker.publish([HINT])
    assert broker.length(QUEUE) == 1


def test_a_silent_node_is_left_within_ten_seconds(
    broker: RabbitBroker, rabbit_site: RabbitSite
) -> None:
    broker.publish([HINT])
    node = rabbit_site.servers.local.start_rabbit()
    os.kill(node.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        with pytest.raises(BrokerUnavailable):
            broker.publish([HINT] * 10)
        assert time.monotonic() - began < 10
    finally:
        os.kill(node.pid, signal.SIGCONT)
    broker.publish([HINT])


def test_confirmations_out_of_order() -> None:
    said = _Confirmations()
    said.published = 5
    said.ack(3, False)
    said.ack(2, True)
    assert not said.complete()
    said.ack(5, False)
    said.ack(4, False)
    assert said.complete()
    assert not said.refused()


def test_what_is_refused_is_confirmed_as_such() -> None:
    said = _Confirmations()
    said.published = 2
    said.nack(2, True)
    assert said.complete()
    assert said.refused()


@pytest.mark.parametrize("error", [struct.error, ValueError, IndexError, TypeError])
def test_a_node_that_talks_nonsense_is_away(
    broker: RabbitBroker, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """py-amqp raises these where it cannot read a frame; a dispatcher that ended would publish
    nothing more."""

    def nonsense(*_: Any, **__: Any) -> None:
        raise error("of a frame")

    monkeypatch.setattr(amqp.Channel, "queue_declare", nonsense)
    with pytest.raises(BrokerUnavailable, match=error.__name__):
        broker.length(QUEUE)
