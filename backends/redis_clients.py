"""Redis clients over mutual TLS, the ledger's scripts on them, and what the server must be set to.

No client retries by itself: a script that may have run must not be sent a second time unnoticed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from backends.errors import LedgerRefused, LedgerUnavailable
from backends.settings import RedisSettings
from signing.errors import SettingError
from signing.ledger.lua import Script

TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 2.0
#: Error codes for which redis-py has no class, and which every call would get (Redis's server.c).
_OF_THE_SERVER: Final = ("BUSY ", "MISCONF ", "NOREPLICAS ")

#: What the ledger's Redis has to be set to: otherwise it loses what was acknowledged.
WANTED: Final[Mapping[str, str]] = {
    "appendonly": "yes",
    "appendfsync": "always",
    # With `yes` nothing is synced while Redis rewrites its file.
    "no-appendfsync-on-rewrite": "no",
    # With `yes` half of a script may count at the restart after next: docs/ledger.md.
    "aof-load-truncated": "no",
    "maxmemory-policy": "noeviction",
}

_OF_THE_CONNECTION: Final = (RedisConnectionError, RedisTimeoutError, OSError)

Argument: TypeAlias = str | bytes | int
SyncRedis: TypeAlias = "redis.Redis"
AsyncRedis: TypeAlias = "redis.asyncio.Redis"


@dataclass(frozen=True, slots=True)
class Call:
    """One script with its KEYS and ARGV."""

    script: Script
    keys: Sequence[str]
    args: Sequence[Argument]

    def command(self) -> tuple[Argument, ...]:
        """The EVALSHA command."""
        return ("EVALSHA", self.script.sha, len(self.keys), *self.keys, *self.args)


def connect(settings: RedisSettings, *, timeout: float = TIMEOUT_S) -> SyncRedis:
    """Make a blocking client; nothing is sent yet."""
    return redis.Redis(**_options(settings, timeout), retry=Retry(NoBackoff(), 0))


def connect_async(settings: RedisSettings, *, timeout: float = TIMEOUT_S) -> AsyncRedis:
    """Make an asyncio client; nothing is sent yet."""
    retry = redis.asyncio.retry.Retry(NoBackoff(), 0)
    return redis.asyncio.Redis(**_options(settings, timeout), retry=retry)


def run_scripts(client: SyncRedis, calls: Sequence[Call]) -> list[Any]:
    """Run scripts in one round trip; those that Redis has forgotten are loaded and run again.

    Raises:
        LedgerUnavailable: where Redis cannot be reached or refuses a script.
    """
    return checked(run_each(client, calls))


async def run_scripts_async(client: AsyncRedis, calls: Sequence[Call]) -> list[Any]:
    """As `run_scripts`, on an asyncio client.

    Raises:
        LedgerUnavailable: likewise.
    """
    return checked(await run_each_async(client, calls))


def run_each(client: SyncRedis, calls: Sequence[Call]) -> list[Any]:
    """As `run_scripts`, but a call that failed by itself has a `LedgerUnavailable` for its reply.

    Raises:
        LedgerUnavailable: where Redis cannot be reached or does not serve any call.
    """
    try:
        replies = _pipeline(client, calls)
        missing = _missing(replies)
        if missing:
            for script in {calls[i].script for i in missing}:
                client.script_load(script.text)
            again = _pipeline(client, [calls[i] for i in missing])
            for i, reply in zip(missing, again, strict=True):
                replies[i] = reply
    except (RedisError, OSError) as error:
        if isinstance(error, _OF_THE_CONNECTION):
            # What made one silent did so to others, each of which would cost a timeout of its own.
            client.connection_pool.disconnect(inuse_connections=False)
        raise unavailable(error) from None
    return [reply_or_error(reply) for reply in replies]


async def run_each_async(client: AsyncRedis, calls: Sequence[Call]) -> list[Any]:
    """As `run_each`, on an asyncio client.

    Raises:
        LedgerUnavailable: likewise.
    """
    try:
        replies = await _pipeline_async(client, calls)
        missing = _missing(replies)
        if missing:
            for script in {calls[i].script for i in missing}:
                await client.script_load(script.text)
            again = await _pipeline_async(client, [calls[i] for i in missing])
            for i, reply in zip(missing, again, strict=True):
                replies[i] = reply
    except (RedisError, OSError) as error:
        raise unavailable(error) from None
    return [reply_or_error(reply) for reply in replies]


def checked(replies: list[Any]) -> list[Any]:
    """Give the replies if none is an error.

    Raises:
        LedgerUnavailable: naming Redis's error class and never its text, which quotes arguments.
    """
    for reply in replies:
        if isinstance(reply, LedgerUnavailable):
            raise reply
        if isinstance(reply, RedisError):
            raise unavailable(reply)
    return replies


def reply_or_error(reply: Any) -> Any:
    """Convert the error of one call; what says that Redis serves nobody is raised."""
    if not isinstance(reply, RedisError):
        return reply
    if isinstance(reply, OutOfMemoryError):
        # Redis refuses a script's first write, and those after a write that it let pass it lets
        # pass as well: nothing is written (Redis's script.c, `scriptVerifyOOM`).
        return LedgerRefused("the ledger's Redis is at its maxmemory: raise it")
    # redis-py has classes of its own for the states of a server that it knows.
    if type(reply) is not ResponseError or str(reply).startswith(_OF_THE_SERVER):
        raise unavailable(reply)
    return unavailable(reply)


def unavailable(error: Exception) -> LedgerUnavailable:
    """Convert a client's exception; only its type is told."""
    return LedgerUnavailable(f"the ledger's Redis does not serve: {type(error).__name__}")


