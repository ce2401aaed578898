"""Attack: all of the broker's Redis: what Celery keeps there is neither read nor written here."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.attacks.target import FAST, Target, dump
from tests.servers.marks import wait_until

HEADERS = {"task": "test.mark", "id": "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"}
REFUSED = "the broker gives no messages"
COMMANDS = ("shutdown", "add_consumer", "cancel_consumer", "pool_restart", "rate_limit", "revoke")


@pytest.fixture
def broker(target: Target) -> Iterator[Any]:
    """The broker as somebody who may do everything in it; emptied afterwards."""
    client: Any = target.stack.servers.redis("superuser", 1)
    yield client
    client.flushdb()


def pidbox(command: str) -> bytes:
    """A broadcast command of Celery's remote control, as its fanout carries it."""
    control = {"method": command, "arguments": {"queue": "stolen"}, "destination": None}
    return dump(
        {
            "body": json.dumps(control),
            "content-type": "application/json",
            "content-encoding": "utf-8",
            "headers": {"clock": 1, "expires": 4e9},
            "properties": {
                "delivery_mode": 2,
                "delivery_info": {"exchange": "celery.pidbox", "routing_key": ""},
                "priority": 0,
                "delivery_tag": "x",
            },
        }
    )


def test_unacked_messages_are_not_restored(target: Target, broker: Any) -> None:
    message = target.genuine.message | {"headers": HEADERS}
    for exchange, routing_key in (("", FAST), ("", "cs:due"), ("celery", "celery.pidbox")):
        tag = f"tag-{routing_key}"
        broker.hset("unacked", tag, json.dumps([message, exchange, routing_key]))
        broker.zadd("unacked_index", {tag: 0})
    kept = broker.hgetall("unacked")
    with target.unharmed():
        pass
    assert broker.hgetall("unacked") == kept
    assert broker.zcard("unacked_index") == 3
    assert broker.exists("unacked_mutex") == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_remote_control_is_not_heard(target: Target, broker: Any, command: str) -> None:
    with target.unharmed():
        heard = [
            broker.publish(channel, pidbox(command))
            for channel in ("/1.celery.pidbox", "celery.pidbox", "/1.celeryev/worker.heartbeat")
        ]
        assert heard == [0, 0, 0]
        for queue in ("celery.pidbox", "countersign@host.celery.pidbox", "celeryev.x"):
            broker.lpush(queue, pidbox(command))
    assert broker.llen("celery.pidbox") == 1


def test_remote_control_on_a_queue_is_quarantined(target: Target) -> None:
    target.refuses(pidbox("shutdown"), "content_type_refused")


def test_bindings_are_not_read(target: Target, broker: Any) -> None:
    pattern = "(a+)+$"
    for exchange in ("celery", FAST, "", "celery.pidbox"):
        broker.sadd(f"_kombu.binding.{exchange}", f"{'a' * 64}!\x06\x16{pattern}\x06\x16cs:due")
        broker.sadd(f"_kombu.binding.{exchange}", "no separators")
    with target.unharmed():
        pass


def test_a_worker_leaves_nothing_in_the_broker(target: Target, broker: Any) -> None:
    broker.flushdb()
    with target.unharmed():
        pass
    assert broker.keys() == []


def test_a_worker_subscribes_to_nothing(target: Target, broker: Any) -> None:
    with target.unharmed():
        pass
    of_workers = [item for item in broker.client_list() if item["user"] == "worker"]
    assert of_workers
    assert all(item["sub"] == "0" and item["psub"] == "0" for item in of_workers)


@pytest.mark.parametrize("kind", ["string", "hash", "stream"])
def test_a_queue_that_is_no_list_is_waited_out(target: Target, broker: Any, kind: str) -> None:
    with target.unharmed():
        write = {
            "string": lambda: broker.set(FAST, "x"),
            "hash": lambda: broker.hset(FAST, "x", "y"),
            "stream": lambda: broker.xadd(FAST, {"x": "y"}),
        }
        waits = target.stack.log("worker").count(REFUSED)
        write[kind]()
        wait_until(lambda: target.stack.log("worker").count(REFUSED) > waits)
        broker.delete(FAST)


def test_a_lost_connection_is_made_anew(target: Target, broker: Any) -> None:
    with target.unharmed():
        for item in broker.client_list():
            if item["user"] == "worker":
                broker.client_kill_filter(_id=item["id"])


def test_swapped_databases(target: Target, broker: Any) -> None:
    """The ledger's keys in the broker's database are nothing."""
    job_id = target.genuine.job_id
    broker.hset(f"cs:job:{job_id}", mapping={"state": "queued", "attempt": 0, "published": 9})
    target.refuses(target.genuine.raw, "replayed")
