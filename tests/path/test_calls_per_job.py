"""What the ledger adds to a job: one call at the gateway, two at the worker, and no more."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

import pytest

from signing.ledger.lua import ACCEPT, CLAIM, SETTLE
from tests.servers.marks import wait_until
from tests.servers.stack import Producer, Stack

pytestmark = pytest.mark.servers

JOBS: Final = 40
ROUNDS: Final = 3
EXACT: Final = {
    ("gateway", "accept"): JOBS,
    ("worker", "claim"): JOBS,
    ("worker", "settle"): JOBS,
}
LEDGER: Final = 0
_SCRIPT: Final = re.compile(r"EVALSHA ([0-9a-f]{40})", re.IGNORECASE)
_NAMES: Final = {ACCEPT.sha: "accept", CLAIM.sha: "claim", SETTLE.sha: "settle"}


def of_each_job(
    seen: Iterable[Mapping[str, Any]], users: Mapping[str, str]
) -> dict[tuple[str, str], int]:
    """Count what gateway and workers sent to the ledger at least once a job.

    Commands inside of scripts cost no round trip; those at intervals are fewer than the jobs.
    """
    calls: Counter[tuple[str, str]] = Counter()
    for each in seen:
        user = users.get(f"{each['client_address']}:{each['client_port']}")
        if each["client_type"] == "lua" or each["db"] != LEDGER or user is None:
            continue
        script = _SCRIPT.match(each["command"])
        sha = script[1].lower() if script else ""
        calls[user, _NAMES.get(sha, sha) or each["command"].split()[0].upper()] += 1
    return {call: count for call, count in calls.items() if count >= JOBS}


def one_round(stack: Stack, acme: Producer) -> dict[tuple[str, str], int]:
    """Let jobs run, and count the calls of gateway and worker meanwhile."""
    ledger: Any = stack.servers.redis("superuser")
    with ledger.monitor() as monitor:
        ids = [acme.submit("demo.noop", {}).json["id"] for _ in range(JOBS)]
        wait_until(
            lambda: all(ledger.hget(f"cs:job:{i}", "state") == b"succeeded" for i in ids), 60
        )
        users = {client["addr"]: client["user"] for client in ledger.client_list()}
        ledger.echo("the end")
        seen = []
        for each in monitor.listen():
            if "the end" in each["command"]:
                break
            seen.append(each)
    roles = {addr: user for addr, user in users.items() if user in ("gateway", "worker")}
    return of_each_job(seen, roles)


def test_a_job_costs_one_call_at_the_gateway_and_two_at_the_worker(
    stack: Stack, acme: Producer
) -> None:
    for _ in range(3):
        acme.run("demo.noop", {})  # connections and scripts are there
    rounds: list[dict[tuple[str, str], int]] = []
    # On a busy machine a request is sent again after 503, or a hint published again: that round
    # has calls of its own. A job that costs more costs it in every round.
    while EXACT not in rounds and len(rounds) < ROUNDS:
        rounds.append(one_round(stack, acme))
    assert EXACT in rounds
