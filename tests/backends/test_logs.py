"""Logging: one line a record, UTC, and never what an exception says."""

import json
import logging
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from backends.logs import QUIET, SafeFormatter, configure_logging

CANARY = "canary-in-an-exception"


@pytest.fixture
def restored() -> Iterator[None]:
    """What `configure_logging` changes is as it was afterwards."""
    root = logging.getLogger()
    handlers, level, raising = root.handlers[:], root.level, logging.raiseExceptions
    levels = {name: logging.getLogger(name).level for name in QUIET}
    hooks = sys.excepthook, threading.excepthook
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.raiseExceptions = raising
    sys.excepthook, threading.excepthook = hooks
    for name, was in levels.items():
        logging.getLogger(name).setLevel(was)


def lines(capsys: pytest.CaptureFixture[str]) -> list[Any]:
    """The records on standard error."""
    return [json.loads(line) for line in capsys.readouterr().err.split("\n")[:-1]]


def fail() -> None:
    """Raise an exception that tells something, from another that does."""
    try:
        dict[str, str]()[CANARY]
    except KeyError as error:
        raise ValueError(CANARY) from error


@pytest.mark.usefixtures("restored")
def test_a_record_is_one_json_object_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    logging.getLogger("some.logger").warning("a %s\nof two \u2028 lines, \u00fc", "message")
    [line] = lines(capsys)
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "warning",
        "logger": "some.logger",
        "message": "a message\nof two \u2028 lines, \u00fc",
    }


def test_times_are_utc_with_milliseconds() -> None:
    record = logging.LogRecord("n", logging.INFO, "p", 1, "m", (), None)
    record.created = 1_795_341_600.125
    assert json.loads(SafeFormatter().format(record))["time"] == "2026-11-22T10:00:00.125Z"


@pytest.mark.usefixtures("restored")
def test_an_exceptions_message_never_appears(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    try:
        fail()
    except ValueError:
        logging.getLogger("x").exception("it failed")
    [line] = lines(capsys)
    assert CANARY not in json.dumps(line)
    assert line["exception"].startswith("ValueError from KeyError at ")
    assert line["exception"].endswith(" fail")


@pytest.mark.usefixtures("restored")
def test_causes_in_a_circle_end(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    first, second = ValueError(CANARY), KeyError(CANARY)
    first.__cause__, second.__cause__ = second, first
    logging.getLogger("x").error("it failed", exc_info=first)
    assert lines(capsys)[0]["exception"] == "ValueError from KeyError at "


@pytest.mark.usefixtures("restored")
def test_no_exception_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    logging.getLogger("x").error("it failed", exc_info=(None, None, None))
    assert lines(capsys)[0]["exception"] == ""


@pytest.mark.usefixtures("restored")
def test_arguments_that_do_not_fit_are_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    logging.getLogger("x").error("%d of %s", CANARY)
    [line] = lines(capsys)
    assert line["message"] == "a message and arguments that do not fit together"


@pytest.mark.usefixtures("restored")
def test_an_exception_that_nobody_catches_is_logged_likewise(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging()
    error = ValueError(CANARY)
    sys.excepthook(ValueError, error, None)
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    threading.excepthook(threading.ExceptHookArgs((ValueError, None, None, None)))
    first, second, third = lines(capsys)
    assert first["exception"] == "ValueError at "
    assert second["exception"].startswith("ValueError from KeyError at ")
    assert third["message"] == "interrupted"
    assert CANARY not in json.dumps([first, second, third])


@pytest.mark.usefixtures("restored")
def test_libraries_that_quote_messages_say_no_more_than_warnings(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging()
    for name in QUIET:
        logging.getLogger(name).info("quoted")
        logging.getLogger(f"{name}.part").debug("quoted")
    logging.getLogger("gateway").info("said")
    assert [line["message"] for line in lines(capsys)] == ["said"]
