"""One call in a batch fails, by its own record's fault: the others are answered all the same."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from backends.environment import Environment
from backends.errors import LedgerRefused, LedgerUnavailable
from backends.redis_clients import Call, connect, connect_async, run_each
from backends.settings import redis_settings
from gateway.ledger import GatewayLedger
from signing.ledger.lua import Script
from signing.ledger.record import Accepted, Limits
from tests.ledger.conftest import ledger_redis, quiet_redis
from tests.ledger.jobs import acceptance
from tests.ledger.quiet import QuietRedis
from tests.workers.builders import job_id
from workers.ledger import Settlement, WorkerLedger

__all__ = ["ledger_redis", "quiet_redis"]

pytestmark = pytest.mark.servers

URL = "COUNTERSIGN_REDIS_LEDGER_URL"


@pytest.fixture
def client(ledger_redis: QuietRedis) -> Iterator[Any]:
    made = connect(redis_settings(Environment(ledger_redis.environment("worker")), URL))
    yield made
    made.close()


@pytest.fixture
def worker(client: Any) -> WorkerLedger:
    return WorkerLedger(client, "worker-1", 30_000)


def plant(servers: QuietRedis, number: int) -> None:
    """A running job as the scripts leave it, by hand."""
    fields = {
        "state": "running",
        "attempt": 1,
        "max_attempts": 5,
        "expires": 2**50,
        "due": 1,
        "published": 1,
        "queue": "fast",
        "task": "t",
        "producer": "acme",
    }
    servers.redis("superuser").hset(f"cs:job:{job_id(number)}", mapping=fields)  # type: ignore[arg-type]


def settlement(number: int) -> Settlement:
    return Settlement(job_id(number), 1, "succeeded", b"sealed", "", 0)


def test_a_claim_that_fails_is_unknown_and_the_others_count(
    worker: WorkerLedger, ledger_redis: QuietRedis, caplog: pytest.LogCaptureFixture
) -> None:
    superuser: Any = ledger_redis.redis("superuser")
    superuser.set(f"cs:job:{job_id(1)}", "no record")
    for number in (2, 3):
        plant(ledger_redis, number)
        superuser.hset(f"cs:job:{job_id(number)}", "state", "queued")
    claims = worker.claim([(job_id(number), f"token-{number}") for number in (2, 1, 3)])
    assert [claim.status for claim in claims] == ["claimed", "unknown", "claimed"]
    assert not claims[1].extra  # no message is quarantined for it
    assert f"job {job_id(1)} could not be claimed" in caplog.text


def test_a_settlement_that_fails_is_given_up_and_the_others_count(
    worker: WorkerLedger, ledger_redis: QuietRedis, caplog: pytest.LogCaptureFixture
) -> None:
    ledger_redis.redis("superuser").set(f"cs:job:{job_id(1)}", "no record")
    for number in (2, 3):
        plant(ledger_redis, number)
    states = worker.settle([settlement(number) for number in (2, 1, 3)])
    assert states == ["succeeded", None, "succeeded"]
    assert f"job {job_id(1)} could not be settled" in caplog.text


def test_an_acceptance_that_fails_is_refused_alone(ledger_redis: QuietRedis) -> None:
    now = time.time_ns() // 1_000_000
    fine, limits = acceptance(now), Limits(per_second=5, burst=5)
    broken = replace(acceptance(now), producer="broken", limits=limits)
    ledger_redis.redis("superuser").lpush("cs:rate:broken", "no number")
    settings = redis_settings(Environment(ledger_redis.environment("gateway")), URL)

    async def run() -> list[Any]:
        client = connect_async(settings)
        try:
            ledger = GatewayLedger(client, 30.0)
            first = asyncio.create_task(
                ledger.accept(acceptance(now))
            )  # the rest gathers meanwhile
            await asyncio.sleep(0)
            batch = (ledger.accept(item) for item in (broken, fine))
            return await asyncio.gather(first, *batch, return_exceptions=True)
        finally:
            await client.aclose()

    first, refused, accepted = asyncio.run(run())
    assert isinstance(first, Accepted)
    assert isinstance(accepted, Accepted)
    assert accepted.outcome == "accepted"
    assert isinstance(refused, LedgerUnavailable)


@pytest.mark.parametrize("code", ["MISCONF", "BUSY", "READONLY", "NOREPLICAS"])
def test_what_every_call_would_be_told_is_raised(client: Any, code: str) -> None:
    fine = Script("fine", "return 1")
    failing = Script("failing", f"return redis.error_reply('{code} canary')")
    with pytest.raises(LedgerUnavailable) as caught:
        run_each(client, [Call(fine, (), ()), Call(failing, (), ()), Call(fine, (), ())])
    assert "canary" not in caught.value.message


def test_a_call_that_a_full_redis_refuses_wrote_nothing_for_certain(client: Any) -> None:
    fine = Script("fine", "return 1")
    refused = Script("refused", "return redis.error_reply('OOM canary')")
    first, second = run_each(client, [Call(fine, (), ()), Call(refused, (), ())])
    assert (first, type(second)) == (1, LedgerRefused)
    assert "canary" not in second.message


def test_what_one_call_is_told_stands_in_its_place(client: Any) -> None:
    fine = Script("fine", "return 1")
    failing = Script("failing", "return redis.call('HGET', KEYS[1])")
    first, second, third = run_each(
        client, [Call(fine, (), ()), Call(failing, (), ()), Call(fine, (), ())]
    )
    assert (first, third) == (1, 1)
    assert isinstance(second, LedgerUnavailable)
    assert second.message == "the ledger's Redis does not serve: ResponseError"
