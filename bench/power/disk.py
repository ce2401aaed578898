"""What of a directory's files would be on the disk after a power cut, at any moment of a trace.

Strict, as POSIX has it: bytes are durable once a sync of their file returned that began after they
were written; a name is, once a sync of its directory returned that began after it was given.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import PurePosixPath
from typing import Final

from bench.power.trace import HEAD, Call

SYNCS: Final = frozenset({"fsync", "fdatasync"})
WRITES: Final = frozenset({"write", "writev", "pwrite64"})
RENAMES: Final = frozenset({"rename", "renameat", "renameat2"})
UNLINKS: Final = frozenset({"unlink", "unlinkat"})


@dataclass(frozen=True, slots=True)
class Left:
    """One file as a cut leaves it.

    Attributes:
        name: under which its bytes can be found in what was kept of the run.
        durable, written: its length for certain, and at most.
        head: its first bytes, for files that are written anew under the same name.
    """

    name: str
    durable: int
    written: int
    head: bytes


@dataclass(frozen=True, slots=True)
class Cut:
    """The directory at one moment: its files by the names that are durable, and by all."""

    at: float
    durable: dict[str, Left]
    written: dict[str, Left]

    @property
    def unsynced(self) -> int:
        """Bytes that had been written and may be gone."""
        return sum(left.written - left.durable for left in self.written.values())


@dataclass(slots=True)
class _File:
    name: str
    ends: list[float] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    durable: int = 0
    head: bytes = b""

    @property
    def written(self) -> int:
        return self.lengths[-1] if self.lengths else 0

    def resize(self, at: float, length: int) -> None:
        self.ends.append(at)
        self.lengths.append(length)
        self.durable = min(self.durable, length)

    def synced(self, since: float) -> None:
        before = bisect_right(self.ends, since)
        if before:
            self.durable = min(max(self.durable, self.lengths[before - 1]), self.written)

    def left(self) -> Left:
        return Left(self.name, self.durable, self.written, self.head)


@cache
def _path_of(text: str) -> PurePosixPath:
    """A path of the trace; the same few come again with every call."""
    return PurePosixPath(text)


class Disk:
    """Replays a trace; `directory` is the one whose names count, `cwd` where the program ran."""

    def __init__(self, directory: PurePosixPath, cwd: PurePosixPath) -> None:
        self._directory = directory
        self._cwd = cwd
        self._files: dict[PurePosixPath, _File] = {}
        self._durable: dict[str, _File] = {}

    def cuts(self, calls: Sequence[Call], moments: Sequence[float]) -> Iterator[Cut]:
        """Give the state at each of these moments, the earliest first."""
        waiting = iter(calls)
        call = next(waiting, None)
        for at in sorted(moments):
            while call is not None and call.end <= at:
                self._apply(call)
                call = next(waiting, None)
            yield self._cut(at)

    def _cut(self, at: float) -> Cut:
        return Cut(
            at=at,
            durable={name: file.left() for name, file in self._durable.items()},
            written={name: file.left() for name, file in self._names().items()},
        )

    def _apply(self, call: Call) -> None:
        if call.name == "openat":
            self._open(call)
        elif call.name in WRITES:
            self._write(call)
        elif call.name in SYNCS:
            self._sync(call)
        elif call.name == "ftruncate" and (file := self._files.get(_path_of(call.path))):
            length = re.search(r", (\d+)$", call.flags)
            file.resize(call.end, int(length[1]) if length else 0)
        elif call.name in RENAMES:
            self._rename(*(self._path(text) for text in call.texts))
        elif call.name in UNLINKS:
            self._files.pop(self._path(call.texts[0]), None)

    def _open(self, call: Call) -> None:
        path = _path_of(call.path)
        if "O_CREAT" in call.flags and path not in self._files:
            self._files[path] = _File(path.name)
        elif "O_TRUNC" in call.flags and path in self._files:
            self._files[path].resize(call.end, 0)

    def _write(self, call: Call) -> None:
        file = self._files.get(_path_of(call.path))
        if file is not None:
            if file.written < HEAD:
                file.head = file.head[: file.written] + b"".join(call.texts)
            file.resize(call.end, file.written + call.result)

    def _sync(self, call: Call) -> None:
        path = _path_of(call.path)
        if path == self._directory:
            # One thread makes, renames and removes names here, and waits for this very call.
            self._durable = self._names()
        elif path in self._files:
            self._files[path].synced(call.start)

    def _rename(self, before: PurePosixPath, after: PurePosixPath) -> None:
        file = self._files.pop(before, None)
        if file is not None:
            file.name = after.name
            self._files[after] = file

    def _names(self) -> dict[str, _File]:
        return {p.name: file for p, file in self._files.items() if p.parent == self._directory}

    def _path(self, text: bytes) -> PurePosixPath:
        return self._cwd / text.decode("utf-8", "replace")
