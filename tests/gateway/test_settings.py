"""Settings: what is missing or wrong is named, with the mend, before anything starts."""

from pathlib import Path

import pytest

from backends.environment import Environment
from backends.settings import RedisSettings
from gateway.settings import DEFAULT_MAX_BODY, dispatcher_settings, gateway_settings
from signing.catalog import Catalog, dump_catalog
from signing.errors import SettingError
from tests.gateway.fakes import CATALOG


@pytest.fixture
def values(tmp_path: Path) -> dict[str, str]:
    """What a gateway is given; every file exists."""
    for name in ("ca", "cert", "key", "password", "role", "secret"):
        (tmp_path / name).write_text(name)
    (tmp_path / "catalog").write_bytes(dump_catalog(CATALOG))
    return {
        "COUNTERSIGN_REDIS_LEDGER_URL": "rediss://gateway@127.0.0.1:6390/0",
        "COUNTERSIGN_BROKER_URL": "rediss://gateway@127.0.0.1:6390/1",
        "COUNTERSIGN_REDIS_PASSWORD_FILE": str(tmp_path / "password"),
        "COUNTERSIGN_TLS_CA": str(tmp_path / "ca"),
        "COUNTERSIGN_TLS_CERT": str(tmp_path / "cert"),
        "COUNTERSIGN_TLS_KEY": str(tmp_path / "key"),
        "COUNTERSIGN_VAULT_ADDR": "https://127.0.0.1:8200",
        "COUNTERSIGN_VAULT_ROLE_ID_FILE": str(tmp_path / "role"),
        "COUNTERSIGN_VAULT_SECRET_ID_FILE": str(tmp_path / "secret"),
        "COUNTERSIGN_CATALOG": str(tmp_path / "catalog"),
        "COUNTERSIGN_AUTHORITY": "Gateway.Example:8443",
        "COUNTERSIGN_HTTP_CERT": str(tmp_path / "cert"),
        "COUNTERSIGN_HTTP_KEY": str(tmp_path / "key"),
    }


def refusal(values: dict[str, str], **changes: str) -> str:
    with pytest.raises(SettingError) as refused:
        gateway_settings(Environment(values | changes))
    return refused.value.message


def test_a_gateway_is_set(values: dict[str, str], tmp_path: Path) -> None:
    settings = gateway_settings(Environment(values))
    assert settings.catalog == CATALOG
    assert settings.authority == "gateway.example:8443"
    assert (settings.audience, settings.host, settings.port) == ("countersign", "127.0.0.1", 8443)
    assert (settings.http_cert, settings.http_key) == (tmp_path / "cert", tmp_path / "key")
    assert (settings.max_body, settings.max_in_flight) == (DEFAULT_MAX_BODY, 512)
    assert settings.ledger.database == 0
    assert settings.vault.role == "role"


def test_secrets_are_not_shown(values: dict[str, str], tmp_path: Path) -> None:
    for name in ("password", "secret"):
        (tmp_path / name).write_text("hunter2")
    assert "hunter2" not in repr(gateway_settings(Environment(values)))


@pytest.mark.parametrize(
    "name",
    [
        "COUNTERSIGN_REDIS_LEDGER_URL",
        "COUNTERSIGN_VAULT_ADDR",
        "COUNTERSIGN_CATALOG",
        "COUNTERSIGN_AUTHORITY",
        "COUNTERSIGN_HTTP_CERT",
        "COUNTERSIGN_HTTP_KEY",
    ],
)
def test_what_is_missing_is_named(values: dict[str, str], name: str) -> None:
    assert name in refusal({key: value for key, value in values.items() if key != name})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("COUNTERSIGN_REDIS_LEDGER_URL", "redis://gateway@127.0.0.1/0"),
        ("COUNTERSIGN_VAULT_ADDR", "http://127.0.0.1:8200"),
        ("COUNTERSIGN_LISTEN", "8443"),
        ("COUNTERSIGN_LISTEN", "127.0.0.1:"),
        ("COUNTERSIGN_LISTEN", "127.0.0.1:0"),
        ("COUNTERSIGN_LISTEN", "127.0.0.1:65536"),
        ("COUNTERSIGN_LISTEN", ":8443"),
        ("COUNTERSIGN_MAX_BODY", "5"),
        ("COUNTERSIGN_MAX_BODY", "1000001"),
        ("COUNTERSIGN_MAX_IN_FLIGHT", "0"),
        ("COUNTERSIGN_CATALOG", "/nowhere/catalog.json"),
    ],
)
def test_what_is_wrong_is_named(values: dict[str, str], name: str, value: str) -> None:
    assert name in refusal(values, **{name: value})


def test_ipv6_addresses_are_taken(values: dict[str, str]) -> None:
    settings = gateway_settings(Environment(values | {"COUNTERSIGN_LISTEN": "[::1]:443"}))
    assert (settings.host, settings.port) == ("::1", 443)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"v": 1, "tasks": [{}]}', b"\xff"])
def test_a_catalog_that_cannot_be_read_is_named(values: dict[str, str], content: bytes) -> None:
    Path(values["COUNTERSIGN_CATALOG"]).write_bytes(content)
    message = refusal(values)
    assert message.startswith("COUNTERSIGN_CATALOG")
    assert "countersign catalog build" in message


def test_an_empty_catalog_serves_nobody(values: dict[str, str]) -> None:
    Path(values["COUNTERSIGN_CATALOG"]).write_bytes(dump_catalog(Catalog([])))
    assert "no task" in refusal(values)


def test_a_dispatcher_is_set(values: dict[str, str]) -> None:
    settings = dispatcher_settings(Environment(values))
    assert settings.queues == ("fast",)
    assert isinstance(settings.broker, RedisSettings)
    assert (settings.ledger.database, settings.broker.database) == (0, 1)
    assert settings.republish_after_ms == 5_000
    slower = {"COUNTERSIGN_REPUBLISH_SECONDS": "30"}
    assert dispatcher_settings(Environment(values | slower)).republish_after_ms == 30_000
