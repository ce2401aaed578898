"""Fixtures for all tests, and the mark of those that need real servers."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from deploy.local import paths
from tests.servers.fixtures import (
    acme,
    clean_servers,
    own_stack,
    rabbit_site,
    rabbit_stack,
    servers,
    stack,
    state_directory,
)

__all__ = [
    "acme",
    "clean_servers",
    "own_stack",
    "rabbit_site",
    "rabbit_stack",
    "servers",
    "stack",
    "state_directory",
]

# Property tests bound the number of examples, never their time: the machine may be busy. Loaded
# before any test is imported: a test keeps the settings that it was defined under.
settings.register_profile(
    "countersign",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,  # as Hypothesis's own profile for CI
)
settings.load_profile("countersign")

#: Directories whose tests start servers or whole programs by themselves.
_WITH_SERVERS = ("attacks", "contract", "deploy", "interop", "ledger", "path", "servers")
_FIXTURES = frozenset(
    {"servers", "clean_servers", "stack", "own_stack", "acme", "rabbit_stack", "rabbit_site"}
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that need real servers, so that `make check` can leave them out."""
    for item in items:
        directory = item.path.relative_to(item.config.rootpath / "tests").parts[0]
        fixtures = getattr(item, "fixturenames", ())
        if directory in _WITH_SERVERS or _FIXTURES.intersection(fixtures):
            item.add_marker(pytest.mark.servers)


@pytest.fixture(scope="session", autouse=True)
def _ports_of_its_own() -> Iterator[None]:
    """Give each process of a parallel run a part of the ports.

    Between the look for free ports and the start of the servers on them, another would take them.
    """
    part = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    parts = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "PORTS", paths.PORTS[part::parts])
        yield
