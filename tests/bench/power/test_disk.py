"""What a cut leaves, by the order in which calls began and ended."""

from pathlib import PurePosixPath

from bench.power.disk import Cut, Disk
from bench.power.trace import Call

CWD = PurePosixPath("/d")
FILE = "/d/aof/a"


def call(name: str, end: float, path: str = FILE, result: int = 0, **changes: object) -> Call:
    texts = tuple(str(item).encode() for item in changes.pop("texts", ()))  # type: ignore[attr-defined]
    start = float(str(changes.pop("start", end)))
    return Call(name, start, end, result, path, texts, str(changes.pop("flags", "")))


def opened(end: float, path: str = FILE, flags: str = "O_CREAT|O_APPEND") -> Call:
    return call("openat", end, path, flags=flags)


def named(end: float) -> Call:
    return call("fdatasync", end, "/d/aof")


def cut(calls: list[Call], at: float) -> Cut:
    disk = Disk(CWD / "aof", CWD)
    (found,) = disk.cuts(sorted(calls, key=lambda item: item.end), [at])
    return found


def lengths(found: Cut) -> dict[str, tuple[int, int]]:
    return {name: (left.durable, left.written) for name, left in found.durable.items()}


WRITTEN = [opened(1), named(2), call("write", 3, result=10), call("fdatasync", 5, start=4)]


def test_bytes_are_durable_once_their_sync_has_returned() -> None:
    assert lengths(cut(WRITTEN, 4.9)) == {"a": (0, 10)}
    assert lengths(cut(WRITTEN, 5.0)) == {"a": (10, 10)}


def test_a_sync_covers_nothing_that_was_written_after_it_began() -> None:
    calls = [*WRITTEN, call("write", 4.5, result=7)]
    assert lengths(cut(calls, 9)) == {"a": (10, 17)}


def test_a_name_is_durable_once_its_directory_is_synced() -> None:
    calls = [opened(1), call("write", 2, result=3), call("fsync", 3)]
    assert lengths(cut(calls, 9)) == {}
    assert cut(calls, 9).written["a"].durable == 3
    assert lengths(cut([*calls, named(4)], 9)) == {"a": (3, 3)}


def test_a_rename_that_is_not_durable_leaves_the_file_before() -> None:
    texts = ("aof/temp", "aof/a")
    calls = [
        *WRITTEN,
        opened(6, "/d/aof/temp", "O_CREAT|O_TRUNC"),
        call("write", 7, "/d/aof/temp", 2, texts=("new",)),
        call("fsync", 8, "/d/aof/temp"),
        call("rename", 9, "", texts=texts),
    ]
    assert lengths(cut(calls, 9)) == {"a": (10, 10)}
    assert lengths(cut([*calls, named(10)], 10)) == {"a": (2, 2)}
    assert cut([*calls, named(10)], 10).durable["a"].head == b"new"


def test_a_file_that_was_removed_is_there_until_the_directory_is_synced() -> None:
    calls = [*WRITTEN, call("unlink", 6, "", texts=("aof/a",))]
    assert lengths(cut(calls, 6)) == {"a": (10, 10)}
    assert cut(calls, 6).written == {}
    assert lengths(cut([*calls, named(7)], 7)) == {}


def test_cutting_a_file_short_takes_what_was_durable() -> None:
    shorter = call("ftruncate", 6, flags="9</d/aof/a>, 4")
    assert lengths(cut([*WRITTEN, shorter], 6)) == {"a": (4, 4)}


def test_moments_come_in_order_and_count_unsynced_bytes() -> None:
    disk = Disk(CWD / "aof", CWD)
    found = list(disk.cuts(WRITTEN, [9.0, 3.5]))
    assert [(item.at, item.unsynced) for item in found] == [(3.5, 10), (9.0, 0)]
