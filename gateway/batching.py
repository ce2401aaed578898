"""Group commit: what many requests want at the same moment goes out in one call."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


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
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._running: set[asyncio.Task[None]] = set()

    async def submit(self, item: T) -> R:
        """Give the answer for one item; what `process` raises is raised to all of its batch."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if len(self._running) < self._lanes:
            task = asyncio.create_task(self._drain())
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return await future

    async def _drain(self) -> None:
        while self._waiting:
            batch = self._waiting[: self._most]
            del self._waiting[: self._most]
            await self._call(batch)

    async def _call(self, batch: list[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            answers = await self._process([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 - handed on to every request of the batch
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)
