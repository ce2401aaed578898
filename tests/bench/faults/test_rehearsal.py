"""A campaign without faults on a real stack, all the way to the verdict; and its operator."""

import threading
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from bench.faults import load, releases
from bench.faults.checker import check
from bench.faults.gather import Places, gather, unpurged, unsettled
from bench.faults.jobs import WEIGHTS, canary
from bench.faults.sink import Sink
from bench.faults.tasks import SINK
from bench.load import Target
from deploy.local.redis_server import APPEND_ONLY
from tests.ledger.quiet import QuietRedis
from tests.servers.marks import wait_until
from tests.servers.stack import Stack


def test_a_load_without_faults_is_without_violations(own_stack: Stack, tmp_path: Path) -> None:
    sink, journal = Sink(tmp_path / "sink"), tmp_path / "journal.jsonl"
    sink.prepare()
    targets = start(own_stack, sink)
    ledger = own_stack.servers.redis("superuser")
    stop, counts = threading.Event(), load.Progress()
    load.run(
        targets,
        jobs=150,
        seconds=6,
        journal=journal,
        seed=3,
        stop=stop,
        progress=counts,
        weights={**WEIGHTS, "invalid": 10},
    )
    wait_until(lambda: unsettled(ledger) == 0, 60)
    wait_until(lambda: unpurged(ledger) == 0, 60)
    # A busy machine's ledger may answer one of them too late: then all are asked for again.
    wait_until(lambda: load.answers(targets, journal, most=40) == 40, 60)
    paths = own_stack.servers.paths
    places = Places(journal, sink.directory, paths.redis / APPEND_ONLY, (own_stack.logs,))
    verdict = check(
        gather(
            places, ledger, secrets=[canary(3)], stored=frozenset(), losses_explained=frozenset()
        )
    )
    assert verdict.violations == ()
    assert verdict.counts.submissions["accepted"] == counts.accepted >= 150
    assert verdict.counts.jobs["succeeded"] > 100
    # Without faults no worker dies, and an answer is missed on a busy machine alone.
    idle = {rule for rule, count in verdict.checked.items() if not count}
    assert {"hold_ignored"} <= idle <= {"handed_in_twice", "hold_ignored"}
    # What stands in every seal, and in Redis's files packed alone, is found there.
    found = check(
        gather(places, ledger, secrets=["application/vnd.countersign.job+json"], stored=frozenset())
    )
    assert {item.rule for item in found.violations} == {"canary"}
    assert any(".incr.aof" in item.seen for item in found.violations)


def start(stack: Stack, sink: Sink) -> list[Target]:
    """Start every role with the campaign's tasks, and give two producers."""
    stack.build_catalog("bench.faults.tasks")
    tasks = {"COUNTERSIGN_TASKS": "bench.faults.tasks", SINK: str(sink.directory)}
    stack.start("gateway")
    stack.start("dispatcher")
    stack.start("worker", **tasks)
    ca = stack.servers.paths.certs.authority
    port = stack.servers.ports.gateway
    return [
        Target("localhost", port, ca, stack.producer(name).signer) for name in ("acme", "birch")
    ]


@pytest.mark.servers
def test_the_operator_releases_what_is_held(tmp_path: Path) -> None:
    with QuietRedis(tmp_path) as servers:
        ledger: Any = servers.redis("superuser")
        ledger.hset("cs:job:j", mapping={"state": "held", "attempt": 1, "max_attempts": 1})
        ledger.hset("cs:job:j", mapping={"expires": 1 << 50, "error": "worker_lost"})
        ledger.zadd("cs:held", {"j": 1})
        stop, released = threading.Event(), deque[str]()

        def tell(job: str) -> None:
            released.append(job)
            stop.set()

        releases.release_held(ledger, stop=stop, released=tell)
        assert list(released) == ["j"]
        assert ledger.hmget("cs:job:j", "state", "max_attempts") == [b"queued", b"2"]
