"""`countersign up` as people run it: it comes up, heals, is refused twice, stops on ctrl-C."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local.paths import free_ports
from tests.deploy.test_process import wait_until_gone

pytestmark = pytest.mark.servers

#: Up to six servers and roles, each given seconds of its own.
STOPS_WITHIN = 45.0
PARTS = ["redis", "openbao", "gateway", "dispatcher", "worker"]


class Up:
    """A running `countersign up --json`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.events: list[dict[str, Any]] = []

    def wait_for(self, event: str, part: str) -> dict[str, Any]:
        """Read on until the event of the part."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))
            if (self.events[-1]["event"], self.events[-1]["part"]) == (event, part):
                return self.events[-1]
        pytest.fail(f"ended before {event} of {part}: {self.events}\n{self.errors()}")

    def errors(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.read()

    def interrupt(self) -> tuple[int, float]:
        """Press ctrl-C; give the exit status and how long it took."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=60)
        return self.process.returncode, time.monotonic() - begun


@contextlib.contextmanager
def running(state: Path, broker: str = "redis") -> Iterator[Up]:
    command = [sys.executable, "-m", "deploy.cli.main", "up", "--state", str(state), "--json"]
    command += ["--port", str(free_ports(1)[0]), "--broker", broker]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Up(process)
        finally:
            process.kill()


def children(pid: int) -> dict[str, int]:
    """The parts among a process's children, by the log that each writes to."""
    found = {}
    for child in map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
        with contextlib.suppress(FileNotFoundError):  # it has ended
            found[Path(f"/proc/{child}/fd/1").readlink().stem] = child
    return found


def test_it_comes_up_heals_and_stops(state_directory: Path) -> None:
    state = state_directory
    with running(state) as up:
        told = up.wait_for("up", "countersign")
        assert [e["part"] for e in up.events if e["event"] == "ready"] == ["catalog", *PARTS]
        assert "payments.capture" in told["submit"]
        assert (state / "producers" / "acme" / "key.pem").stat().st_mode & 0o777 == 0o600
        with running(state) as second:
            assert second.process.wait(30) == 1
            assert "is in use" in second.errors()
        for part in ("gateway", "openbao"):
            os.kill(children(up.process.pid)[part], signal.SIGKILL)
            assert up.wait_for("ended", part)["retry_in"] == 1
            up.wait_for("ready", part)
        left = children(up.process.pid)
        status, seconds = up.interrupt()
        assert status == 130
        assert seconds < STOPS_WITHIN
    for pid in left.values():
        wait_until_gone(pid)


def test_a_second_start_goes_on_and_a_killed_supervisor_leaves_nothing(
    state_directory: Path,
) -> None:
    with running(state_directory) as up:
        up.wait_for("up", "countersign")
        left = children(up.process.pid)
        assert sorted(left) == sorted(PARTS)
        up.process.kill()
        up.process.communicate(timeout=30)
    for pid in left.values():
        wait_until_gone(pid)
    key = (state_directory / "producers" / "acme" / "key.pem").read_bytes()
    with running(state_directory) as up:
        up.wait_for("up", "countersign")
        assert up.interrupt()[0] == 130
    assert (state_directory / "producers" / "acme" / "key.pem").read_bytes() == key


@pytest.mark.parametrize("part", ["catalog", *PARTS])
def test_ctrl_c_while_a_part_starts(state_directory: Path, part: str) -> None:
    with running(state_directory) as up:
        up.wait_for("starting", part)
        left = children(up.process.pid)
        status, seconds = up.interrupt()
        assert status == 130
        assert seconds < STOPS_WITHIN
    for pid in left.values():
        wait_until_gone(pid)


def test_with_rabbitmq_it_heals_and_leaves_nothing(state_directory: Path) -> None:
    with running(state_directory, "rabbitmq") as up:
        up.wait_for("up", "countersign")
        parts = [event["part"] for event in up.events if event["event"] == "ready"]
        assert parts == ["catalog", *PARTS[:2], "epmd", "rabbitmq", *PARTS[2:]]
        os.kill(children(up.process.pid)["rabbitmq"], signal.SIGKILL)
        up.wait_for("ended", "rabbitmq")
        up.wait_for("ready", "rabbitmq")
        left = children(up.process.pid)
        assert sorted(left) == sorted([*PARTS, "epmd", "rabbitmq"])
        status, seconds = up.interrupt()
        assert status == 130
        assert seconds < STOPS_WITHIN
    for pid in left.values():
        wait_until_gone(pid)
