"""The files that a power cut leaves: cut to what was durable, or torn somewhat later."""

from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final, Literal

from bench.power.disk import Cut, Left
from deploy.local.redis_server import MANIFEST

Tail = Literal["strict", "torn", "zeros", "garbage"]
TAILS: Final[tuple[Tail, ...]] = ("strict", "torn", "zeros", "garbage")
#: A file system may have lengthened the file by a block whose bytes it had not written yet.
BLOCK: Final = 4096


@dataclass(frozen=True, slots=True)
class Image:
    """What to write: a cut, and what became of the bytes that had not been synced.

    `strict` cuts each file to its durable length. `torn` has the names as they were written and a
    part of the unsynced bytes. `zeros` and `garbage` have the durable bytes and a tail that nobody
    wrote behind the newest file's.
    """

    cut: Cut
    tail: Tail

    def write(self, kept: Path, directory: Path, random: Random) -> None:
        """Write the files; their bytes are taken out of `kept`."""
        directory.mkdir(mode=0o700, parents=True)
        names = self.cut.written if self.tail == "torn" else self.cut.durable
        newest = newest_file(names)
        for name, left in names.items():
            length = left.durable
            if self.tail == "torn":
                length = random.randint(left.durable, left.written)
            data = _bytes(left, kept)[:length]
            if name == newest:
                data += self._tail(random)
            (directory / name).write_bytes(data)

    def _tail(self, random: Random) -> bytes:
        if self.tail == "zeros":
            return bytes(random.randint(1, BLOCK))
        return random.randbytes(random.randint(1, BLOCK)) if self.tail == "garbage" else b""


def newest_file(names: dict[str, Left]) -> str:
    """The file that the manifest names last: Redis lets this one alone be cut short."""
    if MANIFEST not in names:
        return ""
    lines = names[MANIFEST].head.decode("utf-8", "replace").splitlines()
    return lines[-1].split()[1] if lines else ""


def _bytes(left: Left, kept: Path) -> bytes:
    if left.name.endswith(MANIFEST):
        return left.head  # written anew under one name: the trace has all of it
    path = kept / left.name
    return path.read_bytes() if path.exists() else b""
