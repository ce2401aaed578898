"""A producer's settings, for the commands that call a gateway."""

from pathlib import Path

import pytest

from tests.gateway.client.fixtures import certificates, gateway, jwks, key_file, machine
from tests.gateway.client.server import FakeGateway

__all__ = ["certificates", "gateway", "key_file", "machine"]


@pytest.fixture(autouse=True)
def _patient_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries end by the clock that the tests set, not by how long a busy machine takes for one."""
    monkeypatch.setattr("gateway.client.transport._SHORTEST_S", 30.0)


@pytest.fixture
def environment(gateway: FakeGateway, certificates: Path, key_file: Path) -> dict[str, str]:
    gateway.jwks = jwks()
    return {
        "COUNTERSIGN_URL": gateway.url,
        "COUNTERSIGN_CA": str(certificates / "ca.crt"),
        "COUNTERSIGN_KEY": str(key_file),
        "COUNTERSIGN_KEY_ID": "shop-1",
    }
