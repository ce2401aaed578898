"""The broker against the real Redis, read by a stock kombu consumer."""

from collections.abc import Iterator
from typing import Any

import pytest
from kombu import Connection, Queue

from backends.broker import redis_ssl, redis_url
from backends.environment import Environment
from backends.errors import BrokerUnavailable
from backends.settings import RedisSettings, redis_settings
from deploy.local.redis_acl import queue_keys
from gateway.dispatcher.hints import CONTENT_TYPE
from gateway.dispatcher.redis_broker import RedisBroker
from signing.ledger.record import Hint
from tests.ledger.jobs import seal_of
from tests.ledger.quiet import QuietRedis
from tests.servers.servers import Role
from workers.wire import sealed_body

pytestmark = pytest.mark.servers

QUEUE = "test-broker"
SEAL = seal_of(700)


def settings_of(servers: QuietRedis, role: Role) -> RedisSettings:
    return redis_settings(Environment(servers.environment(role)), "COUNTERSIGN_BROKER_URL")


@pytest.fixture
def broker(ledger_redis: QuietRedis) -> Iterator[RedisBroker]:
    broker = RedisBroker(settings_of(ledger_redis, "dispatcher"))
    yield broker
    broker.close()


def hints(*priorities: int) -> list[Hint]:
    return [
        Hint(f"id-{number}", QUEUE, "sample.task", priority, SEAL)
        for number, priority in enumerate(priorities)
    ]


def consume(servers: QuietRedis, count: int) -> list[Any]:
    """Take messages as any Celery worker would, with stock kombu."""
    settings = settings_of(servers, "superuser")
    messages: list[Any] = []
    with (
        Connection(redis_url(settings, "rediss"), ssl=redis_ssl(settings)) as connection,
        connection.Consumer(
            Queue(QUEUE),
            callbacks=[lambda _body, message: messages.append(message)],
            accept=[CONTENT_TYPE],
            no_ack=True,
            prefetch_count=1,
        ),
    ):
        while len(messages) < count:
            connection.drain_events(timeout=10)
    return messages


def test_a_stock_consumer_reads_a_message_of_celery_protocol_2(
    broker: RedisBroker, ledger_redis: QuietRedis
) -> None:
    broker.publish(hints(0))
    [message] = consume(ledger_redis, 1)
    assert message.content_type == CONTENT_TYPE
    assert message.content_encoding == "utf-8"
    # celery.worker.strategy tells protocol 2 by the task's name in the headers.
    assert message.headers["task"] == "sample.task"
    assert message.headers["id"] == "id-0"
    assert message.properties["correlation_id"] == "id-0"
    assert message.body == SEAL


def test_a_worker_reads_the_seal_out_of_the_bytes_in_redis(
    broker: RedisBroker, ledger_redis: QuietRedis
) -> None:
    broker.publish(hints(0))
    raw = ledger_redis.redis("superuser", 1).rpop(queue_keys(QUEUE)[3])
    assert isinstance(raw, bytes)
    assert sealed_body(raw) == SEAL


def test_the_most_urgent_comes_first_and_equals_keep_their_order(
    broker: RedisBroker, ledger_redis: QuietRedis
) -> None:
    broker.publish(hints(0, 5, 9, 0, 2, 9))
    taken = [message.headers["id"] for message in consume(ledger_redis, 6)]
    assert taken == ["id-2", "id-5", "id-1", "id-4", "id-0", "id-3"]


def test_priorities_land_in_the_lists_that_workers_look_into(
    broker: RedisBroker, ledger_redis: QuietRedis
) -> None:
    broker.publish(hints(*range(10)))
    superuser = ledger_redis.redis("superuser", 1)
    lengths = {key: superuser.llen(key) for key in queue_keys(QUEUE)}
    assert list(lengths.values()) == [3, 3, 3, 1]
    assert sorted(superuser.keys()) == sorted(key.encode() for key in lengths)
    assert broker.length(QUEUE) == 10
    assert broker.length("test-nothing") == 0


def test_publishing_nothing_is_nothing(broker: RedisBroker) -> None:
    broker.publish([])
    assert broker.length(QUEUE) == 0


def test_a_lost_connection_is_told_and_made_anew(
    broker: RedisBroker, ledger_redis: QuietRedis
) -> None:
    broker.publish(hints(0))
    ledger_redis.local.stop_redis(kill=True)
    for call in (lambda: broker.publish(hints(0)), lambda: broker.length(QUEUE)):
        with pytest.raises(BrokerUnavailable) as caught:
            call()
        assert caught.value.message in (
            "the broker does not serve: BatchPublishError",
            "the broker does not serve: ConnectionError",
        )
    ledger_redis.restore()
    broker.publish(hints(0))
    assert broker.length(QUEUE) == 2


def test_a_connection_that_the_server_closed_meanwhile_is_no_matter(
    broker: RedisBroker, ledger_redis: QuietRedis
) -> None:
    broker.publish(hints(0))
    ledger_redis.redis("superuser").client_kill_filter(user="dispatcher")
    broker.publish(hints(0))
    assert broker.length(QUEUE) == 2


def test_closing_twice_is_nothing(broker: RedisBroker) -> None:
    broker.close()
    broker.close()
    assert broker.length(QUEUE) == 0
