"""Errors that nobody expected are found in the roles' logs; what a line says is not told."""

import json
import logging
from pathlib import Path

import pytest

from backends.logs import SafeFormatter
from bench.faults.logs import EXPECTED, Logged, LoggedError, errors_in, read_logs

#: As billiard prints it where its main process was killed.
BROKEN_PIPE = """Process ForkPoolWorker-1:
Traceback (most recent call last):
  File "/x/billiard/process.py", line 356, in _bootstrap
    self.run()
  File "/x/billiard/connection.py", line 409, in _send
    n = write(self._handle, buf)
        ^^^^^^^^^^^^^^^^^^^^^^^^
BrokenPipeError: [Errno 32] Broken pipe"""
BROKEN = "BrokenPipeError"
EOF = BROKEN_PIPE.replace(BROKEN, "EOFError")


def record(level: str, logger: str, error: Exception | None = None, message: str = "x") -> str:
    info = None if error is None else (type(error), error, None)
    number = logging.getLevelNamesMapping()[level]
    return SafeFormatter().format(logging.LogRecord(logger, number, "", 1, message, (), info))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (record("CRITICAL", "root", KeyError("s3cret"), "uncaught"), ("root", "KeyError")),
        (record("CRITICAL", "root", message="interrupted"), ("root", "a critical record")),
        (record("ERROR", "asyncio", OSError("s3cret")), ("asyncio", "OSError")),
        (record("WARNING", "workers.run", KeyError("s3cret")), ("workers.run", "KeyError")),
        (EOF, ("billiard/connection.py _send", "EOFError")),
        (BROKEN_PIPE.replace("in _send", "in put"), ("billiard/connection.py put", BROKEN)),
        ("Traceback (most recent call last):\nKeyError: 's3cret'", ("", "KeyError")),
        ("Traceback (most recent call last):\n  File", ("", "an exception")),
    ],
    ids=["uncaught", "critical", "asyncio", "key error", "eof", "elsewhere", "raw", "torn"],
)
def test_an_error_that_nobody_expected_is_found(text: str, found: tuple[str, str]) -> None:
    assert list(errors_in(text.splitlines(), "worker-2")) == [found]
    assert "s3cret" not in repr(list(errors_in(text.splitlines(), "worker-2")))


@pytest.mark.parametrize(
    "text",
    [
        BROKEN_PIPE,
        record("WARNING", "workers.run", ValueError("x")),
        record("WARNING", "workers.run", ConnectionError("x")),
        record("WARNING", "gateway.purge"),
        record("ERROR", "workers.request", message="job 1 lost its process: WorkerLostError"),
        "countersign: the ledger's Redis does not serve: ConnectionError",
        '{"torn',
        "[1]",
        '{"a": 1}',
        "",
    ],
    ids=["pipe", "task", "network", "plain", "lost", "refusal", "torn", "list", "other", "empty"],
)
def test_what_is_expected_is_no_error(text: str) -> None:
    assert list(errors_in(text.splitlines(), "worker-2")) == []


def test_other_processes_write_in_the_midst_of_a_traceback() -> None:
    lines = EOF.splitlines()
    lines[3:3] = [record("CRITICAL", "root"), "Traceback (most recent call last):"]
    assert [error for _, error in errors_in(lines, "worker")] == [
        "a critical record",
        "an exception",
        "EOFError",
    ]


def test_nothing_of_our_own_is_expected_but_what_tasks_raise() -> None:
    ours = {where for where, _ in EXPECTED if not where.startswith(("celery", "billiard"))}
    assert ours == {"workers.run"}


def test_the_logs_of_the_roles_are_read_and_no_others(tmp_path: Path) -> None:
    critical = record("CRITICAL", "root")
    for name in ("worker", "redis"):
        (tmp_path / f"{name}.log").write_text(f"{critical}\n{json.dumps({})}\n", "utf-8")
    told = LoggedError("worker", "root", "a critical record")
    assert read_logs([tmp_path, tmp_path / "none"], ["worker", "gateway"]) == Logged(2, (told,))
