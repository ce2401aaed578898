"""What a queued job takes in Redis, against the size of its seal."""

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
#: The seal is there twice, in the ledger and in the queue, since a queue may be lost: with what
#: each string takes beside its text that is 2.2. The rest is the message's own headers (0.3),
#: the record (0.2) and two indexes (0.1).
MOST: Final = 2.9


def test_a_queued_job_takes_less_than_three_times_its_seal(ledger_redis: QuietRedis) -> None:
    actors = Actors(ledger_redis)
    seal = seal_of(SEALED)
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
    indexes = [f"cs:published:{QUEUE}", "cs:expiring"]
    ledger = memory(ledger_redis.redis("operator"), own + indexes)
    queue = memory(ledger_redis.redis("operator", 1), [f"{QUEUE}\x06\x169"])
    assert abs(len(seal) - SEALED) < 20
    assert (ledger + queue) / JOBS / len(seal) <= MOST


def memory(client: Any, keys: list[str]) -> int:
    """Bytes of some keys with all of their elements."""
    with client.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.memory_usage(key, samples=0)
        sizes = pipe.execute()
    assert None not in sizes
    return sum(sizes)
