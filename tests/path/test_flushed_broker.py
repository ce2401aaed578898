"""The broker is disposable: wiped under load, it costs no job, and none runs to success twice."""

import asyncio
import os
import secrets
import subprocess
import time
from collections import Counter
from functools import partial

import pytest

from bench.faults.history import read_history
from bench.load import Target
from bench.power.load import Connection, signed
from deploy.local.paths import HOST
from deploy.local.redis_server import APPEND_ONLY
from tests.servers.servers import QUEUES
from tests.servers.stack import Stack

pytestmark = pytest.mark.servers

JOBS = 5000
CONNECTIONS = 16
BODY = b'{"task":"demo.noop","args":{}}'
#: So many jobs have settled when the broker's database is emptied.
FLUSHED_AT = (500, 2000, 3500)
WAIT_S = 300.0


def redis_cli(stack: Stack, *command: str) -> str:
    """What somebody types who has a superuser's certificate and password."""
    paths = stack.servers.paths
    certificate, key = paths.certs.client("superuser")
    where = ["-h", HOST, "-p", str(stack.servers.ports.redis), "-n", "1", "--user", "superuser"]
    tls = ["--tls", "--cacert", str(paths.certs.authority), "--cert", str(certificate)]
    password = paths.redis_password("superuser").read_text("ascii")
    done = subprocess.run(
        ["redis-cli", *where, *tls, "--key", str(key), *command],
        env={**os.environ, "REDISCLI_AUTH": password},
        capture_output=True,
        text=True,
        timeout=10,
        check=True,
    )
    return done.stdout.strip()


def hints(stack: Stack) -> int:
    """How many lie in the broker's queues, of any priority."""
    broker = stack.servers.redis("superuser", 1)
    return sum(broker.llen(key) for queue in QUEUES for key in broker.scan_iter(f"{queue}*"))


async def submit_all(target: Target) -> Counter[int]:
    """Submit all jobs, and count the last answer to each.

    Where the ledger did not answer in time, as on a busy machine, a job is signed and sent again
    under its idempotency key: it is one job, however often it was sent.
    """
    numbers, statuses = iter(range(JOBS)), Counter[int]()
    deadline = time.monotonic() + WAIT_S

    async def submit() -> None:
        connection = await Connection.open(target)
        for number in numbers:
            status = 503
            while status == 503 and time.monotonic() < deadline:
                nonce, key = secrets.token_hex(12), f"flushed-{number}"
                request = signed(target, "POST", "/v1/jobs", BODY, nonce, key)
                status, _ = await connection.ask(request)
            statuses[status] += 1
        await connection.close()

    await asyncio.gather(*(submit() for _ in range(CONNECTIONS)))
    return statuses


def test_a_broker_that_is_flushed_loses_no_job(own_stack: Stack) -> None:
    stack = own_stack
    stack.build_catalog()
    stack.start("gateway")
    producer = stack.producer("acme")
    dispatcher = stack.start("dispatcher", COUNTERSIGN_REPUBLISH_SECONDS="1")
    target = Target(
        "localhost",
        stack.servers.ports.gateway,
        stack.servers.paths.certs.authority,
        producer.signer,
    )
    ledger = stack.servers.redis("superuser")

    def settled() -> int:
        # Each job that has settled waits in this index for its retention to end.
        return int(ledger.zcard("cs:forget"))

    def reached(count: int) -> bool:
        return settled() >= count and hints(stack) > 0

    assert asyncio.run(submit_all(target)) == {202: JOBS}
    # The hints lie in the queue before anybody takes them: there is always something to be lost.
    worker = stack.start("worker")
    for count in FLUSHED_AT:
        worker.wait_until(partial(reached, count), WAIT_S)
        assert hints(stack) > 0, "there is nothing in the queue to be lost"
        assert redis_cli(stack, "flushdb") == "OK"
    worker.wait_until(lambda: settled() == JOBS, WAIT_S)

    assert "hints were missing" in stack.log("dispatcher")
    assert dispatcher.status is None, "it runs as it did before"
    jobs = read_history(stack.servers.paths.redis / APPEND_ONLY).jobs
    ends = Counter(tuple(c.state for c in job.changes if c.settles) for job in jobs)
    assert ends == {("succeeded",): JOBS}
