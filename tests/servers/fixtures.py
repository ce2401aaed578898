"""Fixtures with the real servers. A missing server fails the tests; it never skips them."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.local.environment import Broker
from tests.servers.marks import TASKS, Marks
from tests.servers.rabbit import RabbitSite
from tests.servers.servers import Servers
from tests.servers.stack import Producer, Stack


@contextmanager
def running_servers(broker: Broker = "redis") -> Iterator[Servers]:
    """Start Redis, OpenBao and perhaps RabbitMQ in a directory of their own."""
    # Not below pytest's own directory: a second run of pytest at the same time cleans that up.
    with (
        tempfile.TemporaryDirectory(prefix="countersign-") as directory,
        Servers(Path(directory), broker) as running,
    ):
        yield running


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Redis and OpenBao, once per test process; their data is whatever other tests left.

    No process of a running stack uses them: what a test puts there stays there.
    """
    with running_servers() as running:
        yield running


@pytest.fixture
def state_directory() -> Iterator[Path]:
    """A state directory for a stack of the test's own; it may be gone once the test is over."""
    with tempfile.TemporaryDirectory(prefix="countersign-") as directory:
        yield Path(directory)


@pytest.fixture
def clean_servers(servers: Servers) -> Iterator[Servers]:
    """The same servers with an empty Redis; a server that the test stopped is started again."""
    servers.restore()
    servers.flush()
    yield servers
    servers.restore()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole path running with the sample tasks; for tests that leave it as it is."""
    logs = tmp_path_factory.mktemp("logs")
    with running_servers() as servers, Stack(servers, logs) as running:
        running.start_all()
        yield running


@pytest.fixture(scope="session")
def acme(stack: Stack) -> Producer:
    """A producer that is granted every task."""
    return stack.producer("acme")


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[Stack]:
    """Servers and roles of the test's own, to be stopped and killed; start what is needed."""
    (tmp_path / "logs").mkdir()
    with Servers(tmp_path / "servers") as servers, Stack(servers, tmp_path / "logs") as running:
        yield running


@pytest.fixture(scope="session")
def rabbit_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Gateway and dispatcher with RabbitMQ for a broker; the tests bring their workers.

    A test that stops the node starts it again.
    """
    logs = tmp_path_factory.mktemp("rabbit-logs")
    with running_servers("rabbitmq") as servers, Stack(servers, logs) as running:
        running.build_catalog(TASKS)
        running.start("gateway")
        running.start("dispatcher", COUNTERSIGN_REPUBLISH_SECONDS="2")
        yield running


@pytest.fixture(scope="session")
def rabbit_site(rabbit_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> RabbitSite:
    """The same, with a producer and the marks of the tests' own tasks."""
    marks = Marks(tmp_path_factory.mktemp("rabbit-marks"))
    return RabbitSite(rabbit_stack, marks, rabbit_stack.producer("rabbit-site"))
