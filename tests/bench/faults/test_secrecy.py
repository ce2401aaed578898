"""The search for the campaign's secrets, in files as they are written."""

import zlib
from base64 import b64encode
from pathlib import Path

import pytest

from bench.faults.secrecy import pieces, scan
from signing.ledger.packed import pack
from tests.bench.faults.test_aof import one

CANARY = "canary-" + "0123456789ab" * 2


def planted(value: bytes) -> bytes:
    """A log of commands with a value among many others."""
    others = [one([b"HSET", b"cs:job:%030d" % n, b"state", b"queued"]) for n in range(3000)]
    return b"".join([*others, one([b"SET", b"cs:seal:a", value]), *others])


PAYLOAD = b64encode(b'{"args":{"token":"%s-17"}}' % CANARY.encode())


@pytest.mark.parametrize(
    "value",
    [
        CANARY.encode(),
        PAYLOAD,
        pack(b'{"payloadType":"x","payload":"%s"}' % PAYLOAD),
        b"head" + zlib.compress(CANARY.encode() * 2),
    ],
    ids=["plain", "base64", "packed seal", "zlib"],
)
@pytest.mark.parametrize("name", ["a.1.incr.aof", "worker.log"])
def test_a_secret_is_found(tmp_path: Path, value: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(planted(value))
    found = scan([CANARY], [tmp_path], ())
    assert {hit.split(" ")[0] for hit in found.hits} == {f"file:{name}"}
    assert CANARY not in str(found)
    assert scan(["canary-" + "f" * 24], [tmp_path], ()).hits == ()


def test_what_is_given_besides_and_single_files_are_searched(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_text(CANARY)
    assert scan([CANARY], [path], ()).hits
    assert scan([CANARY], (), [("slowlog", CANARY.encode())]).hits


def test_a_short_secret_is_not_searched_for_in_vain() -> None:
    with pytest.raises(ValueError, match="too short"):
        scan(["short"], (), ())


def test_nothing_of_a_file_is_left_out(tmp_path: Path) -> None:
    data = planted(b"x" * 5000)
    parted = b"".join(pieces(data, is_log=True))
    assert all(b"cs:job:%030d" % n in parted for n in range(0, 3000, 7))
    assert b"x" * 5000 in parted
    damaged = data + b"?" + CANARY.encode()
    assert any(CANARY.encode() in piece for piece in pieces(damaged, is_log=True))
    large = b"y" * 2_000_000 + CANARY.encode()
    assert any(CANARY.encode() in piece for piece in pieces(large, is_log=False))
