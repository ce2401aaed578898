"""Scripts on Redis clients: loaded again where Redis forgot them; errors that quote nothing."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from redis.exceptions import ResponseError

from backends.environment import Environment
from backends.errors import LedgerUnavailable
from backends.redis_clients import (
    Call,
    SyncRedis,
    check_server,
    checked,
    connect,
    connect_async,
    run_scripts,
    run_scripts_async,
)
from backends.settings import RedisSettings, redis_settings
from bench.faults.proxy import Proxies
from deploy.local.paths import free_ports
from signing.errors import SettingError
from signing.ledger.lua import ACCEPT, CANCEL, Script
from tests.ledger.conftest import ledger_redis, quiet_redis
from tests.ledger.jobs import acceptance
from tests.ledger.quiet import QuietRedis

__all__ = ["ledger_redis", "quiet_redis"]

pytestmark = pytest.mark.servers

CANARY = "canary-argument"


@pytest.fixture
def settings(ledger_redis: QuietRedis) -> RedisSettings:
    return redis_settings(
        Environment(ledger_redis.environment("gateway")), "COUNTERSIGN_REDIS_LEDGER_URL"
    )


@pytest.fixture
def client(settings: RedisSettings) -> Iterator[SyncRedis]:
    made = connect(settings)
    yield made
    made.close()


def calls() -> list[Call]:
    """Accept and cancel, mixed: each answer tells by its form which call it belongs to."""
    job = acceptance(time.time_ns() // 1_000_000)
    return [
        Call(CANCEL, (), ("nobody", "acme", 1)),
        Call(ACCEPT, job.script_keys(), job.script_args()),
        Call(CANCEL, (), ("nobody", "acme", 1)),
        Call(ACCEPT, job.script_keys(), job.script_args()),
    ]


def asynchronously(settings: RedisSettings, wanted: list[Call]) -> list[Any]:
    """Run scripts on an asyncio client, and close it."""

    async def run() -> list[Any]:
        client = connect_async(settings)
        try:
            return await run_scripts_async(client, wanted)
        finally:
            await client.aclose()

    return asyncio.run(run())


def loaded(servers: QuietRedis, scripts: tuple[Script, ...]) -> None:
    """Let Redis know these scripts alone."""
    superuser = servers.redis("superuser")
    superuser.script_flush()
    for script in scripts:
        superuser.script_load(script.text)


@pytest.mark.parametrize("known", [(), (ACCEPT,), (CANCEL,), (ACCEPT, CANCEL)])
def test_forgotten_scripts_are_loaded_and_every_call_gets_its_own_answer(
    client: SyncRedis, settings: RedisSettings, ledger_redis: QuietRedis, known: tuple[Script, ...]
) -> None:
    for run in (partial(run_scripts, client), partial(asynchronously, settings)):
        loaded(ledger_redis, known)
        first, accepted, third, repeated = run(calls())
        assert (first, third) == (b"unknown", b"unknown")
        assert (accepted[0], repeated[0]) == (b"accepted", b"replayed")


def test_no_calls_give_no_replies(client: SyncRedis, settings: RedisSettings) -> None:
    assert run_scripts(client, []) == []
    assert asynchronously(settings, []) == []


def broken() -> list[Call]:
    """A call whose error text quotes its argument, among others."""
    return [*calls(), Call(Script("s", f"return redis.error_reply('ERR {CANARY}')"), (), (CANARY,))]


def test_an_error_tells_its_type_and_no_argument(
    client: SyncRedis, settings: RedisSettings
) -> None:
    for run in (partial(run_scripts, client), partial(asynchronously, settings)):
        with pytest.raises(LedgerUnavailable) as caught:
            run(broken())
        assert caught.value.message == "the ledger's Redis does not serve: ResponseError"
        assert caught.value.code == "ledger_unavailable"
        assert caught.value.__cause__ is None


def test_a_refused_key_is_not_told(client: SyncRedis) -> None:
    refused = Script("s", f"return redis.call('SET', '{CANARY}', 'x')")
    with pytest.raises(LedgerUnavailable) as caught:
        run_scripts(client, [Call(refused, (), ())])
    assert CANARY not in caught.value.message


def test_replies_without_an_error_are_given_as_they_are() -> None:
    replies = [b"x", None, 7, [b"y"]]
    assert checked(replies) is replies
    with pytest.raises(LedgerUnavailable, match="ResponseError"):
        checked([b"x", ResponseError(CANARY)])


def test_a_redis_that_is_away_is_unavailable_and_used_again_afterwards(
    client: SyncRedis, settings: RedisSettings, ledger_redis: QuietRedis
) -> None:
    run_scripts(client, calls())
    ledger_redis.local.stop_redis(kill=True)
    for run in (
        lambda: run_scripts(client, calls()),
        lambda: asynchronously(settings, calls()),
        lambda: check_server(client, settings),
    ):
        with pytest.raises(LedgerUnavailable) as caught:
            run()
        assert caught.value.message == "the ledger's Redis does not serve: ConnectionError"
    ledger_redis.restore()
    assert run_scripts(client, calls())[0] == b"unknown"
    assert asynchronously(settings, calls())[0] == b"unknown"


def test_a_ledger_that_keeps_everything_is_fine(client: SyncRedis, settings: RedisSettings) -> None:
    check_server(client, settings)


@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [
        ("appendfsync", "everysec", "always"),
        ("appendonly", "no", "yes"),
        ("no-appendfsync-on-rewrite", "yes", "no"),
        ("aof-load-truncated", "yes", "no"),
        ("maxmemory-policy", "allkeys-lru", "noeviction"),
    ],
)
def test_a_ledger_that_may_lose_something_is_refused(
    client: SyncRedis,
    settings: RedisSettings,
    ledger_redis: QuietRedis,
    name: str,
    wrong: str,
    right: str,
) -> None:
    superuser = ledger_redis.redis("superuser")
    superuser.config_set(name, wrong)
    try:
        with pytest.raises(SettingError) as caught:
            check_server(client, settings)
    finally:
        superuser.config_set(name, right)
    assert caught.value.message == (
        f"Redis at {settings.address} has {name} not set to {right}: "
        f"set '{name} {right}' in its redis.conf"
    )


def test_a_wrong_password_is_named_and_not_told(settings: RedisSettings) -> None:
    client = connect(replace(settings, password=CANARY))
    with pytest.raises(SettingError) as caught:
        check_server(client, settings)
    client.close()
    assert caught.value.message == (
        f"Redis at {settings.address} refuses user gateway: check its ACL and "
        "COUNTERSIGN_REDIS_PASSWORD_FILE"
    )


def test_a_server_of_another_authority_is_not_trusted(settings: RedisSettings) -> None:
    client = connect(replace(settings, tls=replace(settings.tls, ca=settings.tls.cert)))
    with pytest.raises(LedgerUnavailable):
        check_server(client, settings)
    client.close()


def test_a_server_of_another_name_is_not_trusted(settings: RedisSettings) -> None:
    client: Any = connect(replace(settings, host="127.0.0.2"))
    assert client.connection_pool.connection_kwargs["ssl_check_hostname"] is True
    with pytest.raises(LedgerUnavailable):
        check_server(client, settings)
    client.close()


def test_connections_that_fell_silent_together_cost_one_timeout(
    settings: RedisSettings, ledger_redis: QuietRedis
) -> None:
    (port,), proxies = free_ports(1), Proxies()
    proxies.add("ledger", port=port, target=ledger_redis.ports.redis)
    client = connect(replace(settings, port=port), timeout=3.0)
    try:
        held = [client.connection_pool.get_connection() for _ in range(3)]
        for connection in held:
            client.connection_pool.release(connection)
        assert proxies.silence_open("ledger") == 3
        with pytest.raises(LedgerUnavailable):
            run_scripts(client, calls()[:1])
        in_use = client.connection_pool.get_connection()  # by another thread
        assert run_scripts(client, calls()[:1]) == [b"unknown"]
        client.connection_pool.release(in_use)
    finally:
        client.close()
        proxies.close()
