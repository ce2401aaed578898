"""A queue is wiped when something is in it, at the latest while the workers stand still."""

import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from bench.faults import wipes
from bench.faults.effect import state_of
from bench.faults.wipes import emptied
from tests.servers.marks import wait_until


@pytest.fixture
def worker() -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        yield process.pid
        process.kill()


def system_of(pid: int | None) -> Any:
    return SimpleNamespace(keepers={"worker": SimpleNamespace(pid=pid)})


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wipes, "FILLED_S", 0.1)


def test_it_is_tried_until_something_goes(worker: int) -> None:
    gone = iter([0, 0, 3, 9])
    assert emptied(system_of(worker), lambda: next(gone)) == 3


def test_workers_that_empty_a_queue_at_once_stand_still(worker: int) -> None:
    found = emptied(system_of(worker), lambda: 2 if state_of(worker) == "T" else 0)
    assert found == 2
    wait_until(lambda: state_of(worker) != "T", 10)


def test_where_nothing_is_ever_in_it_nothing_goes() -> None:
    assert emptied(system_of(None), lambda: 0) == 0
