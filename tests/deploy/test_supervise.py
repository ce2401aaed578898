"""The supervisor: restarts with growing delays, order of stopping, events."""

import json
import os
import select
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from deploy import supervise
from deploy.errors import StackError
from deploy.local.process import Child, Program
from deploy.progress import Progress
from deploy.supervise import LONGEST_DELAY, Part, Supervisor, interruptible, uninterrupted

WAITS = "import signal; signal.pause()"
ENDS = "raise SystemExit(3)"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Stage:
    """A supervisor on a clock of its own, and what it told."""

    def __init__(self, directory: Path) -> None:
        self.clock = Clock()
        self.lines: list[str] = []
        self.supervisor = Supervisor(Progress(True, self.lines.append), self.clock)
        self.children: list[Child] = []
        self._log = directory / "log"

    def part(self, name: str, code: str, *, server: bool = False) -> Part:
        def start() -> Child:
            command = (sys.executable, "-S", "-c", code)
            self.children.append(Child(Program(name, command, {}, self._log)))
            return self.children[-1]

        return Part(name, start, server=server)

    def events(self, event: str) -> list[dict[str, object]]:
        told = [json.loads(line) for line in self.lines]
        return [each for each in told if each["event"] == event]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_a_part_that_dies_is_started_again_after_growing_delays(stage: Stage) -> None:
    stage.supervisor.start(stage.part("a", ENDS))
    for count in range(1, 8):
        while len(stage.events("ended")) < count:
            stage.supervisor.step(5)
        stage.clock.now += LONGEST_DELAY
        stage.supervisor.step(0)
        assert len(stage.children) == count + 1
    delays = [each["retry_in"] for each in stage.events("ended")]
    assert delays[:7] == [1, 2, 4, 8, 16, 30, 30]
    assert {each["status"] for each in stage.events("ended")} == {3}
    stage.supervisor.stop()


def test_before_the_delay_is_over_nothing_is_started(stage: Stage) -> None:
    stage.supervisor.start(stage.part("a", ENDS))
    while not stage.events("ended"):
        stage.supervisor.step(5)
    stage.clock.now += 0.9
    stage.supervisor.step(0)
    assert len(stage.children) == 1
    stage.clock.now += 0.2
    stage.supervisor.step(0)
    assert len(stage.children) == 2
    stage.supervisor.stop()


def test_what_ran_long_begins_with_the_first_delay(stage: Stage) -> None:
    stage.supervisor.start(stage.part("a", WAITS))
    for _ in range(3):
        stage.clock.now += 61
        told = len(stage.events("ended"))
        os.kill(stage.children[-1].pid, signal.SIGKILL)
        while len(stage.events("ended")) == told:
            stage.supervisor.step(5)
        stage.clock.now += 1
        stage.supervisor.step(0)
    assert [each["retry_in"] for each in stage.events("ended")] == [1, 1, 1]
    assert {each["status"] for each in stage.events("ended")} == {-9}
    assert str(stage.events("ended")[0]["cause"]).startswith("ended by signal 9, see ")
    stage.supervisor.stop()


def test_a_restart_that_fails_is_told_and_tried_again(stage: Stage) -> None:
    part = stage.part("a", ENDS)
    answers = [part.start, _fails, part.start]
    stage.supervisor.start(Part("a", lambda: answers.pop(0)()))
    while not stage.events("ended"):
        stage.supervisor.step(5)
    stage.clock.now += 1
    stage.supervisor.step(0)
    assert [each["cause"] for each in stage.events("failed")] == ["no"]
    stage.clock.now += 2
    stage.supervisor.step(0)
    assert len(stage.children) == 2
    stage.supervisor.stop()


def test_servers_stop_last_and_nothing_is_left(stage: Stage) -> None:
    stage.supervisor.start(stage.part("server", WAITS, server=True))
    stage.supervisor.start(stage.part("a", WAITS))
    stage.supervisor.start(stage.part("b", WAITS))
    stage.supervisor.stop()
    assert [each["part"] for each in stage.events("stopped")] == ["b", "a", "server"]
    assert all(child.status is not None for child in stage.children)


def test_a_first_start_that_fails_is_the_callers_error(stage: Stage) -> None:
    with pytest.raises(StackError, match="no"):
        stage.supervisor.start(Part("a", _fails))
    stage.supervisor.stop()


@pytest.fixture
def raised_again_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Later than a test is over: a second interruption outside of it would end them all."""
    monkeypatch.setattr(supervise, "RAISE_AGAIN", 30.0)


@pytest.mark.usefixtures("raised_again_late")
@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_interrupt_except_where_they_are_held_back(name: signal.Signals) -> None:
    with interruptible(), uninterrupted():
        signal.raise_signal(name)
    with interruptible(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(name)


class Dropped:
    """Something whose end comes while a signal arrives: Python drops what is raised there."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interruption_that_python_drops_comes_again() -> None:
    with interruptible():
        Dropped()
        with pytest.raises(KeyboardInterrupt):
            select.select([], [], [], 30)


@pytest.mark.parametrize("number", [signal.SIGALRM, signal.SIGINT])
def test_an_interruption_that_is_under_way_is_not_interrupted(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervise, "RAISE_AGAIN", 30.0)
    cleaned = []

    def interrupted() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(number)
            with suppress(OSError):
                try:
                    raise OSError
                finally:
                    signal.raise_signal(number)
            cleaned.append("all")

    with interruptible(), pytest.raises(KeyboardInterrupt):
        interrupted()
    assert cleaned == ["all"]


def test_people_read_lines_and_programs_json() -> None:
    lines: list[str] = []
    Progress(False, lines.append).tell("ready", "redis", "0.1 s", seconds=0.1)
    Progress(True, lines.append).tell("ready", "redis", "0.1 s", seconds=0.1)
    assert "redis: 0.1 s" in lines[0]
    assert json.loads(lines[1]) == {"event": "ready", "part": "redis", "seconds": 0.1}


def _fails() -> Child:
    raise StackError("no")
