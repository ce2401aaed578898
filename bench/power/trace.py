"""strace's lines as finished system calls: which, when it began and ended, on what, with what.

Read are the lines of `strace -f -ttt -T -y -xx -s N -o FILE`. A call counts from its end: what had
not returned when the power went may not have happened.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

#: As many bytes of each write are kept: a manifest is shorter.
HEAD: Final = 400
CALLS: Final = (
    "openat,write,writev,pwrite64,fdatasync,fsync,ftruncate,"
    "rename,renameat,renameat2,unlink,unlinkat"
)
OPTIONS: Final = (
    *("-f", "-qq", "-ttt", "-T", "-y", "-xx", "-s", str(HEAD), "--seccomp-bpf"),
    *("-e", f"trace={CALLS}", "-e", "signal=none"),
)

_LINE: Final = re.compile(r"(\d+) +(\d+\.\d+) (.*)")
_RESUMED: Final = re.compile(r"<\.\.\. (\w+) resumed>(.*)")
_CALL: Final = re.compile(r"(\w+)\((.*)\) = (-?\d+)(?:<([^>]*)>)?(?: .*)? <(\d+\.\d+)>")
_UNFINISHED: Final = " <unfinished ...>"
_HEX: Final = re.compile(r"(?:\\x[0-9a-f]{2})+")
_QUOTED: Final = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_DESCRIPTOR: Final = re.compile(r"\d+<([^>]*)>")


@dataclass(frozen=True, slots=True)
class Call:
    """One system call that returned without an error.

    Attributes:
        start, end: seconds since the epoch.
        path: of the file descriptor that it was given, or that it gave.
        texts: its quoted arguments, cut to `HEAD` bytes each.
    """

    name: str
    start: float
    end: float
    result: int
    path: str
    texts: tuple[bytes, ...]
    flags: str


def read_calls(lines: Iterable[str]) -> list[Call]:
    """Give all calls that returned without an error, in the order in which they ended."""
    return sorted(_calls(lines), key=lambda call: call.end)


def _calls(lines: Iterable[str]) -> Iterator[Call]:
    begun: dict[str, tuple[str, str]] = {}
    for line in lines:
        found = _LINE.match(line)
        if found is None:
            continue
        thread, at, text = found.groups()
        if text.endswith(_UNFINISHED):
            begun[thread] = (at, text.removesuffix(_UNFINISHED))
            continue
        if resumed := _RESUMED.match(text):
            if thread not in begun:
                continue
            at, first = begun.pop(thread)
            text = first + resumed[2]
        call = _call(float(at), text)
        if call is not None:
            yield call


def _call(at: float, text: str) -> Call | None:
    found = _CALL.fullmatch(text)
    if found is None or int(found[3]) < 0:
        return None
    name, arguments, result, given, took = found.groups()
    descriptor = _DESCRIPTOR.match(arguments)
    path = given if given is not None else descriptor[1] if descriptor else ""
    return Call(
        name=name,
        start=at,
        end=at + float(took),
        result=int(result),
        path=_unescaped(path).decode("utf-8", "replace"),
        texts=tuple(_unescaped(item) for item in _QUOTED.findall(arguments)),
        flags=_QUOTED.sub("", arguments),
    )


def _unescaped(text: str) -> bytes:
    def plain(match: re.Match[str]) -> str:
        return bytes.fromhex(match[0].replace("\\x", "")).decode("latin-1")

    return _HEX.sub(plain, text).encode("latin-1")
