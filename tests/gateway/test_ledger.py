"""The ledger's client on the real Redis: every call converts its errors and ends in time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from backends.environment import Environment
from backends.errors import LedgerRefused, LedgerUnavailable
from backends.redis_clients import connect_async
from backends.settings import RedisSettings, redis_settings
from gateway.ledger import GatewayLedger
from gateway.listing import Wanted
from signing.ids import uuid7
from signing.ledger import keys
from signing.ledger.packed import pack
from signing.ledger.record import Acceptance, LedgerInvalid, Limits
from tests.servers.servers import Servers

T = TypeVar("T")
#: What is asked here is whether and what it answers; how soon, further below.
ON_ANY_MACHINE_S = 30.0
#: Much shorter than the socket's own timeout of 5 s.
SOON_S = 0.5


@pytest.fixture(scope="module")
def settings(servers: Servers) -> RedisSettings:
    values = servers.environment("gateway")
    return redis_settings(Environment(values), "COUNTERSIGN_REDIS_LEDGER_URL")


def on(settings: RedisSettings, test: Callable[[GatewayLedger], Awaitable[T]]) -> T:
    async def run() -> T:
        client = connect_async(settings)
        try:
            return await test(GatewayLedger(client, ON_ANY_MACHINE_S))
        finally:
            await client.aclose()

    return asyncio.run(run())


def acceptance(number: int, **changes: Any) -> Acceptance:
    """A job that is due in an hour, so that no dispatcher takes it."""
    now = time.time_ns() // 1_000_000
    item = Acceptance(
        job_id=uuid7(now, number.to_bytes(2, "big") + time.time_ns().to_bytes(8, "big")),
        seal=b"{}",
        seal_digest="sha-256:00",
        producer=f"ledger-{time.time_ns()}",
        task="demo.echo",
        queue="fast",
        priority=5,
        max_attempts=5,
        on_lost="rerun",
        has_secret=False,
        issued_at=now,
        not_before=now + 3_600_000,
        expires_at=now + 7_200_000,
        keyid="ledger-1",
        nonce=f"{number}-{time.time_ns()}",
        idempotency_key=None,
        body_digest="sha-256:00",
        limits=Limits(),
    )
    return replace(item, **changes)


def test_many_jobs_are_accepted_at_once_and_read(settings: RedisSettings) -> None:
    async def test(ledger: GatewayLedger) -> None:
        items = [acceptance(number) for number in range(300)]
        accepted = await asyncio.gather(*map(ledger.accept, items))
        assert [answer.job_id for answer in accepted] == [item.job_id for item in items]
        assert {answer.outcome for answer in accepted} == {"accepted"}
        state = await ledger.read(items[7].job_id)
        assert state is not None
        assert state.record.producer == items[7].producer
        assert (state.record.state, state.sealed_result) == ("queued", None)
        again = await ledger.accept(items[7])
        assert again.outcome == "replayed"
        for item in items:
            assert await ledger.cancel(item.job_id, item.producer) == "queued"

    on(settings, test)


def test_a_job_that_is_not_there_is_none_and_unknown(settings: RedisSettings) -> None:
    async def test(ledger: GatewayLedger) -> None:
        assert await ledger.read(acceptance(1).job_id) is None
        assert await ledger.cancel(acceptance(1).job_id, "shop") == "unknown"

    on(settings, test)


def test_another_producers_job_is_unknown_to_cancel(settings: RedisSettings) -> None:
    async def test(ledger: GatewayLedger) -> None:
        item = acceptance(1)
        await ledger.accept(item)
        assert await ledger.cancel(item.job_id, "another") == "unknown"
        assert await ledger.cancel(item.job_id, item.producer) == "queued"
        assert await ledger.cancel(item.job_id, item.producer) == "cancelled"

    on(settings, test)


def test_jobs_are_listed_newest_first_page_by_page(
    servers: Servers, settings: RedisSettings
) -> None:
    name = f"lists-{time.time_ns()}"

    async def test(ledger: GatewayLedger) -> None:
        items = sorted(
            (acceptance(number, producer=name) for number in range(7)), key=lambda i: i.job_id
        )
        await ledger.accept(acceptance(99))
        await asyncio.gather(*map(ledger.accept, items))
        newest_first = [item.job_id for item in reversed(items)]
        assert await ledger.cancel(newest_first[2], name) == "queued"
        servers.redis("superuser").hdel(keys.job(newest_first[1]), "state")
        servers.redis("superuser").delete(keys.job(newest_first[4]))
        seen: list[str] = []
        wanted = Wanted(limit=2)
        while True:
            page = await ledger.page(name, wanted)
            seen += [record.job_id for record in page.records]
            if page.after is None:
                break
            wanted = replace(wanted, after=page.after)
        assert seen == [newest_first[number] for number in (0, 2, 3, 5, 6)]
        cancelled = await ledger.page(name, Wanted(status="cancelled"))
        assert [record.job_id for record in cancelled.records] == [newest_first[2]]
        assert cancelled.after is None

    on(settings, test)


def test_a_job_is_kept_with_its_seal_until_that_is_gone(
    servers: Servers, settings: RedisSettings
) -> None:
    async def test(ledger: GatewayLedger) -> None:
        item = acceptance(1)
        assert await ledger.kept(item.job_id) is None
        await ledger.accept(item)
        assert await ledger.cancel(item.job_id, item.producer) == "queued"
        found = await ledger.kept(item.job_id)
        assert found is not None
        assert (found.record.state, found.seal) == ("cancelled", None)
        for stored, seal in ((pack(item.seal), item.seal), (b"hunter2", b"")):
            servers.redis("superuser").set(keys.kept(item.job_id), stored)
            found = await ledger.kept(item.job_id)
            assert found is not None
            assert (found.record.job_id, found.seal) == (item.job_id, seal)

    on(settings, test)


def test_a_nonce_is_new_once_per_key(settings: RedisSettings) -> None:
    async def test(ledger: GatewayLedger) -> list[bool]:
        nonce = f"n-{time.time_ns()}"
        return [await ledger.use_nonce(keyid, nonce) for keyid in ("k-1", "k-1", "k-2")]

    assert on(settings, test) == [True, False, True]


def test_secrets_of_settled_jobs_are_listed_until_they_are_deleted(
    settings: RedisSettings,
) -> None:
    async def test(ledger: GatewayLedger) -> None:
        item = acceptance(1, has_secret=True)
        await ledger.accept(item)
        await ledger.cancel(item.job_id, item.producer)
        path, later = f"jobs/fast/demo.echo/{item.job_id}", time.time_ns() // 1_000_000 + 60_000
        assert path in await ledger.purgeable(later, 10_000)
        assert await ledger.purgeable(0, 10_000) == []
        await ledger.purged([path])
        assert path not in await ledger.purgeable(later, 10_000)

    on(settings, test)


def test_what_a_worker_planted_among_the_secrets_is_read_and_struck_off(
    servers: Servers, settings: RedisSettings
) -> None:
    servers.redis("worker").zadd(keys.PURGE, {b"\xff": 0})

    async def test(ledger: GatewayLedger) -> None:
        assert "\udcff" in await ledger.purgeable(1, 10)
        await ledger.purged(["\udcff"])

    on(settings, test)
    assert servers.redis("superuser").zscore(keys.PURGE, b"\xff") is None


def test_a_full_ledger_says_that_it_wrote_nothing(
    clean_servers: Servers, settings: RedisSettings
) -> None:
    superuser = clean_servers.redis("superuser")
    superuser.config_set("maxmemory", 1)
    try:
        with pytest.raises(LedgerRefused, match="maxmemory"):
            on(settings, lambda ledger: ledger.accept(acceptance(1)))
    finally:
        superuser.config_set("maxmemory", 0)
    assert superuser.dbsize() == 0


def test_a_record_that_is_not_of_its_form_is_not_guessed_at(
    servers: Servers, settings: RedisSettings
) -> None:
    job_id = acceptance(1).job_id
    servers.redis("superuser").hset(keys.job(job_id), "state", "hunter2")
    with pytest.raises(LedgerInvalid) as refused:
        on(settings, lambda ledger: ledger.read(job_id))
    assert "hunter2" not in refused.value.message
    servers.redis("superuser").delete(keys.job(job_id))


def test_a_key_of_another_type_is_an_error_without_its_text(
    servers: Servers, settings: RedisSettings
) -> None:
    job_id = acceptance(1).job_id
    servers.redis("superuser").set(keys.job(job_id), "hunter2")
    for call in (
        lambda ledger: ledger.read(job_id),
        lambda ledger: ledger.cancel(job_id, "shop"),
    ):
        with pytest.raises(LedgerUnavailable) as refused:
            on(settings, call)
        assert refused.value.message == "the ledger's Redis does not serve: ResponseError"
    servers.redis("superuser").delete(keys.job(job_id))


CALLS: list[Callable[[GatewayLedger], Awaitable[object]]] = [
    lambda ledger: ledger.accept(acceptance(1)),
    lambda ledger: ledger.use_nonce("k", "n"),
    lambda ledger: ledger.read(acceptance(1).job_id),
    lambda ledger: ledger.kept(acceptance(1).job_id),
    lambda ledger: ledger.page("shop", Wanted()),
    lambda ledger: ledger.cancel(acceptance(1).job_id, "shop"),
    lambda ledger: ledger.purgeable(0, 1),
    lambda ledger: ledger.purged(["jobs/x"]),
    lambda ledger: ledger.ping(),
    lambda ledger: ledger.look(),
]


@pytest.mark.parametrize("call", CALLS)
def test_where_redis_is_away_every_call_says_so(
    settings: RedisSettings, call: Callable[[GatewayLedger], Awaitable[object]]
) -> None:
    async def test() -> None:
        closed = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
        port = closed.sockets[0].getsockname()[1]
        closed.close()
        await closed.wait_closed()
        client = connect_async(replace(settings, port=port))
        with pytest.raises(LedgerUnavailable):
            await call(GatewayLedger(client, ON_ANY_MACHINE_S))
        await client.aclose()

    asyncio.run(test())


def test_where_redis_is_silent_every_call_ends_with_the_timeout(
    settings: RedisSettings,
) -> None:
    """All at once: each has to end by itself, whatever holds the others up."""

    async def test() -> None:
        connected: list[asyncio.StreamWriter] = []
        silent = await asyncio.start_server(
            lambda _reader, writer: connected.append(writer), "127.0.0.1", 0
        )
        port = silent.sockets[0].getsockname()[1]
        client = connect_async(replace(settings, port=port))
        ledger = GatewayLedger(client, SOON_S)
        began = time.monotonic()
        answers = await asyncio.gather(*(call(ledger) for call in CALLS), return_exceptions=True)
        # Not after the socket's own timeout, nor one after the other.
        assert time.monotonic() - began < 4.5
        assert [type(answer) for answer in answers] == [LedgerUnavailable] * len(CALLS)
        for writer in connected:
            writer.close()
        silent.close()
        await client.aclose()

    asyncio.run(test())
