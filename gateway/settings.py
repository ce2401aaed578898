"""The gateway's and the dispatcher's settings, read once at start."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

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
#: A request is answered within a second where the ledger is away.
DEFAULT_LEDGER_TIMEOUT_MS = 900

_PREFIX: Final = "COUNTERSIGN_"
#: What a dispatcher in the gateway's process is set with, in place of the prefix alone.
_DISPATCHER_PREFIX: Final = "COUNTERSIGN_DISPATCHER_"
#: What it takes from the gateway where it is given none of its own; these make no identity.
_SHARED: Final = ("COUNTERSIGN_CATALOG", "COUNTERSIGN_TLS_CA")


@dataclass(frozen=True, slots=True)
class DispatcherSettings:
    """What a dispatcher needs."""

    ledger: RedisSettings
    broker: BrokerSettings
    queues: tuple[str, ...]
    republish_after_ms: int


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """What an ingress needs.

    Attributes:
        ledger_timeout_s: how long a request waits for the ledger before it is refused.
        dispatcher: the one that runs in the gateway's process; `None` where none does.
    """

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
    ledger_timeout_s: float
    dispatcher: DispatcherSettings | None


def gateway_settings(env: Environment) -> GatewaySettings:
    """Read the gateway's settings.

    Raises:
        SettingError: naming the setting and the mend.
    """
    host, port = _listen(env)
    ledger = redis_settings(env, "COUNTERSIGN_REDIS_LEDGER_URL")
    return GatewaySettings(
        ledger=ledger,
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
        # Not longer than the socket's own timeout.
        ledger_timeout_s=env.integer(
            "COUNTERSIGN_LEDGER_TIMEOUT_MS", DEFAULT_LEDGER_TIMEOUT_MS, least=100, most=5_000
        )
        / 1000,
        dispatcher=_dispatcher_inside(env, ledger.user),
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


def _dispatcher_inside(env: Environment, gateway_user: str) -> DispatcherSettings | None:
    """Read the settings of the dispatcher in the gateway's process, a role of its own."""
    if env.choice("COUNTERSIGN_GATEWAY_DISPATCHES", ("yes", "no"), "no") == "no":
        return None
    given = {name: value for name, value in env.values.items() if value.strip()}
    shared = {name: given[name] for name in _SHARED if name in given}
    own = {
        _PREFIX + name.removeprefix(_DISPATCHER_PREFIX): value
        for name, value in given.items()
        if name.startswith(_DISPATCHER_PREFIX)
    }
    try:
        settings = dispatcher_settings(Environment(shared | own))
    except SettingError as error:
        # What is shared was read for the gateway before: this is one of the dispatcher's own.
        message = error.message.replace(_PREFIX, _DISPATCHER_PREFIX)
        raise SettingError(message) from None
    if settings.ledger.user == gateway_user:
        raise SettingError(
            "COUNTERSIGN_DISPATCHER_REDIS_LEDGER_URL names the gateway's own user: name the "
            "dispatcher's, with its own password and certificate"
        )
    return settings


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