def check_server(client: SyncRedis, settings: RedisSettings) -> None:
    """Refuse a ledger that would lose what it has acknowledged.

    Raises:
        SettingError: naming the Redis setting and the mend.
        LedgerUnavailable: where the server cannot be asked.
    """
    try:
        client.ping()
        wrong = wrong_setting(client.config_get(*WANTED))
    except (AuthenticationError, NoPermissionError):
        raise SettingError(
            f"Redis at {settings.address} refuses user {settings.user}: check its ACL and "
            "COUNTERSIGN_REDIS_PASSWORD_FILE"
        ) from None
    except (RedisError, OSError) as error:
        raise unavailable(error) from None
    if wrong is not None:
        raise SettingError(
            f"Redis at {settings.address} has {wrong} not set to {WANTED[wrong]}: "
            f"set '{wrong} {WANTED[wrong]}' in its redis.conf"
        )


def wrong_setting(found: Mapping[Any, Any]) -> str | None:
    """Name the first of the wanted settings that a server has otherwise, or does not tell."""
    return next((name for name, value in WANTED.items() if found.get(name) != value), None)


def _options(settings: RedisSettings, timeout: float) -> dict[str, Any]:
    return {
        "host": settings.host,
        "port": settings.port,
        "db": settings.database,
        "username": settings.user,
        "password": settings.password,
        "socket_timeout": timeout,
        "socket_connect_timeout": min(CONNECT_TIMEOUT_S, timeout),
        "socket_keepalive": True,
        "ssl": True,
        "ssl_cert_reqs": "required",
        "ssl_check_hostname": True,
        "ssl_ca_certs": str(settings.tls.ca),
        "ssl_certfile": str(settings.tls.cert),
        "ssl_keyfile": str(settings.tls.key),
        "protocol": 2,
    }


def _pipeline(client: SyncRedis, calls: Sequence[Call]) -> list[Any]:
    pipe: Any
    with client.pipeline(transaction=False) as pipe:
        for call in calls:
            pipe.execute_command(*call.command())
        replies: list[Any] = pipe.execute(raise_on_error=False)
    return replies


async def _pipeline_async(client: AsyncRedis, calls: Sequence[Call]) -> list[Any]:
    async with client.pipeline(transaction=False) as pipe:
        for call in calls:
            pipe.execute_command(*call.command())
        replies: list[Any] = await pipe.execute(raise_on_error=False)
    return replies


def _missing(replies: list[Any]) -> list[int]:
    return [i for i, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
