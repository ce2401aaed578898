"""What a crash tears off a write is cut off whole, before Redis starts from its files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from deploy.errors import StackError
from deploy.local.redis_server import APPEND_ONLY, mend_append_only
from tests.ledger.quiet import QuietRedis

pytestmark = pytest.mark.servers

SCRIPT: Final = "redis.call('SET', KEYS[1], 'x') redis.call('SET', KEYS[2], 'x') return 1"
MULTI: Final = b"*1\r\n$5\r\nMULTI\r\n"
HALF: Final = b"*3\r\n$3\r\nSET\r\n$4\r\nhalf\r\n$1\r\nx\r\n"
EXEC: Final = b"*1\r\n$4\r\nEXEC\r\n"
#: What whoever may write to a queue could put into a message: it reads like whole transactions.
POSING: Final = (b"\r\nEXEC\r\n" + EXEC + HALF) * 600


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[QuietRedis]:
    with QuietRedis(tmp_path / "state") as running:
        yield running


def command(*words: bytes) -> bytes:
    """Give a command as Redis writes it into the file."""
    strings = [b"$%d\r\n%s\r\n" % (len(word), word) for word in words]
    return b"*%d\r\n%s" % (len(words), b"".join(strings))


def newest(server: QuietRedis) -> Path:
    return next((server.paths.redis / APPEND_ONLY).glob("*.incr.aof"))


def restart_after(server: QuietRedis, torn: bytes) -> Any:
    """Kill Redis in the middle of writing these bytes, and start it again."""
    server.local.stop_redis(kill=True)
    with newest(server).open("ab") as file:
        file.write(torn)
    server.restore()
    return server.redis("superuser")


@pytest.mark.parametrize(
    "torn",
    [
        MULTI + HALF + b"*3\r\n$3\r\nSE",
        MULTI + HALF,
        MULTI,
        MULTI[:7],
        bytes(4096),
        b"\xff\x00 no command",
    ],
    ids=["mid-command", "no EXEC", "MULTI alone", "mid-MULTI", "zeros", "garbage"],
)
def test_half_a_script_never_counts_however_often_redis_starts(
    own_redis: QuietRedis, torn: bytes
) -> None:
    own_redis.redis("superuser").eval(SCRIPT, 2, "first", "second")
    size = newest(own_redis).stat().st_size
    client = restart_after(own_redis, torn)
    assert newest(own_redis).stat().st_size == size
    client.eval(SCRIPT, 2, "third", "fourth")
    client = restart_after(own_redis, b"")
    assert sorted(client.keys()) == [b"first", b"fourth", b"second", b"third"]


def test_without_files_there_is_nothing_to_mend(tmp_path: Path) -> None:
    assert mend_append_only(tmp_path / APPEND_ONLY) is False


def test_a_whole_file_is_left_as_it_is(own_redis: QuietRedis) -> None:
    own_redis.redis("superuser").set("kept", "x")
    own_redis.local.stop_redis()
    before = newest(own_redis).read_bytes()
    assert mend_append_only(own_redis.paths.redis / APPEND_ONLY) is False
    assert newest(own_redis).read_bytes() == before


def test_what_is_cut_off_is_kept_and_told(
    own_redis: QuietRedis, caplog: pytest.LogCaptureFixture
) -> None:
    restart_after(own_redis, MULTI + HALF)
    (kept,) = own_redis.paths.redis.glob("torn-*")
    assert kept.read_bytes() == MULTI + HALF
    assert f"{len(MULTI + HALF)} bytes of a torn write were cut off" in caplog.text


PUSH: Final = command(b"LPUSH", b"fast", POSING)
ADD: Final = command(b"XADD", b"quarantine", b"1-1", b"raw", POSING, b"reason", b"malformed")


@pytest.mark.parametrize(
    "torn",
    [
        PUSH[:-2000],
        ADD[:-2000],
        MULTI + HALF + PUSH[:-2000],
        PUSH[:-2000] + bytes(2000),
        PUSH[:-1],
    ],
    ids=["LPUSH", "XADD", "in a transaction", "lengthened by zeros", "all but a byte"],
)
def test_text_in_a_torn_command_is_no_command(own_redis: QuietRedis, torn: bytes) -> None:
    own_redis.redis("superuser").set("kept", "x")
    size = newest(own_redis).stat().st_size
    client = restart_after(own_redis, torn)
    assert newest(own_redis).stat().st_size == size
    assert client.keys() == [b"kept"]


@pytest.mark.parametrize(
    "behind",
    [
        MULTI + HALF + MULTI + HALF + EXEC,
        bytes(4096) + HALF,
        b"\xff\x00\r\n" + HALF,
        bytes(99) + b"\r\n*1\r\n$9999\r\n" + MULTI + HALF + EXEC,
        HALF[:-2] + bytes(2) + PUSH,
        EXEC,
    ],
    ids=[
        "behind a half one",
        "behind zeros",
        "a command of its own",
        "a length that lies",
        "behind a string's wrong end",
        "EXEC alone",
    ],
)
def test_what_is_whole_behind_a_broken_place_is_not_cut_off(
    own_redis: QuietRedis, behind: bytes
) -> None:
    own_redis.local.stop_redis()
    with newest(own_redis).open("ab") as file:
        file.write(behind)
    size = newest(own_redis).stat().st_size
    with pytest.raises(StackError, match=r"whole commands follow(?s:.*)BGREWRITEAOF"):
        own_redis.local.start_redis()
    assert newest(own_redis).stat().st_size == size


def test_without_redis_s_own_tool_it_says_so(
    own_redis: QuietRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(StackError, match="redis-check-aof is missing"):
        mend_append_only(own_redis.paths.redis / APPEND_ONLY)


def test_damage_far_from_the_end_is_not_cut_off(own_redis: QuietRedis) -> None:
    own_redis.local.stop_redis()
    whole = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$2000000\r\n" + bytes(2_000_000) + b"\r\n"
    with newest(own_redis).open("ab") as file:
        file.write(MULTI + HALF + MULTI + whole * 9)
    size = newest(own_redis).stat().st_size
    with pytest.raises(StackError, match="more than one torn write"):
        own_redis.local.start_redis()
    assert newest(own_redis).stat().st_size == size
