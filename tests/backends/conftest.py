"""Servers of these tests' own: keys are rotated, settings changed, tokens revoked here."""

from collections.abc import Iterator

import pytest

from backends.environment import Environment
from backends.settings import VaultSettings, vault_settings
from tests.backends.stub_vault import StubVault
from tests.servers.servers import Servers


@pytest.fixture(scope="session")
def own_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with Servers(tmp_path_factory.mktemp("own")) as running:
        yield running


@pytest.fixture
def gateway_vault(own_servers: Servers) -> VaultSettings:
    """How the gateway logs in to the real OpenBao."""
    return vault_settings(Environment(own_servers.environment("gateway")))


@pytest.fixture
def stub_vault(own_servers: Servers) -> Iterator[StubVault]:
    """A Vault that answers what a test tells it to."""
    with StubVault(own_servers.paths.certs) as running:
        yield running
