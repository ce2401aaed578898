"""Keeping one process of the stack running while faults are done to it."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import requests
from hvac.exceptions import VaultError

from deploy.errors import StackError
from deploy.local.process import Child

LOOK_EVERY_S: Final = 0.1
#: What a killed process leaves in its group goes on so long, past the lease of what it ran.
ORPHANS_S: Final = 8.0
AFTER_FAILURE_S: Final = 0.5
#: How the command line begins what it says as it ends; and what is in a critical record.
_SAYS: Final = "countersign: "
_CRITICAL: Final = '"level": "critical"'
_MOST_WORDS: Final = 400
Start = Callable[[Mapping[str, str]], Child]
T = TypeVar("T")


class NotThere(Exception):
    """The process that a fault is for was not there in time."""


@dataclass(frozen=True, slots=True)
class Exit:
    """A process that has ended by itself or by a fault.

    Attributes:
        at: by the monotonic clock.
        words: what its log says last of why.
        lived_s: for how long it ran.
    """

    part: str
    at: float
    status: int
    words: str = ""
    lived_s: float = 0.0


class Keeper(threading.Thread):
    """Starts a process, and again whenever it has ended and is not held down.

    The process is started in this thread, which lives as long as it.
    """

    def __init__(self, name: str, start: Start) -> None:
        super().__init__(name=f"keeper of {name}", daemon=True)
        self.part = name
        self.started = 0
        self.failures: list[str] = []
        self.exits: list[Exit] = []
        self._start_process = start
        self._extra: dict[str, str] = {}
        self._held = 0
        self._ending = False
        self._changed = threading.Event()
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._orphans: list[tuple[float, Child]] = []
        #: How much of the log is that of processes that have ended.
        self._read = 0
        self._born = 0.0

    @property
    def pid(self) -> int | None:
        """The process's id; `None` while there is none."""
        child = self._child
        return child.pid if child is not None and child.status is None else None

    def run(self) -> None:
        """Go on until `end`; then stop the process."""
        while not self._ending:
            try:
                self._step()
            except Exception as error:  # noqa: BLE001 - without its keeper a part would stay away
                self._failed(error)
            self._changed.wait(LOOK_EVERY_S)
            self._changed.clear()
        self._stop_all()

    def end(self) -> None:
        """Let the thread stop its process and end; `join` waits for it."""
        self._ending = True
        self._changed.set()

    def send(self, number: signal.Signals, *, wait_s: float = 10.0) -> int:
        """Send a signal to the process, waiting for one to be there; give its id.

        Raises:
            NotThere: where there was none.
        """
        pid = self.wait(wait_s)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        return pid

    def wait(self, wait_s: float = 10.0) -> int:
        """Give the process's id once there is one.

        Raises:
            NotThere: where there was none in time.
        """
        return wait_for(lambda: self.pid, wait_s)

    def wait_down(self, wait_s: float = 10.0) -> None:
        """Wait until there is no process.

        Raises:
            NotThere: where one is there still.
        """
        wait_for(lambda: 0 if self.pid is None else None, wait_s)

    def restart(self, *, gently: bool = False, wait_s: float = 10.0) -> None:
        """End the process, so that another is started.

        Raises:
            NotThere: where there was none in time.
        """
        self.send(signal.SIGTERM if gently else signal.SIGKILL, wait_s=wait_s)

    @contextmanager
    def held_down(self) -> Iterator[None]:
        """Start no process inside of this."""
        with self._lock:
            self._held += 1
        try:
            yield
        finally:
            with self._lock:
                self._held -= 1
            self._changed.set()

    @contextmanager
    def changed(self, extra: Mapping[str, str]) -> Iterator[None]:
        """Start processes with more in their environment inside of this."""
        with self._lock:
            self._extra |= extra
        try:
            yield
        finally:
            with self._lock:
                for name in extra:
                    self._extra.pop(name, None)

    def _step(self) -> None:
        for due, child in list(self._orphans):
            if time.monotonic() >= due:
                self._orphans.remove((due, child))
                child.kill()
        current = self._child
        status = None if current is None else current.status
        if current is not None and status is None:
            return
        if current is not None and status is not None:
            at = time.monotonic()
            words, self._read = last_words(current.program.log, self._read)
            self.exits.append(Exit(self.part, at, status, words, at - self._born))
            self._orphans.append((time.monotonic() + ORPHANS_S, current))
            self._child = None
        if not self._held:
            self._begin()

    def _begin(self) -> None:
        with self._lock:
            extra = dict(self._extra)
        try:
            self._child = self._start_process(extra)
            self.started += 1
            self._born = time.monotonic()
        except (StackError, VaultError, requests.RequestException) as error:
            # A fault may hit a start as well: it is tried again.
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        self.failures.append(f"{self.part}: {type(error).__name__}")
        self._changed.wait(AFTER_FAILURE_S)

    def _stop_all(self) -> None:
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._child.pid, signal.SIGCONT)
            self._child.stop(15.0)
        for _, child in self._orphans:
            child.kill()


@contextmanager
def still(pid: int) -> Iterator[None]:
    """Let a process stand still inside of this.

    Raises:
        ProcessLookupError: where there is none.
    """
    descriptor = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(descriptor, signal.SIGSTOP)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(descriptor, signal.SIGCONT)
        os.close(descriptor)


def last_words(log: Path, begin: int) -> tuple[str, int]:
    """What a log says from a place on of why its process ended, and where it ends.

    That is the last line of the command line's own, or of a critical record; what a killed worker
    left running goes on writing after it. Without one, it is the last line.
    """
    try:
        with log.open("rb") as file:
            file.seek(begin)
            data = file.read()
    except OSError:
        return "", begin
    lines = data.decode("utf-8", "replace").splitlines()
    says = (line for line in reversed(lines) if line.startswith(_SAYS) or _CRITICAL in line)
    return next(says, lines[-1] if lines else "")[:_MOST_WORDS], begin + len(data)


def wait_for(look: Callable[[], T | None], seconds: float) -> T:
    """Wait until there is a process, or what belongs to one.

    Raises:
        NotThere: where there was none in time.
    """
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while True:
        found = look()
        if found is not None:
            return found
        if time.monotonic() > deadline:
            raise NotThere
        pause.wait(0.05)


def children_of(pid: int) -> list[int]:
    """The processes that a process has begun and that run."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii")
    except OSError:
        return []
    return [int(word) for word in text.split()]
