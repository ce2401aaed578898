"""Waiting for a job: notified at once, never later than asked, deaf for a moment only."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Self, cast

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from backends.errors import LedgerUnavailable
from backends.redis_clients import AsyncRedis
from gateway import waiting
from gateway.waiting import SettledFeed, wait_settled
from signing.ledger.keys import SETTLED_CHANNEL

Message = dict[str, Any] | None


class FakeRedis:
    """A pub/sub connection over a queue; an exception in the queue is raised."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[Message | Exception] = asyncio.Queue()
        self.subscribed: list[str] = []
        self.listening = asyncio.Event()
        self.pings = 0

    def pubsub(self, *, ignore_subscribe_messages: bool) -> Self:
        assert ignore_subscribe_messages
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.listening.clear()

    async def subscribe(self, channel: str) -> None:
        self.subscribed.append(channel)

    async def get_message(self, *, timeout: float) -> Message:  # noqa: ASYNC109 - redis-py's name
        assert timeout > 0
        self.listening.set()
        message = await self.messages.get()
        if isinstance(message, Exception):
            raise message
        return message

    async def ping(self) -> None:
        self.pings += 1

    def settle(self, job_id: str) -> None:
        self.messages.put_nowait({"data": job_id.encode()})


class Job:
    """Says whether it has settled, and counts how often it was asked."""

    def __init__(self, *, settled: bool = False) -> None:
        self.settled = settled
        self.asked = 0
        self.away = False
        self.was_asked = asyncio.Event()

    async def __call__(self) -> bool:
        self.asked += 1
        self.was_asked.set()
        if self.away:
            raise LedgerUnavailable("loading")
        return self.settled


def with_feed(test: Callable[[FakeRedis, SettledFeed], Awaitable[None]]) -> None:
    """Run a test while the feed listens."""

    async def run() -> None:
        client = FakeRedis()
        feed = SettledFeed(cast(AsyncRedis, client))
        listening = asyncio.create_task(feed.run())
        await asyncio.wait_for(client.listening.wait(), 5)
        await asyncio.wait_for(test(client, feed), 10)
        listening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await listening

    asyncio.run(run())


def test_who_waits_is_woken_when_the_job_settles() -> None:
    async def test(client: FakeRedis, feed: SettledFeed) -> None:
        job = Job()
        waiter = asyncio.create_task(wait_settled(feed, "a", seconds=60, is_settled=job))
        await job.was_asked.wait()
        job.settled = True
        client.messages.put_nowait(None)  # nothing was said for a while
        client.settle("another")
        client.settle("a")
        await waiter
        assert job.asked == 2
        assert client.subscribed == [SETTLED_CHANNEL]

    with_feed(test)


def test_a_job_that_has_settled_is_not_waited_for() -> None:
    async def test(_client: FakeRedis, feed: SettledFeed) -> None:
        job = Job(settled=True)
        await wait_settled(feed, "a", seconds=60, is_settled=job)
        assert job.asked == 1

    with_feed(test)


def test_waiting_ends_when_the_time_is_over() -> None:
    async def test(_client: FakeRedis, feed: SettledFeed) -> None:
        job = Job()
        await wait_settled(feed, "a", seconds=0.05, is_settled=job)
        assert job.asked == 2

    with_feed(test)


def test_a_notification_that_was_lost_costs_a_recheck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "RECHECK_S", 0.01)

    async def test(_client: FakeRedis, feed: SettledFeed) -> None:
        job = Job()
        waiter = asyncio.create_task(wait_settled(feed, "a", seconds=60, is_settled=job))
        await job.was_asked.wait()
        job.settled = True
        await waiter

    with_feed(test)


def test_a_ledger_that_restarts_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "RECONNECT_S", 0)
    spreads: list[tuple[float, float]] = []

    def spread(least: float, most: float) -> float:
        spreads.append((least, most))
        return 0.01

    async def test(client: FakeRedis, feed: SettledFeed) -> None:
        job = Job()
        waiter = asyncio.create_task(
            wait_settled(feed, "a", seconds=60, is_settled=job, spread=spread)
        )
        await job.was_asked.wait()
        job.away = True
        client.messages.put_nowait(RedisConnectionError("gone"))
        while len(spreads) < 3:  # it was away, and each time looked at again soon
            job.was_asked.clear()
            await job.was_asked.wait()
        assert not waiter.done()
        job.away, job.settled = False, True
        await waiter
        assert set(spreads) == {waiting.AWAY_S}

    with_feed(test)


def test_a_ledger_that_stays_away_is_waited_for_no_longer_than_asked() -> None:
    async def test(_client: FakeRedis, feed: SettledFeed) -> None:
        job = Job()
        job.away = True
        await wait_settled(feed, "a", seconds=0.05, is_settled=job)
        assert job.asked == 2

    with_feed(test)


def test_a_lost_connection_wakes_everybody_and_is_made_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waiting, "RECONNECT_S", 0)

    async def test(client: FakeRedis, feed: SettledFeed) -> None:
        job = Job()
        waiter = asyncio.create_task(wait_settled(feed, "a", seconds=60, is_settled=job))
        await job.was_asked.wait()
        job.settled = True
        client.messages.put_nowait(RedisConnectionError("gone"))
        await waiter
        assert len(client.subscribed) == 2

    with_feed(test)


def test_a_silent_connection_is_asked_once_and_then_made_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waiting, "RECONNECT_S", 0)

    async def test(client: FakeRedis, feed: SettledFeed) -> None:
        job = Job()
        waiter = asyncio.create_task(wait_settled(feed, "a", seconds=60, is_settled=job))
        await job.was_asked.wait()
        client.messages.put_nowait(None)
        client.messages.put_nowait({"data": b""})  # the pong
        client.messages.put_nowait(None)
        job.settled = True
        client.messages.put_nowait(None)
        await waiter
        assert client.pings == 2
        assert len(client.subscribed) == 2

    with_feed(test)


def test_several_may_wait_for_one_job_and_nobody_is_kept_in_mind() -> None:
    async def test(client: FakeRedis, feed: SettledFeed) -> None:
        with feed.event("a") as first, feed.event("a") as second:
            client.settle("a")
            await first.wait()
            await second.wait()
        assert not feed._waiters

    with_feed(test)


def test_what_is_no_id_wakes_nobody() -> None:
    async def test(client: FakeRedis, feed: SettledFeed) -> None:
        with feed.event("a") as event:
            client.messages.put_nowait({"data": b"\xff\x00"})
            client.settle("b")
            client.settle("a")
            await event.wait()

    with_feed(test)
