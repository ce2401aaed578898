"""What a queued job takes in Redis, against the size of its seal."""

import json
from base64 import b64encode
from random import Random
from typing import Any, Final

import pytest

from backends.environment import Environment
from backends.redis_clients import Call, run_scripts
from backends.settings import redis_settings
from gateway.dispatcher.redis_broker import RedisBroker
from signing.ledger.lua import ACCEPT
from tests.ledger.actors import Actors
from tests.ledger.jobs import QUEUE, acceptance, seal_of
from tests.ledger.quiet import QuietRedis

pytestmark = pytest.mark.servers

JOBS: Final = 600
SEALED: Final = 2000
MOST: Final = 2.5


def test_a_queued_job_takes_at_most_two_and_a_half_times_its_seal(ledger_redis: QuietRedis) -> None:
    """The seal is there twice, since a queue may be lost; the ledger's copy is packed."""
    actors = Actors(ledger_redis)
    seal = sealed_text(SEALED)
    jobs = [acceptance(actors.now(), seal=seal, has_secret=True) for _ in range(JOBS)]
    run_scripts(
        ledger_redis.redis("gateway"),
        [Call(ACCEPT, job.script_keys(), job.script_args()) for job in jobs],
    )
    broker = RedisBroker(
        redis_settings(
            Environment(ledger_redis.environment("dispatcher")), "COUNTERSIGN_BROKER_URL"
        )
    )
    broker.publish(actors.take_due(JOBS))
    broker.close()
    ids = [job.job_id for job in jobs]
    own = [key for job in ids for key in (f"cs:job:{job}", f"cs:seal:{job}")]
    indexes = [f"cs:published:{QUEUE}", "cs:expiring", "cs:producer:acme"]
    ledger = memory(ledger_redis.redis("superuser"), own + indexes)
    queue = memory(ledger_redis.redis("superuser", 1), [f"{QUEUE}\x06\x169"])
    assert abs(len(seal) - SEALED) < 20
    assert (ledger + queue) / JOBS / len(seal) <= MOST


def sealed_text(size: int) -> bytes:
    """A seal whose arguments are base64 of random bytes: no JSON text packs much worse."""
    noise = b64encode(Random(size).randbytes(size)).decode()
    payload = json.dumps({"v": 1, "args": {"document": noise}}).encode()[: (size - 210) * 3 // 4]
    envelope = json.loads(seal_of(size)) | {"payload": b64encode(payload).decode()}
    return json.dumps(envelope, separators=(",", ":")).encode()


def memory(client: Any, keys: list[str]) -> int:
    """Bytes of some keys with all of their elements."""
    with client.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.memory_usage(key, samples=0)
        sizes = pipe.execute()
    assert None not in sizes
    return sum(sizes)
