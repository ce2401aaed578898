"""Keeping a set of processes running: started in order, started again when they die, stopped."""

import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Final, NoReturn

from deploy.errors import StackError
from deploy.local.process import Child
from deploy.progress import Progress

FIRST_DELAY: Final = 1.0
LONGEST_DELAY: Final = 30.0
#: Who ran this long is well again: its next restart waits the first delay.
WELL_AFTER: Final = 60.0
STOP_SECONDS: Final = 4.0
RAISE_AGAIN: Final = 0.5


@dataclass(frozen=True, slots=True)
class Part:
    """One process: its name and how to start it, which gives it back once it is ready.

    A server is stopped by itself, after everything that was started after it; the others are
    asked to stop all at once.
    """

    name: str
    start: Callable[[], Child]
    server: bool = False


@dataclass(slots=True)
class _State:
    part: Part
    child: Child | None = None
    started: float = 0.0
    delay: float = FIRST_DELAY
    due: float = field(default=0.0)


class Supervisor:
    """Runs parts. Everything happens in the thread that calls; signals end it by an exception."""

    def __init__(self, progress: Progress, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._progress = progress
        self._monotonic = monotonic
        self._states: list[_State] = []

    def start(self, part: Part) -> None:
        """Start a part and wait until it is ready; from now on it is looked after.

        Raises:
            StackError: where it does not start.
        """
        state = _State(part)
        self._states.append(state)
        self._start(state)

    def watch(self) -> NoReturn:
        """Look after the parts until an exception, such as a signal's, ends it."""
        while True:
            self.step(self._wait_seconds())

    def step(self, seconds: float) -> None:
        """Wait at most so long for a part to end, then start what is due."""
        _wait_for_end([s.child for s in self._states if s.child is not None], seconds)
        for state in self._states:
            if state.child is not None and state.child.status is not None:
                self._ended(state)
            if state.child is None and self._monotonic() >= state.due:
                self._restart(state)

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Stop all parts, the last one started first: a server within the bound, the others all
        together within it.
        """
        for state in self._states:
            if state.child is not None and not state.part.server:
                state.child.terminate()
        deadline = self._monotonic() + seconds
        for state in reversed(self._states):
            child, state.child = state.child, None
            if child is not None:
                left = max(0.0, deadline - self._monotonic())
                child.stop(seconds if state.part.server else left)
                self._progress.tell("stopped", state.part.name)

    def _start(self, state: _State) -> None:
        self._progress.tell("starting", state.part.name)
        begun = self._monotonic()
        state.child = state.part.start()
        state.started = self._monotonic()
        took = state.started - begun
        self._progress.tell("ready", state.part.name, f"{took:.1f} s", seconds=round(took, 3))

    def _restart(self, state: _State) -> None:
        try:
            self._start(state)
        except StackError as error:
            self._schedule(state, "failed", error.message, None)

    def _ended(self, state: _State) -> None:
        child = state.child
        if child is None:
            return
        child.kill()  # what it left in its process group
        state.child = None
        if self._monotonic() - state.started >= WELL_AFTER:
            state.delay = FIRST_DELAY
        cause = f"{_cause(child.status)}, see {child.program.log}"
        self._schedule(state, "ended", cause, child.status)

    def _schedule(self, state: _State, event: str, cause: str, status: int | None) -> None:
        text = f"{cause}; starting it again in {state.delay:g} s"
        self._progress.tell(
            event, state.part.name, text, cause=cause, status=status, retry_in=state.delay
        )
        state.due = self._monotonic() + state.delay
        state.delay = min(state.delay * 2, LONGEST_DELAY)

    def _wait_seconds(self) -> float:
        due = [state.due for state in self._states if state.child is None]
        return max(0.0, min(due) - self._monotonic()) if due else LONGEST_DELAY


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM and SIGHUP do what ctrl-C does: raise KeyboardInterrupt in the main thread.

    Python drops an exception that a signal raises inside a finalizer or a fork's hook. So a timer
    raises it again, until `uninterrupted` is entered; but not where one is under way already, whose
    `finally` a second one would end.
    """
    names = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGALRM)
    before = [signal.signal(name, _interrupt) for name in names]
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for name, handler in zip(names, before, strict=True):
            signal.signal(name, handler)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold signals back while something that takes a bounded time is finished."""
    names = (signal.SIGALRM, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    before = [signal.signal(name, signal.SIG_IGN) for name in names]
    signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        yield
    finally:
        for name, handler in zip(names, before, strict=True):
            signal.signal(name, handler)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    signal.setitimer(signal.ITIMER_REAL, RAISE_AGAIN)
    if not _is_interrupted():
        raise KeyboardInterrupt


def _is_interrupted() -> bool:
    error = sys.exception()
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


def _cause(status: int | None) -> str:
    if status is not None and status < 0:
        return f"ended by signal {-status}"
    return f"ended with status {status}"


def _wait_for_end(children: Sequence[Child], seconds: float) -> None:
    descriptors: list[int] = []
    try:
        descriptors.extend(os.pidfd_open(child.pid) for child in children if child.status is None)
        if len(descriptors) == len(children):
            select.select(descriptors, [], [], seconds)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
