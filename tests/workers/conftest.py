"""A stack without a worker, once per test process; each test starts the workers that it needs."""

from collections.abc import Iterator

import pytest

from tests.servers.marks import TASKS, Marks
from tests.servers.servers import Servers
from tests.servers.stack import Stack
from tests.workers.site import Site


@pytest.fixture(scope="session")
def _site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    marks = Marks(tmp_path_factory.mktemp("marks"))
    logs = tmp_path_factory.mktemp("site-logs")
    with Servers(tmp_path_factory.mktemp("site")) as servers, Stack(servers, logs) as stack:
        stack.build_catalog(TASKS)
        stack.start("gateway")
        stack.start("dispatcher", COUNTERSIGN_REPUBLISH_SECONDS="2")
        yield Site(stack, marks, stack.producer("acme"))


@pytest.fixture
def site(_site: Site) -> Iterator[Site]:
    """The stack; servers that a test stopped are started again, its workers are ended."""
    yield _site
    for name in list(_site.stack.processes):
        if name.startswith("worker"):
            _site.stack.stop(name, kill=True)
    _site.stack.servers.restore()
