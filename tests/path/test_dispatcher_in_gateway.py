"""A gateway with the dispatcher in its process, and no other dispatcher anywhere."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deploy.local.environment import Broker
from deploy.local.process import Child, Program
from tests.servers.fixtures import running_servers
from tests.servers.marks import TASKS, Marks, wait_until
from tests.servers.stack import READY_S, ROOT, Producer, Stack
from tests.workers.site import name

pytestmark = pytest.mark.servers

JOBS = 20
#: Until the gateway's 5 s for what is under way and the dispatcher's step are over.
STOP_S = 12.0
OWN = "COUNTERSIGN_"
INSIDE = "COUNTERSIGN_DISPATCHER_"

#: The gateway, whose dispatcher breaks as nobody expected when it first publishes.
BROKEN = """
from gateway.dispatcher.redis_broker import RedisBroker

def publish(self, hints):
    raise RuntimeError("planted-text")

RedisBroker.publish = publish
from deploy.cli.main import main
main()
"""


@dataclass(frozen=True)
class Site:
    """A stack without a dispatcher of its own; each test starts its gateway and worker."""

    stack: Stack
    marks: Marks
    producer: Producer

    def gateway(self) -> Child:
        return self.stack.start("gateway", **inside(self.stack))

    def worker(self) -> Child:
        return self.stack.start("worker", **self.marks.settings)

    def submit(self, task: str, **args: Any) -> str:
        answer = self.producer.submit(task, args)
        assert answer.status == 202, answer.data
        return str(answer.json["id"])

    def settle(self, jobs: list[str], of: str) -> None:
        """See each of them succeed, once, and each run once."""
        for job in jobs:
            status = self.producer.settled(job)
            assert (status["status"], status["attempts"]) == ("succeeded", 1)
        assert sorted(mark.job for mark in self.marks.of(of, "ran")) == sorted(jobs)


def inside(stack: Stack) -> dict[str, str]:
    """The dispatcher's own settings as a gateway is given them; it shares what is no identity."""
    own = stack.servers.environment("dispatcher")
    del own["COUNTERSIGN_CATALOG"], own["COUNTERSIGN_TLS_CA"]
    own["COUNTERSIGN_REPUBLISH_SECONDS"] = "1"
    prefixed = {INSIDE + key.removeprefix(OWN): value for key, value in own.items()}
    return prefixed | {"COUNTERSIGN_GATEWAY_DISPATCHES": "yes"}


@contextmanager
def running_site(directory: Path, broker: Broker = "redis") -> Iterator[Site]:
    with running_servers(broker) as servers, Stack(servers, directory) as stack:
        stack.build_catalog(TASKS)
        yield Site(stack, Marks(directory), stack.producer("acme"))


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("inside")) as site:
        yield site


@pytest.fixture
def site(shared_site: Site) -> Iterator[Site]:
    """The same, with nothing running in the end."""
    yield shared_site
    shared_site.stack.servers.local.start_redis()
    for each in list(shared_site.stack.processes):
        shared_site.stack.stop(each)


def test_jobs_settle_at_once_and_when_they_are_due(site: Site) -> None:
    gateway, of = site.gateway(), name("due")
    site.worker()
    begun = time.monotonic()
    later = site.producer.submit("test.mark", {"name": of}, delay=2)
    assert later.status == 202, later.data
    jobs = [site.submit("test.mark", name=of) for _ in range(JOBS)]
    site.settle([*jobs, later.json["id"]], of)
    assert time.monotonic() - begun >= 2
    users = {client["user"] for client in site.stack.servers.redis("superuser").client_list()}
    assert {"gateway", "dispatcher"} <= users, "each with a user of its own, in one process"
    assert gateway.status is None


def test_a_gateway_that_is_killed_after_202_loses_nothing(site: Site) -> None:
    site.gateway()
    of = name("killed")
    jobs = [site.submit("test.mark", name=of) for _ in range(JOBS)]
    site.stack.stop("gateway", kill=True)
    site.gateway()
    site.worker()
    site.settle(jobs, of)


def test_a_redis_that_is_killed_ends_neither(site: Site) -> None:
    gateway, of, local = site.gateway(), name("away"), site.stack.servers.local
    jobs = [site.submit("test.mark", name=of) for _ in range(JOBS)]
    local.stop_redis(kill=True)
    wait_until(lambda: "waiting for ledger_unavailable" in site.stack.log("gateway"))
    local.start_redis()
    gateway.wait_until(site.stack.is_ready, READY_S)
    jobs += [site.submit("test.mark", name=of) for _ in range(JOBS)]
    site.worker()
    site.settle(jobs, of)
    assert gateway.status is None


def test_a_gateway_that_is_asked_to_ends_with_its_dispatcher(site: Site) -> None:
    gateway = site.gateway()
    gateway.terminate()
    wait_until(lambda: gateway.status is not None, STOP_S)
    assert gateway.status == 0
    assert "it is left" not in site.stack.log("gateway")


def test_an_unexpected_end_of_the_dispatcher_ends_the_gateway(site: Site) -> None:
    stack, of = site.stack, name("broken")
    others = {key: value for key, value in os.environ.items() if not key.startswith(OWN)}
    settings = stack.servers.environment("gateway") | inside(stack)
    environment = others | settings | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", BROKEN, "gateway"]
    gateway = Child(Program("broken", command, environment, stack.logs / "broken.log"))
    stack.processes["broken"] = gateway
    gateway.wait_until(stack.is_ready, READY_S)
    job = site.submit("test.mark", name=of)
    wait_until(lambda: gateway.status is not None, STOP_S)
    assert gateway.status == 1
    log = stack.log("broken")
    assert "the dispatcher ended; so does the gateway" in log
    assert "RuntimeError at" in log
    assert "planted-text" not in log

    site.gateway()  # as a supervisor does
    site.worker()
    site.settle([job], of)


def test_it_publishes_to_rabbitmq_as_the_dispatcher(tmp_path: Path) -> None:
    with running_site(tmp_path, "rabbitmq") as site:
        gateway, of = site.gateway(), name("rabbit")
        site.worker()
        site.settle([site.submit("test.mark", name=of) for _ in range(JOBS)], of)
        gateway.terminate()
        wait_until(lambda: gateway.status is not None, STOP_S)
        assert gateway.status == 0
