"""Group commit: everybody gets the answer to what they asked, and nobody disturbs another."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import LedgerUnavailable
from gateway.batching import Batcher


class Doubler:
    """Answers `2 * n` when it is let; keeps what it was called with and how many ran at once."""

    def __init__(self, *, gated: bool = False) -> None:
        self.calls: list[list[int]] = []
        self.most_at_once = 0
        self._running = 0
        self._gate = asyncio.Event()
        if not gated:
            self._gate.set()

    async def __call__(self, items: Sequence[int]) -> list[int]:
        self.calls.append(list(items))
        self._running += 1
        self.most_at_once = max(self.most_at_once, self._running)
        await self._gate.wait()
        self._running -= 1
        if -1 in items:
            raise LedgerUnavailable("one was -1")
        return [2 * item for item in items]

    def open(self) -> None:
        self._gate.set()


async def settle() -> None:
    """Let every task run until it waits for something that this test decides."""
    for _ in range(20):
        await asyncio.sleep(0)


def test_one_alone_goes_out_at_once() -> None:
    async def run() -> None:
        doubler = Doubler()
        assert await Batcher(doubler, most=10, lanes=1).submit(4) == 8
        assert doubler.calls == [[4]]

    asyncio.run(run())


def test_what_gathers_during_a_call_goes_out_together_in_order() -> None:
    async def run() -> None:
        doubler = Doubler(gated=True)
        batcher = Batcher(doubler, most=3, lanes=1)
        first = asyncio.create_task(batcher.submit(0))
        await settle()
        others = [asyncio.create_task(batcher.submit(n)) for n in range(1, 6)]
        await settle()
        doubler.open()
        assert await asyncio.gather(first, *others) == [0, 2, 4, 6, 8, 10]
        assert doubler.calls == [[0], [1, 2, 3], [4, 5]]

    asyncio.run(run())


def test_lanes_bound_the_calls_at_once() -> None:
    async def run() -> None:
        doubler = Doubler(gated=True)
        batcher = Batcher(doubler, most=1, lanes=2)
        tasks = [asyncio.create_task(batcher.submit(n)) for n in range(9)]
        await settle()
        assert len(doubler.calls) == 2
        doubler.open()
        assert await asyncio.gather(*tasks) == [2 * n for n in range(9)]
        assert doubler.most_at_once == 2

    asyncio.run(run())


def test_an_error_reaches_all_of_its_batch_and_no_other() -> None:
    async def run() -> None:
        doubler = Doubler(gated=True)
        batcher = Batcher(doubler, most=3, lanes=1)
        tasks = [asyncio.create_task(batcher.submit(n)) for n in (7, -1, 1, 2, 3)]
        await settle()
        doubler.open()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(answer) for answer in answers[:3]] == [LedgerUnavailable] * 3
        assert answers[3:] == [4, 6]

    asyncio.run(run())


def test_an_answer_for_fewer_than_were_asked_is_an_error_for_all_of_them() -> None:
    async def run() -> None:
        async def forgetful(items: Sequence[int]) -> list[int]:
            return list(items)[1:]

        batcher = Batcher(forgetful, most=5, lanes=1)
        tasks = [asyncio.create_task(batcher.submit(n)) for n in range(3)]
        answers = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)
        assert [type(answer) for answer in answers] == [ValueError] * 3
        with pytest.raises(ValueError, match="shorter"):
            await batcher.submit(9)

    asyncio.run(run())


def test_who_comes_in_the_moment_the_last_call_ends_is_answered() -> None:
    async def run() -> None:
        doubler = Doubler(gated=True)
        batcher = Batcher(doubler, most=10, lanes=1)
        first = asyncio.create_task(batcher.submit(1))
        await settle()
        doubler.open()  # the lane wakes up, finds nothing more, and ends ...
        second = asyncio.create_task(batcher.submit(2))  # ... in the loop's round of this one
        assert [await asyncio.wait_for(task, 5) for task in (first, second)] == [2, 4]

    asyncio.run(run())


def test_one_who_stops_waiting_does_not_disturb_the_others() -> None:
    async def run() -> None:
        doubler = Doubler(gated=True)
        batcher = Batcher(doubler, most=10, lanes=1)
        tasks = [asyncio.create_task(batcher.submit(n)) for n in range(3)]
        await settle()
        tasks[1].cancel()
        await settle()
        doubler.open()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert (answers[0], answers[2]) == (0, 4)
        assert isinstance(answers[1], asyncio.CancelledError)

    asyncio.run(run())


def test_what_nobody_waits_for_any_more_is_not_sent() -> None:
    """Its request was answered with an error: it would be accepted behind the producer's back."""

    async def run() -> None:
        doubler = Doubler(gated=True)
        batcher = Batcher(doubler, most=2, lanes=1)
        first = asyncio.create_task(batcher.submit(0))
        await settle()
        given_up = [asyncio.create_task(batcher.submit(n)) for n in (1, 2, 3)]
        last = asyncio.create_task(batcher.submit(4))
        await settle()
        for task in given_up:
            task.cancel()
        doubler.open()
        assert [await first, await last] == [0, 8]
        assert doubler.calls == [[0], [4]]
        assert all(task.cancelled() for task in given_up)
        alone = asyncio.create_task(batcher.submit(5))
        assert await alone == 10

    asyncio.run(run())


def test_where_everybody_stopped_waiting_nothing_is_sent() -> None:
    async def run() -> None:
        doubler = Doubler(gated=True)
        batcher = Batcher(doubler, most=2, lanes=1)
        first = asyncio.create_task(batcher.submit(0))
        await settle()
        second = asyncio.create_task(batcher.submit(1))
        await settle()
        second.cancel()
        doubler.open()
        assert await first == 0
        await settle()
        assert doubler.calls == [[0]]

    asyncio.run(run())


@given(
    plan=st.lists(st.tuples(st.integers(-1, 50), st.booleans(), st.booleans()), max_size=40),
    most=st.integers(1, 7),
    lanes=st.integers(1, 3),
)
def test_each_gets_its_own_answer(
    plan: list[tuple[int, bool, bool]], most: int, lanes: int
) -> None:
    """Whoever asks when, whoever gives up, whatever fails: `n` is answered `2 * n` or not at all.

    A plan's step is the number asked for, whether time passes after it, and whether who asked
    gives up.
    """

    async def run() -> None:
        doubler = Doubler(gated=True)
        batcher = Batcher(doubler, most=most, lanes=lanes)
        tasks = []
        for number, (_, pauses, _) in zip((item[0] for item in plan), plan, strict=True):
            tasks.append(asyncio.create_task(batcher.submit(number)))
            if pauses:
                await asyncio.sleep(0)
        await asyncio.sleep(0)
        for task, (_, _, gives_up) in zip(tasks, plan, strict=True):
            if gives_up:
                task.cancel()
        doubler.open()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        failed = {item for call in doubler.calls if -1 in call for item in call}
        for (number, _, gives_up), answer in zip(plan, answers, strict=True):
            if gives_up:
                assert isinstance(answer, asyncio.CancelledError)
            elif isinstance(answer, LedgerUnavailable):
                assert number in failed
            else:
                assert answer == 2 * number
        assert all(len(call) <= most for call in doubler.calls)
        assert doubler.most_at_once <= lanes

    asyncio.run(run())


def test_a_programming_error_reaches_who_waits_too() -> None:
    async def run() -> None:
        async def broken(items: Sequence[int]) -> list[int]:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await Batcher(broken, most=1, lanes=1).submit(1)

    asyncio.run(run())
