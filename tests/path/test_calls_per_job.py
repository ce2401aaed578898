"""What the ledger adds to a job: one call at the gateway, two at the worker, and no more."""

import re
from collections import Counter
from typing import Any, Final

import pytest

from signing.ledger.lua import ACCEPT, CLAIM, SETTLE
from tests.servers.marks import wait_until
from tests.servers.stack import Producer, Stack

pytestmark = pytest.mark.servers

JOBS: Final = 12


def test_a_job_costs_one_call_at_the_gateway_and_two_at_the_worker(
    stack: Stack, acme: Producer
) -> None:
    acme.run("demo.noop", {})  # connections and scripts are there
    ledger: Any = stack.servers.redis("superuser")
    with ledger.monitor() as monitor:
        ids = [acme.submit("demo.noop", {}).json["id"] for _ in range(JOBS)]
        wait_until(lambda: all(ledger.hget(f"cs:job:{i}", "state") == b"succeeded" for i in ids))
        ledger.echo("the end")
        calls: Counter[str] = Counter()
        for seen in monitor.listen():
            if "the end" in seen["command"]:
                break
            if found := re.match(r"EVALSHA ([0-9a-f]{40})", seen["command"], re.IGNORECASE):
                calls[found[1]] += 1
    assert [calls[script.sha] for script in (ACCEPT, CLAIM, SETTLE)] == [JOBS] * 3
