"""The search for the campaign's secrets in all that it wrote."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from bench.faults.aof import AofDamaged, CommandLog
from bench.faults.evidence import Scanned
from deploy.demo.search import search
from deploy.demo.sources import Source

_TOGETHER: Final = 65_536
_CHUNK: Final = 1_048_576
#: More than a sealed job may take, so that nothing is cut apart.
_OVERLAP: Final = 131_072
_AOF: Final = ".aof"
#: No secret of a campaign is as short as this, in whatever form; and no name is as long as that.
_SHORTEST, _NAME = 24, 200


def scan(secrets: Sequence[str], directories: Iterable[Path], extra: Iterable[Source]) -> Scanned:
    """Look for secrets in every file below the directories, and in what is given besides.

    Raises:
        ValueError: for a secret that is so short that not everything is searched for it.
    """
    if any(len(secret) < _SHORTEST for secret in secrets):
        raise ValueError("a secret that is searched for is too short")
    found = search(secrets, _sources(directories, extra))
    return Scanned(found.places, found.bytes_read, found.hits)


def _sources(directories: Iterable[Path], extra: Iterable[Source]) -> Iterator[Source]:
    yield from extra
    for path in sorted({path for place in directories for path in _files(place)}):
        name = f"file:{path.name}"
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            continue  # a server that runs has removed it
        yield name, path.name.encode()
        yield from ((name, piece) for piece in pieces(data, is_log=path.suffix == _AOF))


def pieces(data: bytes, *, is_log: bool) -> Iterator[bytes]:
    """Part a file: a log of commands into its values, the small ones together."""
    done = 0
    if is_log:
        log = CommandLog(data)
        yield from _together(_values(log))
        done = log.whole
    for start in range(done, len(data), _CHUNK):
        yield data[start : start + _CHUNK + _OVERLAP]


def _values(log: CommandLog) -> Iterator[bytes]:
    """Give what may hold a secret; names and ids, which come again and again, once."""
    seen: set[bytes] = set()
    # What comes after damage is no command: it is searched as it is.
    with suppress(AofDamaged):
        for command in log:
            for value in command:
                if len(value) < _SHORTEST or value in seen:
                    continue
                if len(value) < _NAME:
                    seen.add(value)
                yield value


def _together(values: Iterable[bytes]) -> Iterator[bytes]:
    small: list[bytes] = []
    size = 0
    for value in values:
        small.append(value)
        size += len(value)
        if size > _TOGETHER or len(value) > _NAME:
            yield b"\n".join(small)
            small, size = [], 0
    yield b"\n".join(small)


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
    else:
        yield from (path for path in place.rglob("*") if path.is_file())
