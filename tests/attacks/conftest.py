"""One stack under attack per test process; every attack leaves it as it found it, or fails."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from deploy.local.redis_acl import queue_keys
from tests.attacks.target import FAST, Genuine, Target, dump
from tests.servers.marks import TASKS, Marks, wait_until
from tests.servers.servers import Servers
from tests.servers.stack import Producer, Stack, envelope_in

#: What Celery would act on, were it read.
RELABELLED: dict[str, Any] = {
    "task": "test.other",
    "id": "017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
    "eta": "2099-01-01T00:00:00+00:00",
    "expires": "2001-01-01T00:00:00+00:00",
    "timelimit": [1, 1],
    "retries": 99,
    "compression": "application/x-gzip",
    "argsrepr": "('forged',)",
    "kwargsrepr": "{'name': 'forged'}",
    "ignore_result": True,
    "replaced_task_nesting": 100,
    "stamped_headers": ["x"],
    "stamps": {"x": ["y"]},
    "meth": "__init__",
    "shadow": "test.other",
}


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Gateway, dispatcher and worker, and messages captured before the worker came."""
    marks = Marks(tmp_path_factory.mktemp("marks"))
    logs = tmp_path_factory.mktemp("attack-logs")
    with Servers(tmp_path_factory.mktemp("attacked")) as servers, Stack(servers, logs) as stack:
        stack.build_catalog(TASKS)
        stack.start("gateway")
        stack.start("dispatcher")
        mallory = stack.producer("mallory")
        genuine = captured(stack, mallory, "genuine", "test.mark")
        other = captured(stack, mallory, "other", "test.other")
        relabelled = relabel(stack, captured(stack, mallory, "relabelled", "test.mark"))
        delayed = not_yet_due(stack, mallory, "delayed")
        stack.start("worker", **marks.settings)
        for item in (genuine, other, relabelled):
            assert mallory.settled(item.job_id)["status"] == "succeeded"
        yield Target(stack, mallory, marks, genuine, other, relabelled, delayed)


def captured(stack: Stack, producer: Producer, name: str, task: str) -> Genuine:
    """Submit a job and read its message off the queue, without taking it."""
    job_id = producer.submit(task, {"name": name}).json["id"]
    broker: Any = stack.servers.redis("superuser", 1)

    def found() -> list[tuple[str, bytes]]:
        listed = [(key, raw) for key in queue_keys(FAST) for raw in broker.lrange(key, 0, -1)]
        return [(key, raw) for key, raw in listed if envelope_in(raw)["claims"]["id"] == job_id]

    wait_until(lambda: bool(found()))
    key, raw = found()[0]
    return Genuine(name, job_id, raw, key)


def relabel(stack: Stack, genuine: Genuine) -> Genuine:
    """Put a message with the same seal and other headers in the place of a genuine one."""
    message = genuine.message
    message["headers"] = RELABELLED
    message["properties"] |= {"priority": 0, "delivery_tag": "x", "reply_to": "celery.pidbox"}
    message["properties"]["delivery_info"] = {"exchange": "slow", "routing_key": "slow"}
    raw = json.dumps(message).encode()
    broker: Any = stack.servers.redis("superuser", 1)
    assert broker.lrem(genuine.key, 1, genuine.raw) == 1
    broker.lpush(genuine.key, raw)
    return Genuine(genuine.name, genuine.job_id, raw, genuine.key)


def not_yet_due(stack: Stack, producer: Producer, name: str) -> Genuine:
    """A message of a job that is not due for an hour, made of its seal in the ledger."""
    job_id = producer.submit("test.mark", {"name": name}, delay=3600).json["id"]
    seal = stack.servers.seal(job_id)
    message = {
        "body": seal.decode(),
        "content-type": "application/vnd.countersign.dsse+json",
        "content-encoding": "utf-8",
        "headers": {"task": "test.mark", "id": job_id},
        "properties": {"delivery_info": {"exchange": "", "routing_key": FAST}},
    }
    return Genuine(name, job_id, dump(message), FAST)
