"""Redis's append-only files: which there are, and the commands in them.

Redis 7 keeps a base file and increments, named by a manifest. A campaign begins on an empty Redis
that may rewrite but removes nothing (`aof-disable-auto-gc`), so that all that was ever written
stands in the increments. A crash may leave a transaction that is not whole at the end of the last
one; it is cut off before Redis starts again, and nobody was told that it was kept.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

Command = list[bytes]

_ARRAY, _BULK, _COMMENT = b"*"[0], b"$"[0], b"#"[0]
_END: Final = b"\r\n"
_LONGEST_NUMBER: Final = 20


class AofDamaged(Exception):
    """A file is not of its form; `place` is the byte where reading stopped."""

    def __init__(self, what: str, place: int = 0) -> None:
        super().__init__(f"{what}, at byte {place}")
        self.place = place


class _Cut(Exception):
    """The data ends inside of a command."""


class CommandLog:
    """The commands in one file's bytes, in order; `whole` is where the last whole one ends."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.whole = 0

    def __iter__(self) -> Iterator[Command]:
        """Read the commands.

        Raises:
            AofDamaged: where the bytes are something else; not where they just end.
        """
        place, end = 0, len(self._data)
        while place < end:
            try:
                command, place = self._read(place)
            except _Cut:
                return
            self.whole = place
            if command:
                yield command

    def _read(self, place: int) -> tuple[Command, int]:
        data, limit = self._data, len(self._data)
        if data[place] == _COMMENT:  # a time stamp, `#TS:...`
            return [], self._line_end(place, limit) + 2
        count, place = self._number(place, _ARRAY)
        command: Command = []
        find, number = data.find, self._number
        for _ in range(count):
            # Most lengths have one digit or two; all others are read with more care.
            stop = find(_END, place, place + 6)
            digits = data[place + 1 : stop] if stop > 0 and data[place] == _BULK else b""
            size, start = (int(digits), stop + 2) if digits.isdigit() else number(place, _BULK)
            place = start + size + 2
            if place > limit:
                raise _Cut
            if data[place - 2 : place] != _END:
                raise AofDamaged("a value is not as long as it says", start)
            command.append(data[start : place - 2])
        return command, place

    def _number(self, place: int, kind: int) -> tuple[int, int]:
        data = self._data
        if place >= len(data):
            raise _Cut
        if data[place] != kind:
            raise AofDamaged("a command or a value does not begin as it should", place)
        stop = self._line_end(place, place + _LONGEST_NUMBER)
        digits = data[place + 1 : stop]
        if not digits.isdigit():
            raise AofDamaged("a length is no number", place)
        return int(digits), stop + 2

    def _line_end(self, place: int, most: int) -> int:
        stop = self._data.find(_END, place, most)
        if stop >= 0:
            return stop
        if most < len(self._data):
            raise AofDamaged("a line does not end", place)
        raise _Cut


def in_transactions(commands: Iterable[Command]) -> Iterator[Command]:
    """Leave MULTI and EXEC away, and with them what was begun at the end and not executed.

    Raises:
        AofDamaged: for one that begins inside of another: half a script counts there.
    """
    begun: list[Command] | None = None
    for command in commands:
        name = command[0].upper()
        if name == b"MULTI":
            if begun is not None:
                raise AofDamaged("a transaction begins inside of another")
            begun = []
        elif name == b"EXEC":
            yield from begun or ()
            begun = None
        elif begun is None:
            yield command
        else:
            begun.append(command)


def increments(directory: Path) -> tuple[Path, ...]:
    """Give the increments' files in order, those that Redis has rewritten before the others.

    Raises:
        AofDamaged: without a manifest, or where the oldest base holds keys, or an increment is
            missing: then what was written there is not to be read any more.
    """
    named = _named(directory)
    bases = [each for each in named if not each.is_increment]
    found = [each for each in named if each.is_increment]
    if not bases or not is_empty_base(bases[0].path.read_bytes()):
        raise AofDamaged("Redis has removed what it rewrote: set aof-disable-auto-gc")
    if any(after.number != before.number + 1 for before, after in pairwise(found)):
        raise AofDamaged("an increment is missing")
    return tuple(each.path for each in found)


def rewrites(directory: Path) -> int:
    """Give how often Redis has rewritten what it had written, of what it has kept.

    Raises:
        AofDamaged: without a manifest.
    """
    return sum(not each.is_increment for each in _named(directory)) - 1


def written_now(directory: Path) -> Path:
    """Give the increment that Redis appends to.

    Raises:
        AofDamaged: without a manifest, or where there is none.
    """
    files = increments(directory)
    if not files:
        raise AofDamaged("there is no increment")
    return files[-1]


@dataclass(frozen=True, slots=True)
class _Named:
    """A file as the manifest names it."""

    path: Path
    number: int

    @property
    def is_increment(self) -> bool:
        return ".incr." in self.path.name


def _named(directory: Path) -> list[_Named]:
    """Read the manifest; by number, increments and bases each from 1."""
    manifests = sorted(directory.glob("*.manifest"))
    if len(manifests) != 1:
        raise AofDamaged("there is not exactly one manifest")
    lines = manifests[0].read_text("utf-8").splitlines()
    each = (dict(zip(*[iter(line.split())] * 2, strict=False)) for line in lines)
    return sorted(
        (_Named(directory / fields["file"], int(fields["seq"])) for fields in each),
        key=lambda named: named.number,
    )


def is_empty_base(data: bytes) -> bool:
    """Whether an RDB file, or a log of commands, holds no keys: only words about Redis itself."""
    if not data.startswith(b"REDIS"):
        return not data
    place = len(b"REDIS0010")
    while data[place] == 0xFA:
        place = _skip_text(data, _skip_text(data, place + 1))
    return data[place] == 0xFF


def _skip_text(data: bytes, place: int) -> int:
    """Skip a string as RDB writes it: with its length, or as an integer of 1, 2 or 4 bytes."""
    first = data[place]
    if first >> 6 == 0:
        return place + 1 + first
    if first >> 6 == 1:
        return place + 2 + ((first & 0x3F) << 8 | data[place + 1])
    if first in (0xC0, 0xC1, 0xC2):
        return place + 1 + (1 << (first & 3))
    raise AofDamaged("the base file has a string of another form", place)
