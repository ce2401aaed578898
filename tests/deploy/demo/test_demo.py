"""`countersign demo` as people run it: it shows, it can fail, and stopped it leaves nothing."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from deploy.cli import demo as command
from deploy.cli.main import run

pytestmark = pytest.mark.servers

#: Alone on two cores it takes half a minute; here others run beside it.
WITHIN_S = 600.0
STOPS_WITHIN_S = 45.0
USUAL_PORTS = (6379, 6380, 8200, 8201, 8443)


@contextmanager
def running(state: Path) -> Iterator[subprocess.Popen[str]]:
    arguments = [sys.executable, "-m", "deploy.cli.main", "demo", "--state", str(state), "--json"]
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def processes_of(state: Path) -> list[int]:
    """The processes that have the state directory in their arguments or environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                told = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            except OSError:
                continue
            if str(state).encode() in told:
                found.append(int(entry.name))
    return found


def wait_until_gone(state: Path) -> None:
    deadline = time.monotonic() + 10
    while processes_of(state):
        assert time.monotonic() < deadline, processes_of(state)
        time.sleep(0.05)


def test_every_statement_is_true(state_directory: Path) -> None:
    state = state_directory / "demo"
    with running(state) as process:
        output, errors = process.communicate(timeout=WITHIN_S)
    assert process.returncode == 0, output + errors
    events = [json.loads(line) for line in output.splitlines()]
    summary = events[-1]
    assert summary["event"] == "summary"
    assert summary["all_true"] is True
    assert (summary["true"], summary["false"]) == (len(summary["checks"]), 0)
    assert {"accepted", "secrets:after", "attack:replayed", "results"} <= names(summary)
    message = next(event for event in events if event["event"] == "message")
    assert json.loads(message["raw"])["content-type"] == "application/vnd.countersign.dsse+json"
    wait_until_gone(state)
    assert not state.exists()


def names(summary: dict[str, Any]) -> set[str]:
    return {check["name"] for check in summary["checks"]}


def test_it_needs_none_of_the_usual_ports(state_directory: Path) -> None:
    with ExitStack() as taken:
        for port in USUAL_PORTS:
            occupy(port, taken)
        with running(state_directory / "demo") as process:
            output, errors = process.communicate(timeout=WITHIN_S)
    assert process.returncode == 0, output + errors


def occupy(port: int, taken: ExitStack) -> None:
    """Listen on a port; where somebody else does already, it is taken as well."""
    listener = taken.enter_context(socket.socket())
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen()
    except OSError:
        return


def test_a_secret_in_redis_makes_it_fail(
    state_directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def leak(broker: redis.Redis, secrets: Sequence[str]) -> None:
        broker.set("kept-by-mistake", json.dumps({"card": secrets[0]}))

    state = state_directory / "demo"
    assert command.demonstrate(state, as_json=True, leak=leak) is False
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    false = {check["name"]: check["seen"] for check in summary["checks"] if not check["holds"]}
    assert set(false) == {"secrets:queued", "secrets:after"}
    assert "broker:kept-by-mistake (as it is)" in false["secrets:queued"]
    assert not state.exists()


@pytest.mark.parametrize(("all_true", "status"), [(True, 0), (False, 1)])
def test_the_exit_status_says_whether_all_is_true(
    all_true: bool, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "demonstrate", lambda *_args, **_options: all_true)
    with pytest.raises(SystemExit) as ended:
        run(["demo"])
    assert ended.value.code == status


MOMENTS = {
    "the catalog": {"event": "starting", "part": "catalog"},
    "OpenBao starts": {"event": "starting", "part": "openbao"},
    "jobs are submitted": {"event": "act", "number": 2},
    "the search": {"event": "act", "number": 5},
    "the worker starts": {"event": "starting", "part": "worker"},
    "the attack": {"event": "act", "number": 7},
}


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS.keys())
def test_ctrl_c_leaves_nothing(state_directory: Path, moment: dict[str, Any]) -> None:
    state = state_directory / "demo"
    with running(state) as process:
        read_until(process, moment)
        assert processes_of(state)
        assert state.stat().st_mode & 0o777 == 0o700
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode == 130
        assert time.monotonic() - begun < STOPS_WITHIN_S
    wait_until_gone(state)
    assert not state.exists()


def test_a_server_that_ends_is_told(state_directory: Path) -> None:
    state = state_directory / "demo"
    with running(state) as process:
        read_until(process, {"event": "act", "number": 2})
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        for pid in map(int, children.split()):
            with suppress(FileNotFoundError):  # it has ended
                if Path(f"/proc/{pid}/fd/1").readlink().name == "redis.log":
                    os.kill(pid, signal.SIGKILL)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors.startswith("countersign: redis has ended")
    wait_until_gone(state)
    assert not state.exists()


def read_until(process: subprocess.Popen[str], moment: dict[str, Any]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if moment.items() <= json.loads(line).items():
            return
    pytest.fail("it ended before")


def test_a_directory_that_is_there_is_left_alone(
    state_directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (state_directory / "mine").write_text("mine")
    assert run(["demo", "--state", str(state_directory)]) == 1
    assert "is there already" in capsys.readouterr().err
    assert (state_directory / "mine").read_text() == "mine"


def test_the_directory_can_be_kept(state_directory: Path) -> None:
    with command.fresh(state_directory / "kept", keep=True) as paths:
        (paths.state / "log").touch()
    assert (state_directory / "kept" / "log").exists()
