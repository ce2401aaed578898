"""What every role has: TLS files, Redis, broker, Vault. Reads the environment it is given."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias
from urllib.parse import SplitResult, unquote, urlsplit

from backends.environment import Environment
from signing.errors import SettingError

VaultAuth = Literal["approle", "cert", "kubernetes"]
_AUTHS: Final[tuple[VaultAuth, ...]] = ("approle", "cert", "kubernetes")
_SECRET_FILES: Final[Mapping[VaultAuth, str]] = {
    "approle": "COUNTERSIGN_VAULT_SECRET_ID_FILE",
    "kubernetes": "COUNTERSIGN_VAULT_JWT_FILE",
}


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """Files of the role's own certificate and of the CA that servers are checked against."""

    ca: Path
    cert: Path
    key: Path


@dataclass(frozen=True, slots=True)
class RedisSettings:
    """One Redis database, over mutual TLS."""

    host: str
    port: int
    database: int
    user: str
    password: str = field(repr=False)
    tls: TlsSettings

    @property
    def address(self) -> str:
        """Host and port, for messages."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class AmqpSettings:
    """One virtual host of RabbitMQ, over mutual TLS; the certificate is the login."""

    host: str
    port: int
    vhost: str
    user: str
    tls: TlsSettings

    @property
    def address(self) -> str:
        """Host and port, for messages."""
        return f"{self.host}:{self.port}"


BrokerSettings: TypeAlias = RedisSettings | AmqpSettings


@dataclass(frozen=True, slots=True)
class VaultSettings:
    """Where Vault is and how this role logs in.

    Attributes:
        secret_file: holds the AppRole secret id or the service account's token, which may be
            replaced while the process runs; `None` for `cert`.
    """

    address: str
    auth: VaultAuth
    role: str = field(repr=False)
    secret_file: Path | None
    tls: TlsSettings


def process_environment() -> Environment:
    """Give this process's own environment."""
    return Environment(os.environ)


def environment_of(values: Mapping[str, str]) -> Environment:
    """Give an environment from a mapping."""
    return Environment(values)


def tls_settings(env: Environment) -> TlsSettings:
    """Read the TLS files.

    Raises:
        SettingError: as `Environment.file`.
    """
    return TlsSettings(
        ca=env.file("COUNTERSIGN_TLS_CA"),
        cert=env.file("COUNTERSIGN_TLS_CERT"),
        key=env.file("COUNTERSIGN_TLS_KEY"),
    )


def redis_settings(env: Environment, name: str) -> RedisSettings:
    """Read one Redis URL, `rediss://user@host:port/database`.

    Raises:
        SettingError: for a plain connection, a password in the URL, or another form.
    """
    url = _split(name, env.text(name))
    if url.scheme != "rediss":
        raise SettingError(f"{name} is not a TLS connection: use rediss://user@host:port/database")
    if url.password:
        raise SettingError(f"{name} holds a password: put it into COUNTERSIGN_REDIS_PASSWORD_FILE")
    database = url.path.lstrip("/") or "0"
    port = 6379 if url.port is None else url.port
    is_number = database.isascii() and database.isdigit() and len(database) < 6
    if not url.hostname or not url.username or not port or not is_number:
        raise SettingError(f"{name} is not of the form rediss://user@host:port/database")
    return RedisSettings(
        host=url.hostname,
        port=port,
        database=int(database),
        user=url.username,
        password=env.secret_file("COUNTERSIGN_REDIS_PASSWORD_FILE"),
        tls=tls_settings(env),
    )


def broker_settings(env: Environment) -> BrokerSettings:
    """Read the broker's URL, Redis's or RabbitMQ's (`amqps://user@host:port/vhost`).

    Raises:
        SettingError: for a plain connection, a password in the URL, or another form.
    """
    name = "COUNTERSIGN_BROKER_URL"
    url = _split(name, env.text("COUNTERSIGN_BROKER_URL"))
    if url.scheme == "rediss":
        return redis_settings(env, name)
    if url.scheme != "amqps":
        raise SettingError(
            f"{name} is not a TLS connection: use rediss://user@host:port/database or "
            "amqps://user@host:port/vhost"
        )
    if url.password is not None:
        raise SettingError(f"{name} holds a password: on RabbitMQ the certificate is the login")
    vhost = unquote(url.path[1:])
    port = 5671 if url.port is None else url.port
    if not url.hostname or not url.username or not port or not vhost or url.query or url.fragment:
        raise SettingError(f"{name} is not of the form amqps://user@host:port/vhost")
    return AmqpSettings(
        host=url.hostname, port=port, vhost=vhost, user=url.username, tls=tls_settings(env)
    )


def _split(name: str, text: str) -> SplitResult:
    try:
        url = urlsplit(text)
        url.port  # noqa: B018 - read here, where a port that is none is refused
    except ValueError:
        raise SettingError(f"{name} is not a URL: correct it") from None
    return url


def vault_settings(env: Environment) -> VaultSettings:
    """Read where Vault is and how to log in.

    Raises:
        SettingError: for a plain connection or a missing credential.
    """
    address = env.text("COUNTERSIGN_VAULT_ADDR").rstrip("/")
    url = _split("COUNTERSIGN_VAULT_ADDR", address)
    if url.scheme != "https" or not url.hostname:
        raise SettingError("COUNTERSIGN_VAULT_ADDR is not a TLS address: use https://host:port")
    auth = env.choice("COUNTERSIGN_VAULT_AUTH", _AUTHS, "approle")
    if auth == "approle":
        role = env.secret_file("COUNTERSIGN_VAULT_ROLE_ID_FILE")
    else:
        role = env.text("COUNTERSIGN_VAULT_ROLE")
    secret_file = None
    if auth in _SECRET_FILES:
        env.secret_file(_SECRET_FILES[auth])  # refused here and now if it is none
        secret_file = env.file(_SECRET_FILES[auth])
    return VaultSettings(
        address=address, auth=auth, role=role, secret_file=secret_file, tls=tls_settings(env)
    )
