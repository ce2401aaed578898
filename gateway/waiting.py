"""Waiting for a job to settle, by the ledger's notification; a lost one costs a few seconds."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any, Final

from redis.exceptions import RedisError

from backends.errors import LedgerUnavailable
from backends.redis_clients import AsyncRedis
from signing.ledger.keys import SETTLED_CHANNEL

MAX_WAIT_S: Final = 60
RECHECK_S: Final = 5.0
RECONNECT_S: Final = 0.5
#: A ledger that is away is looked at again after so long, spread, so that not all ask at once.
AWAY_S: Final = (0.5, 1.5)
#: After so long without a word the connection is asked for one, and given up after as long again.
QUIET_S: Final = 2.0


class SettledFeed:
    """Hears which jobs settled and wakes whoever waits for one of them."""

    def __init__(self, client: AsyncRedis) -> None:
        self._client = client
        self._waiters: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    async def run(self) -> None:
        """Listen until cancelled; after a lost connection, listen again and wake everybody."""
        while True:
            try:
                await self._listen()
            except (RedisError, OSError):
                await asyncio.sleep(RECONNECT_S)

    @contextmanager
    def event(self, job_id: str) -> Any:
        """Give an event that is set whenever the job may have settled."""
        event = asyncio.Event()
        self._waiters[job_id].add(event)
        try:
            yield event
        finally:
            self._waiters[job_id].discard(event)
            if not self._waiters[job_id]:
                del self._waiters[job_id]

    async def _listen(self) -> None:
        async with self._client.pubsub(ignore_subscribe_messages=True) as pubsub:
            await pubsub.subscribe(SETTLED_CHANNEL)
            for job_id in list(self._waiters):
                self._wake(job_id)
            asked = False
            while True:
                message = await pubsub.get_message(timeout=QUIET_S)
                if message is not None:
                    asked = False
                    self._wake(message["data"].decode("ascii", "replace"))
                elif asked:
                    raise TimeoutError
                else:
                    asked = True
                    await pubsub.ping()

    def _wake(self, job_id: str) -> None:
        for event in self._waiters.get(job_id, ()):
            event.set()


async def wait_settled(
    feed: SettledFeed,
    job_id: str,
    *,
    seconds: float,
    is_settled: Callable[[], Any],
    spread: Callable[[float, float], float] = random.uniform,
) -> None:
    """Return once the job has settled or the time is over; `is_settled` reads the ledger.

    A ledger that is away meanwhile has not said that the job settled, so the wait goes on: what
    it is at the end, the caller reads.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    with feed.event(job_id) as event:
        while True:
            try:
                if await is_settled():
                    return
                pause = RECHECK_S
            except LedgerUnavailable:
                pause = spread(*AWAY_S)
            left = deadline - loop.time()
            if left <= 0:
                return
            try:
                await asyncio.wait_for(event.wait(), min(left, pause))
            except TimeoutError:
                continue
            finally:
                event.clear()
