"""The client's journal: a line is on disk before its writer goes on."""

import os
import threading
from collections import deque
from pathlib import Path

import pytest

from bench.faults.journal import Entry, Journal, read_journal
from tests.servers.marks import wait_until


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    entries = [
        Entry("attempt", "r1", task="faults.quick", kind="quick"),
        Entry("unknown", "r1", status=503, code="ledger_unavailable"),
        Entry("answer", "r1", "j1", 200, state="failed", attempts=0, finished_at="2026"),
    ]
    with Journal(path, lambda: 1_700_000_000_123) as journal:
        for entry in entries:
            journal.write(entry)
    told = read_journal(path)
    assert {entry.at for entry in told} == {"2023-11-14T22:13:20.123Z"}
    assert [(e.event, e.ref, e.job, e.status, e.code, e.attempts) for e in told] == [
        (e.event, e.ref, e.job, e.status, e.code, e.attempts) for e in entries
    ]


def test_a_line_is_on_disk_when_its_writer_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal"
    kept: list[bytes] = []
    fsync = os.fsync

    def noted(file: int) -> None:
        fsync(file)
        kept.append(path.read_bytes())

    monkeypatch.setattr(os, "fsync", noted)
    lacking: list[str] = []
    with Journal(path) as journal:

        def write(name: str) -> None:
            for number in range(40):
                journal.write(Entry("attempt", f"{name}-{number}."))
                if f'"{name}-{number}."'.encode() not in kept[-1]:
                    lacking.append(name)

        threads = [threading.Thread(target=write, args=(str(n),)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert lacking == []
    assert len({entry.ref for entry in read_journal(path)}) == 240


def test_what_cannot_be_kept_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_file: int) -> None:
        raise OSError(28, "no space")

    with Journal(tmp_path / "journal") as journal:
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="no space"):
            journal.write(Entry("attempt", "r1"))
        with pytest.raises(OSError, match="no space"):
            journal.write(Entry("attempt", "r2"))


def test_a_write_that_failed_breaks_the_journal_for_everybody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one line is written two more wait; their write fails, and both writers are told."""
    path = tmp_path / "journal"
    write, calls = os.write, deque[int]()
    begun, both = threading.Event(), threading.Event()

    def full(file: int, data: bytes) -> int:
        calls.append(1)
        if len(calls) == 2:
            raise OSError(28, "no space")
        begun.set()
        assert both.wait(10)
        return write(file, data)

    refused = deque[str]()
    with Journal(path) as journal:
        monkeypatch.setattr(os, "write", full)

        def one(ref: str) -> None:
            try:
                journal.write(Entry("attempt", ref))
            except OSError:
                refused.append(ref)

        writers = [threading.Thread(target=one, args=(ref,)) for ref in ("r0", "r1", "r2")]
        writers[0].start()
        assert begun.wait(10)
        for writer in writers[1:]:
            writer.start()
        wait_until(lambda: len(journal._waiting) == 2, 10)
        both.set()
        for writer in writers:
            writer.join()
        # There is room again; what the journal has lost stays lost, so it keeps nothing more.
        with pytest.raises(OSError, match="no space"):
            journal.write(Entry("attempt", "r3"))
    assert sorted(refused) == ["r1", "r2"]
    assert [entry.ref for entry in read_journal(path)] == ["r0"]


def test_a_last_line_that_is_not_whole_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_bytes(b'{"event": "attempt", "ref": "r1"}\n{"event": "atte')
    assert read_journal(path) == (Entry("attempt", "r1"),)


@pytest.mark.parametrize("line", [b"[]\n", b'{"event": "attempt"}\n', b'{"a": 1}\n', b"{\n"])
def test_what_is_no_entry_is_refused(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "journal"
    path.write_bytes(line)
    with pytest.raises(ValueError, match=r"."):
        read_journal(path)
