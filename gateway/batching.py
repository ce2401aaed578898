"""Group commit: what many requests want at the same moment goes out in one call."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeAlias, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_Entry: TypeAlias = tuple[T, asyncio.Future[R]]


class Batcher(Generic[T, R]):
    """Collects items while calls are under way, and sends what has gathered in the next one.

    An item waits for at most one call before its own; without load it goes out alone and at once.
    """

    def __init__(
        self,
        process: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
        *,
        most: int,
        lanes: int,
    ) -> None:
        """`most` items to a call, `lanes` calls at once; `process` answers in order."""
        self._process = process
        self._most = most
        self._lanes = lanes
        self._waiting: deque[_Entry[T, R]] = deque()
        self._busy = 0
        self._tasks: set[asyncio.Task[None]] = set()  # the loop itself holds them weakly

    async def submit(self, item: T) -> R:
        """Give the answer for one item; what `process` raises is raised to all of its batch.

        An item whose caller stopped waiting before it went out does not go out.
        """
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._busy < self._lanes:
            self._busy += 1
            task = asyncio.create_task(self._drain())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await future

    async def _drain(self) -> None:
        try:
            while batch := self._next_batch():
                await self._call(batch)
        finally:
            # With no await since nothing was found: who comes after this starts another lane.
            self._busy -= 1

    def _next_batch(self) -> list[_Entry[T, R]]:
        batch: list[_Entry[T, R]] = []
        while self._waiting and len(batch) < self._most:
            entry = self._waiting.popleft()
            if not entry[1].done():
                batch.append(entry)
        return batch

    async def _call(self, batch: list[_Entry[T, R]]) -> None:
        futures = [future for _, future in batch]
        try:
            answers = await self._process([item for item, _ in batch])
            answered = list(zip(futures, answers, strict=True))
        except Exception as error:  # noqa: BLE001 - handed on to every request of the batch
            for future in futures:
                if not future.done():
                    future.set_exception(error)
            return
        for future, answer in answered:
            if not future.done():
                future.set_result(answer)
