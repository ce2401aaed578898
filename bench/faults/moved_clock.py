"""Processes with a moved clock: what libfaketime has to be told, and what it leaves behind."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

LIBRARIES: Final = Path("/usr/lib")
#: Where a process keeps the shared memory and the semaphore of its clock, under its process id.
SHARED: Final = Path("/dev/shm")  # noqa: S108 (libfaketime says where)
_LIBRARY: Final = "*/faketime/libfaketime.so.1"
_LEFT: Final = ("faketime_shm_", "sem.faketime_sem_")
#: What Python processes with a moved clock have on their path besides.
_MOVED: Final = Path(__file__).parent / "moved"


def find_libfaketime(libraries: Path = LIBRARIES) -> Path | None:
    """Where it is installed; `None` where it is not."""
    return next(libraries.glob(_LIBRARY), None)


def moved_environment(library: Path, seconds: float, source: Path) -> dict[str, str]:
    """The settings of a process whose clock is moved by so many seconds; `source` is its code."""
    return {
        # libc's malloc in place of Redis's jemalloc, with which libfaketime does not work.
        "LD_PRELOAD": f"{library}:libc.so.6",
        "FAKETIME": f"{seconds:+.0f}",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "PYTHONPATH": f"{_MOVED}:{source}",
    }


def clear_left(shared: Path = SHARED, processes: Path = Path("/proc")) -> None:
    """Remove what processes left that were killed: they could not do it themselves."""
    for path, pid in _of_processes(shared):
        if not (processes / pid).exists():
            path.unlink(missing_ok=True)


def _of_processes(shared: Path) -> Iterator[tuple[Path, str]]:
    for prefix in _LEFT:
        for path in shared.glob(f"{prefix}*"):
            pid = path.name.removeprefix(prefix)
            if pid.isdecimal():
                yield path, pid
