"""Child processes: ready, dead early, stubborn, orphaned."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.errors import StackError
from deploy.local.process import Child, Program

STUBBORN = """
import signal, sys, pathlib
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(sys.argv[1]).touch()
signal.pause()
"""


@pytest.fixture
def children() -> Iterator[list[Child]]:
    started: list[Child] = []
    yield started
    for child in started:
        child.kill()


def program(tmp_path: Path, code: str, *arguments: str) -> Program:
    command = (sys.executable, "-c", code, *arguments)
    return Program("sample", command, {"PYTHONUNBUFFERED": "1"}, tmp_path / "sample.log")


def test_an_early_death_is_told_with_the_end_of_its_log(
    tmp_path: Path, children: list[Child]
) -> None:
    code = "import sys; print('a first line'); sys.exit('no such setting')"
    children.append(Child(program(tmp_path, code)))
    with pytest.raises(StackError, match=r"(?s)ended with status 1.*no such setting"):
        children[0].wait_until(lambda: False, 30)
    assert (tmp_path / "sample.log").stat().st_mode & 0o777 == 0o600


def test_a_program_that_ends_between_two_looks_is_asked_once_more(
    tmp_path: Path, children: list[Child]
) -> None:
    child = Child(program(tmp_path, "pass"))
    children.append(child)
    looks: list[int | None] = []

    def has_ended() -> bool:
        looks.append(child.status)
        while child.status is None:  # it ends after this look and before the next of the status
            os.sched_yield()
        return looks[-1] == 0

    child.wait_until(has_ended, 30)
    assert len(looks) <= 2


def test_what_is_not_ready_in_time_is_told(tmp_path: Path, children: list[Child]) -> None:
    children.append(Child(program(tmp_path, "import signal; signal.pause()")))
    with pytest.raises(StackError, match=r"not ready after 0\.1 s"):
        children[0].wait_until(lambda: False, 0.1)


def test_a_stubborn_process_is_ended_within_the_bound(
    tmp_path: Path, children: list[Child]
) -> None:
    flag = tmp_path / "flag"
    children.append(Child(program(tmp_path, STUBBORN, str(flag))))
    children[0].wait_until(flag.exists, 30)
    begun = time.monotonic()
    children[0].stop(0.2)
    assert time.monotonic() - begun < 5
    assert children[0].status == -signal.SIGKILL


def test_stopping_ends_the_whole_process_group(tmp_path: Path, children: list[Child]) -> None:
    flag = tmp_path / "pid"
    code = (
        "import subprocess, sys, pathlib, signal\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])\n"
        "pathlib.Path(sys.argv[1]).write_text(str(p.pid))\n"
        "signal.pause()\n"
    )
    children.append(Child(program(tmp_path, code, str(flag))))
    children[0].wait_until(lambda: flag.exists() and flag.read_text() != "", 30)
    children[0].stop(5)
    wait_until_gone(int(flag.read_text()))


def test_a_child_does_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, signal\n"
        "from pathlib import Path\n"
        "from deploy.local.process import Child, Program\n"
        "sleeper = (sys.executable, '-c', 'import signal; signal.pause()')\n"
        "child = Child(Program('x', sleeper, {}, Path(sys.argv[1])))\n"
        "print(child.pid, flush=True)\n"
        "signal.pause()\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        os.kill(pid, 0)
        parent.kill()
    wait_until_gone(pid)


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = Program("x", ("/nowhere/at-all",), {}, tmp_path / "log")
    with pytest.raises(StackError, match="cannot run /nowhere/at-all"):
        Child(missing)


def wait_until_gone(pid: int) -> None:
    """Wait until a process that is not our child has ended; a zombie has."""
    deadline = time.monotonic() + 10
    while _alive(pid):
        assert time.monotonic() < deadline, f"process {pid} lives on"


def _alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
