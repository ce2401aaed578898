"""Where a secret may not be: Redis with its files and logs, and our processes' logs and /proc."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

from deploy.errors import StackError

#: A name for people, and the bytes.
Source: TypeAlias = tuple[str, bytes]

_READERS: Final[Mapping[bytes, Callable[[Any, bytes], object]]] = {
    b"string": lambda client, key: client.get(key),
    b"hash": lambda client, key: client.hgetall(key),
    b"list": lambda client, key: client.lrange(key, 0, -1),
    b"set": lambda client, key: client.smembers(key),
    b"zset": lambda client, key: client.zrange(key, 0, -1, withscores=True),
    b"stream": lambda client, key: client.xrange(key),
}
_OF_A_PROCESS: Final = ("cmdline", "environ")


def redis_keys(name: str, client: Any) -> Iterator[Source]:
    """Every key of a database with its name and its whole value.

    Raises:
        StackError: where a key is of a type that is not read here.
    """
    for key in client.scan_iter(count=1000):
        kind = client.type(key)
        if kind == b"none":
            continue  # it expired meanwhile
        if kind not in _READERS:
            raise StackError("Redis holds a key of a type that the search does not know")
        yield f"{name}:{printable(key)}", b"\n".join([key, *texts(_READERS[kind](client, key))])


def redis_diagnostics(client: Any) -> Iterator[Source]:
    """What Redis keeps of commands and connections."""
    yield "redis:slowlog", b"\n".join(texts(client.slowlog_get(1000)))
    yield "redis:acl-log", b"\n".join(texts(client.acl_log()))
    yield "redis:clients", b"\n".join(texts(client.client_list()))


def files(directory: Path) -> Iterator[Source]:
    """Every file below a directory."""
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            try:
                yield f"file:{path.relative_to(directory.parent)}", path.read_bytes()
            except FileNotFoundError:
                continue  # a server that runs has removed it


def processes(root: int) -> Iterator[Source]:
    """Arguments and environment of a process and all that descend from it."""
    for pid in descendants(root):
        for part in _OF_A_PROCESS:
            try:
                yield f"process:{pid}/{part}", Path(f"/proc/{pid}/{part}").read_bytes()
            except OSError:
                continue  # it has ended


def descendants(root: int) -> list[int]:
    """A process, its children, and theirs."""
    children: dict[int, list[int]] = {}
    for pid in (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()):
        children.setdefault(_parent(pid), []).append(pid)
    found = [root]
    for pid in found:  # which grows meanwhile
        found.extend(children.get(pid, ()))
    return found


def texts(value: object) -> Iterator[bytes]:
    """The leaves of what a Redis client gives."""
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from texts(name)
            yield from texts(item)
    elif isinstance(value, list | tuple | set):
        for item in value:
            yield from texts(item)
    else:
        yield str(value).encode()


def printable(key: bytes) -> str:
    """A key's name for a terminal."""
    return key.decode("utf-8", "backslashreplace").encode("unicode_escape").decode("ascii")


def _parent(pid: int) -> int:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return 0
    return int(stat.rpartition(")")[2].split()[1])
