"""The reader of append-only files: what was written is read, and what is not whole is not."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.faults.aof import (
    AofDamaged,
    Command,
    CommandLog,
    in_transactions,
    increments,
    is_empty_base,
    written_now,
)

COMMANDS = st.lists(st.lists(st.binary(max_size=40), min_size=1, max_size=5), max_size=8)


def written(commands: list[Command]) -> bytes:
    return b"".join(one(command) for command in commands)


def one(command: Command) -> bytes:
    values = b"".join(b"$%d\r\n%s\r\n" % (len(value), value) for value in command)
    return b"*%d\r\n" % len(command) + values


@given(COMMANDS)
def test_what_was_written_is_read(commands: list[Command]) -> None:
    log = CommandLog(written(commands))
    assert list(log) == commands
    assert log.whole == len(written(commands))


@given(COMMANDS, st.data())
def test_cut_at_any_byte_the_whole_ones_are_read(
    commands: list[Command], data: st.DataObject
) -> None:
    whole = written(commands)
    cut = data.draw(st.integers(0, len(whole)))
    log = CommandLog(whole[:cut])
    ends = [len(written(commands[: count + 1])) for count in range(len(commands))]
    kept = sum(end <= cut for end in ends)
    assert list(log) == commands[:kept]
    assert log.whole == (ends[kept - 1] if kept else 0)


@given(COMMANDS, st.data())
def test_what_was_cut_off_and_written_on_is_read(
    commands: list[Command], data: st.DataObject
) -> None:
    """As Redis does when it starts after a crash: it cuts its file, and goes on there."""
    whole = written(commands)
    log = CommandLog(whole[: data.draw(st.integers(0, len(whole)))])
    before = list(log)
    assert list(CommandLog(whole[: log.whole] + written(commands))) == before + commands


@pytest.mark.parametrize(
    "data",
    [
        b"SET a b\r\n",
        b"*x\r\n$1\r\na\r\n",
        b"*\r\n$1\r\na\r\n",
        b"*1\r\na\r\n$1\r\na\r\n",
        b"*1\r\n$2\r\na\r\n*1\r\n",
        b"*1\r\n$1\r\naXX*1\r\n$1\r\na\r\n",
        b"*1" + b"0" * 40,
    ],
)
def test_what_is_no_command_is_damage(data: bytes) -> None:
    with pytest.raises(AofDamaged):
        list(CommandLog(data))


def test_time_stamps_are_passed_over() -> None:
    data = b"#TS:1234\r\n" + one([b"PING"]) + b"#TS:1235\r\n"
    assert list(CommandLog(data)) == [[b"PING"]]


def test_a_transaction_counts_once_it_was_executed() -> None:
    commands = [[b"A"], [b"MULTI"], [b"B"], [b"C"], [b"EXEC"], [b"multi"], [b"D"]]
    assert list(in_transactions(commands)) == [[b"A"], [b"B"], [b"C"]]


def test_a_transaction_inside_of_another_is_damage() -> None:
    with pytest.raises(AofDamaged, match="inside of another"):
        list(in_transactions([[b"MULTI"], [b"A"], [b"MULTI"], [b"B"], [b"EXEC"]]))


EMPTY = b"REDIS0010\xfa\x09redis-ver\x067.0.15\xfa\x05ctime\xc2\x01\x02\x03\x04\xff" + bytes(8)


@pytest.mark.parametrize(
    ("data", "empty"),
    [
        (EMPTY, True),
        (b"", True),
        (EMPTY.replace(b"\xff", b"\xfe\x00\xfb\x01\x00"), False),
        (one([b"SET", b"a", b"b"]), False),
    ],
)
def test_a_base_with_keys_is_told_from_an_empty_one(data: bytes, empty: bool) -> None:
    assert is_empty_base(data) is empty


MANIFEST = """\
file a.aof.2.base.rdb seq 2 type b
file a.aof.1.base.rdb seq 1 type h
file a.aof.9.incr.aof seq 9 type h
file a.aof.11.incr.aof seq 11 type i
file a.aof.10.incr.aof seq 10 type i
"""
FULL = EMPTY[:-9] + b"\xfe\x00"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "a.aof.manifest").write_text(MANIFEST)
    (tmp_path / "a.aof.1.base.rdb").write_bytes(EMPTY)
    (tmp_path / "a.aof.2.base.rdb").write_bytes(FULL)
    return tmp_path


def test_increments_are_given_in_their_order_those_that_were_rewritten_too(
    directory: Path,
) -> None:
    assert [path.name for path in increments(directory)] == [
        f"a.aof.{number}.incr.aof" for number in (9, 10, 11)
    ]


def test_the_last_increment_is_written_to(directory: Path) -> None:
    assert written_now(directory) == directory / "a.aof.11.incr.aof"


def _without(line: str) -> Callable[[Path], object]:
    (gone,) = (each for each in MANIFEST.splitlines() if line in each)
    return lambda path: (path / "a.aof.manifest").write_text(MANIFEST.replace(f"{gone}\n", ""))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: (path / "a.aof.manifest").unlink(),
        lambda path: (path / "a.aof.1.base.rdb").write_bytes(FULL),
        _without("1.base"),
        _without("10.incr"),
    ],
    ids=["without a manifest", "not begun empty", "the first was removed", "with a gap"],
)
def test_a_log_that_does_not_hold_all_is_refused(
    directory: Path, spoil: Callable[[Path], object]
) -> None:
    spoil(directory)
    with pytest.raises(AofDamaged):
        increments(directory)
