"""What is missing is named before a campaign starts."""

from pathlib import Path

import pytest

from bench.faults import tools
from bench.faults.plan import Fault

CLOCK = Fault(0, "clock", "worker", 0.0, 1.0, 3600.0)
KILL = Fault(1, "kill", "worker", 0.0, 1.0, 0.0)


def test_a_library_is_asked_for_where_a_clock_is_moved(tmp_path: Path) -> None:
    assert "libfaketime" not in tools.missing("redis", [KILL], tmp_path)
    assert "apt-get install libfaketime" in tools.missing("redis", [KILL, CLOCK], tmp_path)


def test_servers_are_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tools, "_PATH", str(tmp_path))
    monkeypatch.setattr(tools, "_RABBIT", tmp_path / "rabbitmq-server")
    assert "redis-server is missing" in tools.missing("redis", [])
    assert "rabbitmq-server" not in tools.missing("redis", [])
    assert "rabbitmq-server is missing" in tools.missing("rabbitmq", [])
