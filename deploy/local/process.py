"""A child process that cannot outlive its parent, logs to a file, and stops within a bound."""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.errors import StackError

_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_LOG_TAIL: Final = 12
_INTERRUPTS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)
_POLL_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True)
class Program:
    """What to run: a name for people, the command, its whole environment, its log."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path


class Child:
    """A running program. Start it from a thread that lives as long as it: the kernel ends the
    child when that thread does.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self._process = _spawn(program)
        self._ended = False

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """The exit status; `None` while it runs."""
        return self._process.poll()

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until `ready` says so.

        Raises:
            StackError: where the process ends before, or the time is over; with the log's end.
        """
        deadline = time.monotonic() + seconds
        while True:
            # Before `ready`, which may be true because it has ended.
            status = self.status
            if ready():
                return
            if status is not None:
                raise StackError(self._failure(f"ended with status {status}"))
            if time.monotonic() > deadline:
                raise StackError(self._failure(f"is not ready after {seconds:g} s"))
            self._pause()

    def terminate(self) -> None:
        """Ask it to stop; does not wait."""
        self._process.terminate()

    def stop(self, seconds: float = 10.0) -> None:
        """Ask it to stop, and end it with its whole group where it does not in time."""
        if self.status is None:
            self.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        self.kill()

    def kill(self) -> None:
        """End the process and what it left in its process group, at once."""
        if self._ended:
            return  # the id may be another process's by now
        self._ended = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def _pause(self) -> None:
        try:
            self._process.wait(_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            return

    def _failure(self, what: str) -> str:
        tail = log_tail(self.program.log)
        return f"{self.program.name} {what}; the end of {self.program.log}:\n{tail}"


@contextlib.contextmanager
def starting(program: Program) -> Iterator[Child]:
    """Start a program, and end it again where what comes next, such as its readiness, fails."""
    child = Child(program)
    try:
        yield child
    except BaseException:
        child.kill()
        raise


def log_tail(path: Path, lines: int = _LOG_TAIL) -> str:
    """The last lines of a log, indented."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 16_384))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return "  (no log)"
    return "\n".join(f"  {line}" for line in text.splitlines()[-lines:]) or "  (empty)"


def _spawn(program: Program) -> subprocess.Popen[bytes]:
    parent = os.getpid()
    # A signal that raises must not hit Python's own hooks around the fork: they drop it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTS)

    def bind_to_parent() -> None:
        # Runs in the child between fork and exec. The second look closes the gap in which the
        # parent may have died before the kernel was told.
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        return _popen(program, bind_to_parent)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _popen(program: Program, in_child: Callable[[], None]) -> subprocess.Popen[bytes]:
    descriptor = os.open(program.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        return subprocess.Popen(  # noqa: S603 - a list, no shell, commands of this package only
            list(program.command),
            env=dict(program.environment),
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=in_child,
        )
    except OSError as error:
        raise StackError(f"cannot run {program.command[0]}: {error.strerror}") from error
    finally:
        os.close(descriptor)
