"""Fixtures for all tests, and the mark of those that need real servers."""

import pytest

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
