"""The sink of the campaign's tasks: an effect happens once, and killed writers spoil nothing."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bench.faults.evidence import Effect, Run
from bench.faults.sink import Sink, read_effects, read_runs


@pytest.fixture
def sink(tmp_path: Path) -> Sink:
    made = Sink(tmp_path)
    made.prepare()
    return made


def test_an_effect_happens_once(sink: Sink) -> None:
    with ThreadPoolExecutor(8) as threads:
        done = list(threads.map(lambda n: sink.put(Effect("j", "r", n)), range(1, 9)))
    assert done.count(True) == 1
    assert list(read_effects(sink.directory)) == [Effect("j", "r", done.index(True) + 1)]
    assert list((sink.directory / "aside").iterdir()) == []


def test_runs_are_read_in_their_order(sink: Sink) -> None:
    first, second = Effect("j", "r", 1), Effect("j", "r", 2)
    sink.note("begin", first, 0)
    sink.note("begin", second, 0)
    sink.note("end", first, 0)
    found = read_runs(sink.directory)
    assert found.runs == (
        Run("begin", "j", "r", 1),
        Run("begin", "j", "r", 2),
        Run("end", "j", "r", 1),
    )
    assert found.torn == 0


def test_what_a_killed_writer_left_is_told_and_spoils_no_other_line(sink: Sink) -> None:
    with (sink.directory / "runs.log").open("ab") as file:
        file.write(b'\n{"event": "begin", "jo')
    sink.note("begin", Effect("j", "r", 1), 0)
    found = read_runs(sink.directory)
    assert found.runs == (Run("begin", "j", "r", 1),)
    assert found.torn == 1


def test_nothing_ran_yet(sink: Sink) -> None:
    assert read_runs(sink.directory).runs == ()
    assert list(read_effects(sink.directory)) == []


def test_an_effect_that_is_not_whole_is_refused(sink: Sink) -> None:
    (sink.directory / "effects" / "j").write_bytes(b"{")
    with pytest.raises(ValueError, match="not what was linked"):
        list(read_effects(sink.directory))
