"""Tasks of the tests' own: each run leaves a mark in a directory, some wait until they are let go.

They run in the worker's process; `marks.py` reads what they leave.
"""

import json
import logging
import os
import time
from pathlib import Path
from typing import Any, Never

from tests.servers.marks import DIRECTORY
from workers import Secret, current_job, job

_log = logging.getLogger(__name__)


def mark(event: str, name: str) -> None:
    """Add one line; O_APPEND keeps lines of several processes whole."""
    current = current_job()
    line = {
        "event": event,
        "name": name,
        "job": current.id,
        "attempt": current.attempt,
        "pid": os.getpid(),
    }
    with (_directory() / "marks").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _directory() -> Path:
    return Path(os.environ[DIRECTORY])


@job("test.mark", queue="fast")
def leave_mark(name: str) -> str:
    """Leave a mark and give its name back."""
    mark("ran", name)
    return name


@job("test.other", queue="fast")
def leave_other_mark(name: str) -> str:
    """Leave a mark under another event, to be told from `test.mark`."""
    mark("other", name)
    return name


@job("test.slow_queue", queue="slow")
def leave_slow_mark(name: str) -> str:
    """Leave a mark, on the slow queue."""
    mark("slow", name)
    return name


def _wait(name: str) -> str:
    mark("begun", name)
    while not (_directory() / f"go-{name}").exists():
        time.sleep(0.02)
    mark("ended", name)
    return name


@job("test.wait", queue="fast")
def wait(name: str) -> str:
    """Run until the test says go."""
    return _wait(name)


@job("test.wait_once", queue="fast", max_attempts=1)
def wait_once(name: str) -> str:
    """The same, with one attempt only."""
    return _wait(name)


@job("test.wait_held", queue="fast", on_lost="hold")
def wait_held(name: str) -> str:
    """The same; held where its worker died."""
    return _wait(name)


@job("test.flaky", queue="fast", max_attempts=3, retry_on=(ConnectionError,))
def flaky(name: str, until: int) -> int:
    """Fail in a way that is tried again until this attempt."""
    mark("tried", name)
    if current_job().attempt < until:
        raise ConnectionError
    return current_job().attempt


@job("test.stubborn", queue="slow", max_attempts=1, soft_time_limit=1, time_limit=2)
def stubborn(name: str) -> Never:
    """Take no notice of the soft limit."""
    mark("begun", name)
    while True:
        try:
            time.sleep(0.05)
        except Exception:  # noqa: BLE001, S112 - this is what is tested
            continue


@job("test.soft", queue="slow", max_attempts=1, soft_time_limit=1, time_limit=20)
def soft(name: str) -> Never:
    """Run into the soft limit."""
    mark("begun", name)
    while True:
        time.sleep(0.05)


@job("test.leak", queue="fast", max_attempts=1)
def leak(token: Secret[str], note: str = "") -> Any:
    """Do all that one must not do with a secret, and give it back in several forms."""
    value = token.reveal()
    _log.warning("token %s", token)
    return {"whole": value, "inside": f"<{value}>", "note": note, "list": [value, 1]}


@job("test.leak_error", queue="fast", max_attempts=1)
def leak_error(token: Secret[str]) -> Never:
    """Raise an error whose message, notes and cause hold the secret."""
    value = token.reveal()
    try:
        raise KeyError(value)  # noqa: TRY301 - the error's cause is what is tested
    except KeyError as error:
        error.add_note(value)
        raise ValueError(f"bad token {value}") from error


@job("test.use", queue="fast")
def use(name: str, token: Secret[str]) -> int:
    """Use a secret: its length shows that it was there."""
    mark("used", name)
    return len(token.reveal())
