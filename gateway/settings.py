"""The gateway's and the dispatcher's settings, read once at start."""

from dataclasses import dataclass
from pathlib import Path

from backends.environment import Environment
from backends.settings import (
    BrokerSettings,
    RedisSettings,
    VaultSettings,
    broker_settings,
    redis_settings,
    vault_settings,
)
from signing.catalog import Catalog, parse_catalog
from signing.errors import CatalogError, SettingError

DEFAULT_MAX_BODY = 262_144


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """What an ingress needs."""

    ledger: RedisSettings
    vault: VaultSettings
    catalog: Catalog
    audience: str
    authority: str
    host: str
    port: int
    http_cert: Path
    http_key: Path
    max_body: int
    max_in_flight: int


@dataclass(frozen=True, slots=True)
class DispatcherSettings:
    """What a dispatcher needs."""

    ledger: RedisSettings
    broker: BrokerSettings
    queues: tuple[str, ...]
    republish_after_ms: int


def gateway_settings(env: Environment) -> GatewaySettings:
    """Read the gateway's settings.

    Raises:
        SettingError: naming the setting and the mend.
    """
    host, port = _listen(env)
    return GatewaySettings(
        ledger=redis_settings(env, "COUNTERSIGN_REDIS_LEDGER_URL"),
        vault=vault_settings(env),
        catalog=_catalog(env),
        audience=env.text("COUNTERSIGN_AUDIENCE", "countersign"),
        authority=env.text("COUNTERSIGN_AUTHORITY").lower(),
        host=host,
        port=port,
        http_cert=env.file("COUNTERSIGN_HTTP_CERT"),
        http_key=env.file("COUNTERSIGN_HTTP_KEY"),
        max_body=env.integer("COUNTERSIGN_MAX_BODY", DEFAULT_MAX_BODY, least=1024, most=1_000_000),
        max_in_flight=env.integer("COUNTERSIGN_MAX_IN_FLIGHT", 512, least=1, most=100_000),
    )


def dispatcher_settings(env: Environment) -> DispatcherSettings:
    """Read the dispatcher's settings.

    Raises:
        SettingError: naming the setting and the mend.
    """
    return DispatcherSettings(
        ledger=redis_settings(env, "COUNTERSIGN_REDIS_LEDGER_URL"),
        broker=broker_settings(env),
        queues=tuple(sorted(_catalog(env).queues)),
        republish_after_ms=1000
        * env.integer("COUNTERSIGN_REPUBLISH_SECONDS", 5, least=1, most=3600),
    )


def _catalog(env: Environment) -> Catalog:
    path = env.file("COUNTERSIGN_CATALOG")
    try:
        catalog = parse_catalog(path.read_bytes())
    except CatalogError as error:
        raise SettingError(
            f"COUNTERSIGN_CATALOG: {error.message}: build it with 'countersign catalog build'"
        ) from None
    if not catalog:
        raise SettingError("COUNTERSIGN_CATALOG has no task: build it from a module with tasks")
    return catalog


def _listen(env: Environment) -> tuple[str, int]:
    host, _, port = env.text("COUNTERSIGN_LISTEN", "127.0.0.1:8443").rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise SettingError("COUNTERSIGN_LISTEN is not host:port: correct it")
    return host.strip("[]"), int(port)
