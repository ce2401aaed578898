"""The search for the campaign's secrets in all that it wrote."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from bench.faults.aof import AofDamaged, CommandLog
from bench.faults.evidence import Scanned
from deploy.demo.search import search
from deploy.demo.sources import Source
from tests.canary import unwrapped

_TOGETHER: Final = 65_536
_CHUNK: Final = 1_048_576
#: More than a sealed job may take, so that nothing is cut apart.
_OVERLAP: Final = 131_072
_AOF: Final = ".aof"


def scan(secrets: Sequence[str], directories: Iterable[Path], extra: Iterable[Source]) -> Scanned:
    """Look for secrets in every file below the directories, and in what is given besides."""
    found = search(secrets, unwrapped(_sources(directories, extra)))
    return Scanned(found.places, found.bytes_read, found.hits)


def _sources(directories: Iterable[Path], extra: Iterable[Source]) -> Iterator[Source]:
    yield from extra
    for path in sorted({path for place in directories for path in _files(place)}):
        name = f"file:{path.name}"
        data = path.read_bytes()
        yield name, path.name.encode()
        yield from ((name, piece) for piece in pieces(data, is_log=path.suffix == _AOF))


def pieces(data: bytes, *, is_log: bool) -> Iterator[bytes]:
    """Part a file: a log of commands into its commands, the small ones together."""
    done = 0
    if is_log:
        log, small, size = CommandLog(data), list[bytes](), 0
        try:
            for command in log:
                text = b" ".join(command)
                small.append(text)
                size += len(text)
                if size > _TOGETHER or len(text) > 1000:
                    yield b"\n".join(small)
                    small, size = [], 0
        except AofDamaged:
            pass  # what follows is no command: it is searched as it is
        yield b"\n".join(small)
        done = log.whole
    for start in range(done, len(data), _CHUNK):
        yield data[start : start + _CHUNK + _OVERLAP]


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
    else:
        yield from (path for path in place.rglob("*") if path.is_file())
