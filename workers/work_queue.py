"""A thread that takes whatever has gathered and handles it in one go, again until it succeeded."""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from signing.errors import CountersignError

T = TypeVar("T")

FIRST_BACKOFF_S = 0.05
MAX_BACKOFF_S = 1.0

_log = logging.getLogger(__name__)


class WorkQueue(Generic[T]):
    """Items in order, many to a call; what fails with one of our errors stays and is retried.

    `handle` may be called again with items that it handled before its reply was lost.
    """

    def __init__(
        self,
        name: str,
        handle: Callable[[Sequence[T]], None],
        *,
        most: int,
        idle_s: float | None = None,
        on_idle: Callable[[], None] = lambda: None,
        gather_s: float = 0.0,
        more_to_come: Callable[[], bool] = lambda: False,
        on_fault: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_idle` is called in the same thread at least every `idle_s` seconds, busy or not.

        While `more_to_come`, a call waits `gather_s` for company: without load nothing waits.
        `on_fault` is called where `handle` raises what is no error of ours; the thread ends then.
        """
        self._name = name
        self._handle = handle
        self._most = most
        self._idle_s = idle_s
        self._on_idle = on_idle
        self._gather_s = gather_s
        self._more_to_come = more_to_come
        self._on_fault = on_fault
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._stop_at = math.inf
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def put(self, item: T) -> None:
        """Add one item; from any thread."""
        with self._changed:
            self._items.append(item)
            self._changed.notify()

    def stop(self, timeout_s: float) -> bool:
        """Handle what is left, for at most `timeout_s`; tell whether nothing is left."""
        with self._changed:
            self._stop_at = time.monotonic() + timeout_s
            self._changed.notify()
        if self._thread.ident is not None:  # else it was never started
            self._thread.join(timeout_s)
        return not self._thread.is_alive() and not self._items

    def _run(self) -> None:
        backoff = FIRST_BACKOFF_S
        while True:
            batch = self._take()
            if batch is None:
                return
            try:
                self._on_idle()
                if batch:
                    self._handle(batch)
                backoff = FIRST_BACKOFF_S
            except CountersignError as error:
                _log.warning("%s waits: %s", self._name, error.message)
                with self._changed:
                    self._items.extendleft(reversed(batch))
                    if time.monotonic() + backoff > self._stop_at:
                        return
                    self._wait_to_retry(backoff)
                backoff = min(backoff * 2, MAX_BACKOFF_S)
            except Exception as error:
                # A fault of ours. Going on without this thread would hold jobs for ever: the
                # worker ends instead, is started again, and leases bring its jobs back.
                _log.critical("%s ended: %s", self._name, type(error).__name__, exc_info=error)
                self._on_fault()
                raise

    def _wait_to_retry(self, backoff: float) -> None:
        """Wait; being told to stop ends it, once."""
        told = self._is_stopping()
        self._changed.wait_for(lambda: self._is_stopping() and not told, backoff)

    def _take(self) -> list[T] | None:
        """Wait for items, at most `idle_s`; `None` at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._is_stopping(), self._idle_s)
            if self._is_stopping() and not self._items:
                return None
            if self._items and self._gather_s and self._more_to_come():
                self._changed.wait_for(self._is_full, self._gather_s)
            return [self._items.popleft() for _ in range(min(self._most, len(self._items)))]

    def _is_full(self) -> bool:
        return self._is_stopping() or len(self._items) >= self._most

    def _is_stopping(self) -> bool:
        return self._stop_at < math.inf
