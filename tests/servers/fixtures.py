"""Fixtures with the real servers. A missing server fails the tests; it never skips them."""

from collections.abc import Iterator

import pytest

from tests.servers.servers import Servers


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Redis and OpenBao, once per test process; their data is whatever other tests left."""
    with Servers(tmp_path_factory.mktemp("servers")) as running:
        yield running


@pytest.fixture
def clean_servers(servers: Servers) -> Iterator[Servers]:
    """The same servers with an empty Redis; a server that the test stopped is started again."""
    servers.restore()
    servers.flush()
    yield servers
    servers.restore()
