"""The state directory: private, one stack at a time, ports that stay."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.errors import StackError
from deploy.local.paths import HOST, StackPaths, StackPorts, free_ports, is_free
from deploy.local.redis_acl import queue_keys, render_acl
from deploy.local.stack import choose_ports
from deploy.local.state import locked


@pytest.fixture
def paths(tmp_path: Path) -> StackPaths:
    found = StackPaths(tmp_path / "state")
    found.prepare()
    return found


def test_the_state_directory_is_private(paths: StackPaths) -> None:
    for directory in (paths.state, *paths.state.iterdir()):
        assert directory.stat().st_mode & 0o777 == 0o700


def test_a_state_in_use_is_refused_and_free_again_afterwards(paths: StackPaths) -> None:
    with locked(paths), pytest.raises(StackError, match="is in use"), locked(paths):
        pass
    with locked(paths):
        pass


def test_a_holder_that_is_killed_lets_go(paths: StackPaths) -> None:
    code = (
        "import sys, signal; from pathlib import Path\n"
        "from deploy.local.paths import StackPaths; from deploy.local.state import locked\n"
        "with locked(StackPaths(Path(sys.argv[1]))): print(flush=True); signal.pause()\n"
    )
    command = [sys.executable, "-c", code, str(paths.state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(StackError), locked(paths):
            pass
        holder.kill()
    with locked(paths):
        pass


def test_a_state_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StackError, match="cannot use"), locked(StackPaths(tmp_path / "file")):
        pass


def test_ports_stay_and_a_taken_one_is_replaced(paths: StackPaths) -> None:
    (wanted,) = free_ports(1)
    first = choose_ports(paths, wanted)
    assert first.gateway == wanted
    assert choose_ports(paths, None) == first
    with socket.socket() as taken:
        taken.bind((HOST, first.gateway))
        taken.listen()
        assert not is_free(first.gateway)
        second = choose_ports(paths, None)
        assert second.gateway != first.gateway
        assert (second.redis, second.vault) == (first.redis, first.vault)
        with pytest.raises(StackError, match="is taken"):
            choose_ports(paths, first.gateway)


def test_a_broken_ports_file_is_named(paths: StackPaths) -> None:
    paths.ports.write_text("[]")
    with pytest.raises(StackError, match=r"ports\.json"):
        StackPorts.load(paths.ports)


def test_rules_become_one_line_per_user() -> None:
    rules = "# why\nuser a on #{password:a}\n    +ping\n    ({queues} +llen)\n\nuser b off\n"
    rendered = render_acl(rules, {"a": "secret"}, ["q"])
    lines = rendered.splitlines()
    assert lines[1] == "user b off"
    assert lines[0].startswith("user a on #2bb80d537b1da3e38bd30361aa855686bde0eacd")
    assert lines[0].endswith("+ping (~q ~q\x06\x163 ~q\x06\x166 ~q\x06\x169 +llen)")
    assert queue_keys("q") == ["q", "q\x06\x163", "q\x06\x166", "q\x06\x169"]
