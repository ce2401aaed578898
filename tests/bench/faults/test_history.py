"""Histories of jobs: out of commands as Redis writes them, and out of a real Redis's files."""

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.faults.aof import Command
from bench.faults.history import (
    HistoryReader,
    JobHistory,
    SealedResult,
    read_history,
    ref_in_seal,
    sealed_result,
)
from signing.ledger.lua import OPERATE
from signing.ledger.packed import pack
from tests.ledger.actors import SCRIPTS, Actors
from tests.ledger.jobs import acceptance, job_id
from tests.ledger.quiet import QuietRedis


def envelope(payload: object) -> bytes:
    encoded = b64encode(json.dumps(payload).encode()).decode()
    return json.dumps({"payload": encoded}, separators=(",", ":")).encode()


def seal(ref: object) -> bytes:
    return pack(envelope({"args": {"ref": ref}}))


def hset(job: str, **fields: object) -> Command:
    flat = [part for name, value in fields.items() for part in (name, str(value))]
    return [b"HSET", f"cs:job:{job}".encode(), *(part.encode() for part in flat)]


def read(*commands: Command, database: int = 0) -> dict[str, JobHistory]:
    reader = HistoryReader(database)
    reader.take(commands)
    return {item.job: item for item in reader.history().jobs}


def test_changes_follow_each_other_with_what_was_not_written_kept() -> None:
    jobs = read(
        hset("a", state="queued", attempt=0, due=5, expires=9, max_attempts=3),
        [b"SET", b"cs:seal:a", seal("r-1")],
        [b"HINCRBY", b"cs:job:a", b"published", b"1"],
        hset("a", state="running", attempt=1, started=7),
        [b"HINCRBY", b"cs:job:a", b"max_attempts", b"1"],
        hset("a", state="queued", due=8, error="worker_lost"),
    )
    told = [(c.state, c.attempt, c.due, c.started, c.max_attempts) for c in jobs["a"].changes]
    assert told == [
        ("queued", 0, 5, 0, 3),
        ("running", 1, 5, 7, 3),
        ("running", 1, 5, 7, 4),
        ("queued", 1, 8, 7, 4),
    ]
    assert [c.claims for c in jobs["a"].changes] == [False, True, False, False]
    assert jobs["a"].changes[-1].error == "worker_lost"
    assert (jobs["a"].ref, jobs["a"].expires, jobs["a"].removed) == ("r-1", 9, False)


def test_when_a_job_settled_is_kept() -> None:
    jobs = read(hset("a", state="queued"), hset("a", state="cancelled", finished=8))
    assert [change.finished for change in jobs["a"].changes] == [0, 8]


def test_only_the_ledgers_database_is_read() -> None:
    job = hset("a", state="queued")
    assert read([b"SELECT", b"1"], job) == {}
    assert read([b"SELECT", b"1"], job, [b"SELECT", b"0"], hset("b", state="queued")).keys() == {
        "b"
    }
    assert read([b"SELECT", b"1"], job, database=1).keys() == {"a"}


@pytest.mark.parametrize("name", [b"DEL", b"UNLINK", b"unlink"])
def test_a_record_that_is_deleted_is_told(name: bytes) -> None:
    jobs = read(hset("a", state="queued"), [name, b"cs:seal:a", b"cs:job:a"])
    assert jobs["a"].removed is True


def test_a_seal_that_is_deleted_is_no_record() -> None:
    jobs = read(hset("a", state="queued"), [b"UNLINK", b"cs:seal:a"])
    assert jobs["a"].removed is False


@pytest.mark.parametrize("command", [[b"FLUSHALL"], [b"FLUSHDB"]])
def test_an_emptied_ledger_is_told(command: Command) -> None:
    reader = HistoryReader(0)
    reader.take([command])
    assert reader.history().wiped == 1


def test_the_brokers_database_may_be_emptied() -> None:
    reader = HistoryReader(0)
    reader.take([[b"SELECT", b"1"], [b"FLUSHDB"]])
    assert reader.history().wiped == 0


@pytest.mark.parametrize("packed", [b"", b"{}", seal(7), pack(b"{}"), pack(envelope([]))])
def test_a_seal_without_a_reference_has_none(packed: bytes) -> None:
    assert ref_in_seal(packed) is None


def test_results_are_kept_in_order() -> None:
    good = envelope({"state": "succeeded", "attempt": 2})
    jobs = read([b"SET", b"cs:result:a", b"x", b"PXAT", b"9"], [b"SET", b"cs:result:a", good])
    assert jobs["a"].results == (None, SealedResult("succeeded", 2))
    assert sealed_result(good) == SealedResult("succeeded", 2)


@pytest.fixture
def redis_of_its_own(tmp_path: Path) -> Iterator[QuietRedis]:
    with QuietRedis(tmp_path) as running:
        yield running


@pytest.mark.servers
def test_a_real_ledgers_files_are_read_right(redis_of_its_own: QuietRedis) -> None:
    """Through a kill too: what came after it stands in the same history."""
    servers = redis_of_its_own
    actors = Actors(servers)
    ids = {name: job_id() for name in ("well", "held", "cancelled", "taken")}
    for name, job in ids.items():
        sealed = envelope({"args": {"ref": f"r-{name}"}})
        on_lost = "hold" if name == "held" else "rerun"
        actors.accept(acceptance(actors.now(), job_id=job, seal=sealed, on_lost=on_lost))
    actors.cancel(ids["cancelled"], "acme")
    actors.take_due()
    actors.claim(ids["well"])
    actors.settle(ids["well"], 1, "retry")
    actors.claim(ids["held"])
    actors.settle(ids["held"], 1, "lost")
    servers.redis("superuser", 1).flushdb()
    servers.local.stop_redis(kill=True)
    servers.restore()
    superuser = servers.redis("superuser")
    superuser.script_load(SCRIPTS["settle"].text)
    assert superuser.eval(OPERATE.text, 0, ids["held"], "release", 60_000) == b"held"
    actors.take_due()
    actors.claim(ids["well"])
    actors.settle(ids["well"], 2)

    found = read_history(servers.paths.redis / "appendonlydir")
    jobs = {item.job: item for item in found.jobs}
    assert found.wiped == 0
    assert {name: jobs[job].ref for name, job in ids.items()} == {n: f"r-{n}" for n in ids}
    assert states(jobs[ids["well"]]) == [
        ("queued", 0),
        ("running", 1),
        ("queued", 1),
        ("running", 2),
        ("succeeded", 2),
    ]
    assert states(jobs[ids["held"]]) == [("queued", 0), ("running", 1), ("held", 1), ("queued", 1)]
    assert states(jobs[ids["cancelled"]]) == [("queued", 0), ("cancelled", 0)]
    assert states(jobs[ids["taken"]]) == [("queued", 0)]
    assert jobs[ids["well"]].results == (None,)  # the actors seal nothing that could be read
    claims = [change for change in jobs[ids["well"]].changes if change.claims]
    assert all(0 < c.due <= c.started < jobs[ids["well"]].expires for c in claims)
    assert [c.max_attempts for c in claims] == [3, 3]


def states(item: JobHistory) -> list[tuple[str, int]]:
    return [(c.state, c.attempt) for c in item.changes if "state" in c.wrote]
