"""Settings: what is missing or wrong is named, with the mend, before anything starts."""

from pathlib import Path

import pytest

from backends.environment import Environment
from backends.settings import RedisSettings
from gateway.settings import (
    DEFAULT_LEDGER_TIMEOUT_MS,
    DEFAULT_MAX_BODY,
    dispatcher_settings,
    gateway_settings,
)
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
    assert settings.ledger_timeout_s == DEFAULT_LEDGER_TIMEOUT_MS / 1000 < 1
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
        ("COUNTERSIGN_LEDGER_TIMEOUT_MS", "99"),
        ("COUNTERSIGN_LEDGER_TIMEOUT_MS", "5001"),
        ("COUNTERSIGN_LEDGER_TIMEOUT_MS", "0.9"),
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


#: The dispatcher's own; catalog and CA are the gateway's where they are not given.
INSIDE = (
    "REDIS_LEDGER_URL",
    "BROKER_URL",
    "REDIS_PASSWORD_FILE",
    "TLS_CERT",
    "TLS_KEY",
)


@pytest.fixture
def dispatching(values: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """What a gateway with a dispatcher in its process is given."""
    own = values | {
        "COUNTERSIGN_REDIS_LEDGER_URL": "rediss://dispatcher@127.0.0.1:6390/0",
        "COUNTERSIGN_BROKER_URL": "rediss://dispatcher@127.0.0.1:6390/1",
    }
    for name in ("REDIS_PASSWORD_FILE", "TLS_CERT", "TLS_KEY"):
        own[f"COUNTERSIGN_{name}"] = str(tmp_path / f"dispatcher-{name}")
        (tmp_path / f"dispatcher-{name}").write_text(f"dispatcher-{name}")
    inside = {f"COUNTERSIGN_DISPATCHER_{name}": own[f"COUNTERSIGN_{name}"] for name in INSIDE}
    del values["COUNTERSIGN_BROKER_URL"]
    return values | inside | {"COUNTERSIGN_GATEWAY_DISPATCHES": "yes"}


@pytest.mark.parametrize("word", ["", " ", "no"])
def test_a_gateway_does_not_dispatch_unless_it_is_told_to(
    dispatching: dict[str, str], word: str
) -> None:
    told = dispatching | {"COUNTERSIGN_GATEWAY_DISPATCHES": word}
    assert gateway_settings(Environment(told)).dispatcher is None
    del told["COUNTERSIGN_GATEWAY_DISPATCHES"]
    assert gateway_settings(Environment(told)).dispatcher is None


@pytest.mark.parametrize("word", ["true", "1", "YES", "on"])
def test_other_words_for_it_are_refused(dispatching: dict[str, str], word: str) -> None:
    message = refusal(dispatching, COUNTERSIGN_GATEWAY_DISPATCHES=word)
    assert message == "COUNTERSIGN_GATEWAY_DISPATCHES is none of yes, no: set one of them"


def test_the_dispatcher_inside_is_a_role_of_its_own(
    dispatching: dict[str, str], tmp_path: Path
) -> None:
    settings = gateway_settings(Environment(dispatching))
    inside = settings.dispatcher
    assert inside is not None
    assert isinstance(inside.broker, RedisSettings)
    assert (inside.ledger.user, inside.ledger.database) == ("dispatcher", 0)
    assert (inside.broker.user, inside.broker.database) == ("dispatcher", 1)
    assert inside.ledger.password == inside.broker.password == "dispatcher-REDIS_PASSWORD_FILE"
    assert inside.ledger.tls == inside.broker.tls
    assert inside.ledger.tls.cert == tmp_path / "dispatcher-TLS_CERT"
    assert inside.ledger.tls.key == tmp_path / "dispatcher-TLS_KEY"
    assert inside.ledger.tls.ca == settings.ledger.tls.ca == tmp_path / "ca"
    assert (inside.queues, inside.republish_after_ms) == (("fast",), 5_000)
    assert (settings.ledger.user, settings.ledger.password) == ("gateway", "password")
    assert settings.ledger.tls.cert == tmp_path / "cert"


def test_what_the_dispatcher_inside_is_given_counts_for_it_alone(
    dispatching: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "other-ca").write_text("another")
    dispatching |= {
        "COUNTERSIGN_DISPATCHER_REPUBLISH_SECONDS": "30",
        "COUNTERSIGN_DISPATCHER_TLS_CA": str(tmp_path / "other-ca"),
        "COUNTERSIGN_DISPATCHER_CATALOG": " ",
    }
    settings = gateway_settings(Environment(dispatching))
    assert settings.dispatcher is not None
    assert settings.dispatcher.republish_after_ms == 30_000
    assert settings.dispatcher.ledger.tls.ca == tmp_path / "other-ca"
    assert settings.ledger.tls.ca == tmp_path / "ca"


@pytest.mark.parametrize("name", INSIDE)
def test_the_dispatcher_inside_takes_no_identity_from_the_gateway(
    dispatching: dict[str, str], name: str
) -> None:
    own = f"COUNTERSIGN_DISPATCHER_{name}"
    assert refusal(dispatching, **{own: ""}).startswith(f"{own} is not set")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_LEDGER_URL", "redis://dispatcher@127.0.0.1/0"),
        ("BROKER_URL", "amqp://dispatcher@127.0.0.1/countersign"),
        ("TLS_CERT", "/nowhere/cert.pem"),
        ("TLS_CA", "/nowhere/ca.pem"),
        ("CATALOG", "/nowhere/catalog.json"),
        ("REPUBLISH_SECONDS", "0"),
    ],
)
def test_what_is_wrong_with_the_dispatcher_inside_is_named_as_it_is_set(
    dispatching: dict[str, str], name: str, value: str
) -> None:
    own = f"COUNTERSIGN_DISPATCHER_{name}"
    assert refusal(dispatching, **{own: value}).startswith(f"{own} ")


def test_a_password_in_the_url_is_told_where_to_go(dispatching: dict[str, str]) -> None:
    url = "rediss://dispatcher:hunter2@127.0.0.1/0"
    message = refusal(dispatching, COUNTERSIGN_DISPATCHER_REDIS_LEDGER_URL=url)
    assert message.endswith("put it into COUNTERSIGN_DISPATCHER_REDIS_PASSWORD_FILE")


def test_the_gateways_own_user_may_not_dispatch(dispatching: dict[str, str]) -> None:
    url = dispatching["COUNTERSIGN_REDIS_LEDGER_URL"]
    message = refusal(dispatching, COUNTERSIGN_DISPATCHER_REDIS_LEDGER_URL=url)
    assert message.startswith("COUNTERSIGN_DISPATCHER_REDIS_LEDGER_URL names the gateway's own")
    assert "name the dispatcher's" in message
