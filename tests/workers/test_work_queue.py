"""A work queue handles what gathered, retries what failed, and stops within a bound."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from backends.errors import LedgerUnavailable
from tests.servers.marks import wait_until
from workers.work_queue import WorkQueue

Handle = Callable[[Sequence[int]], None]


class Handler:
    """Writes batches down; fails while it is told to; can be made to wait."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.failing = 0
        self.go = threading.Event()
        self.go.set()

    def __call__(self, batch: Sequence[int]) -> None:
        self.go.wait(10)
        if self.failing > 0:
            self.failing -= 1
            raise LedgerUnavailable("away")
        self.batches.append(list(batch))

    @property
    def handled(self) -> list[int]:
        return [item for batch in self.batches for item in batch]


@pytest.fixture
def handler() -> Handler:
    return Handler()


@pytest.fixture
def queue(handler: Handler) -> Iterator[WorkQueue[int]]:
    made = WorkQueue("numbers", handler, most=3)
    yield made
    made.stop(5)


def test_what_gathers_is_handled_together_in_order(handler: Handler, queue: WorkQueue[int]) -> None:
    for number in range(7):
        queue.put(number)
    queue.start()
    assert queue.stop(5) is True
    assert handler.batches == [[0, 1, 2], [3, 4, 5], [6]]


def test_what_fails_is_tried_again_in_order(handler: Handler, queue: WorkQueue[int]) -> None:
    handler.failing = 3
    for number in range(4):
        queue.put(number)
    queue.start()
    wait_until(lambda: handler.handled == [0, 1, 2, 3])


def test_stopping_goes_on_trying_until_the_time_is_over(
    handler: Handler, queue: WorkQueue[int]
) -> None:
    handler.failing = 3
    queue.put(1)
    queue.start()
    assert queue.stop(10) is True
    assert handler.handled == [1]


def test_what_is_left_over_is_told(handler: Handler, queue: WorkQueue[int]) -> None:
    handler.failing = 10**9
    queue.put(1)
    queue.start()
    began = time.monotonic()
    assert queue.stop(0.3) is False
    assert time.monotonic() - began < 5
    assert handler.handled == []


def test_a_handler_that_hangs_does_not_keep_stop(handler: Handler, queue: WorkQueue[int]) -> None:
    handler.go.clear()
    queue.put(1)
    queue.start()
    assert queue.stop(0.05) is False
    handler.go.set()


def test_a_queue_that_never_started_stops(queue: WorkQueue[int]) -> None:
    assert queue.stop(5) is True


def test_a_queue_that_never_started_tells_of_what_is_left(queue: WorkQueue[int]) -> None:
    queue.put(1)
    assert queue.stop(5) is False


def test_on_idle_is_called_without_work_and_its_failure_is_survived() -> None:
    calls: list[int] = []

    def on_idle() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise LedgerUnavailable("away")

    idle: WorkQueue[int] = WorkQueue("idle", lambda _: None, most=1, idle_s=0.001, on_idle=on_idle)
    idle.start()
    wait_until(lambda: len(calls) > 3)
    assert idle.stop(5) is True


def test_work_waits_for_company_while_more_is_to_come(handler: Handler) -> None:
    gathering = WorkQueue("gathering", handler, most=2, gather_s=30, more_to_come=lambda: True)
    gathering.start()
    gathering.put(1)
    gathering.put(2)
    wait_until(lambda: handler.batches == [[1, 2]])
    gathering.put(3)
    assert gathering.stop(5) is True
    assert handler.batches == [[1, 2], [3]]


def test_work_waits_for_nobody_where_none_comes(handler: Handler) -> None:
    alone = WorkQueue("alone", handler, most=2, gather_s=30)
    alone.start()
    alone.put(1)
    wait_until(lambda: handler.batches == [[1]])
    assert alone.stop(5) is True


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_of_ours_is_told_and_ends_the_thread() -> None:
    told = threading.Event()

    def handle(_: Sequence[int]) -> None:
        raise RuntimeError("a fault")

    queue: WorkQueue[int] = WorkQueue("faulty", handle, most=1, on_fault=told.set)
    queue.start()
    queue.put(1)
    assert told.wait(10)
    assert queue.stop(5.0)
