"""Is the trace of a run the run's files? Only what was under way at the kill may be missing."""

import pytest

from bench.power.run import is_told

TOLD = {"a.base.rdb": 10, "a.incr.aof": 200, "a.manifest": 60}


@pytest.mark.parametrize(
    "there",
    [
        TOLD,
        TOLD | {"a.incr.aof": 201},
        {name: size for name, size in TOLD.items() if name != "a.base.rdb"},
        TOLD | {"temp": 0},
        {"b.base.rdb": 10, "a.incr.aof": 200, "a.manifest": 60},
        {"b.base.rdb": 10, "a.incr.aof": 201, "a.manifest": 60},
    ],
    ids=["nothing", "a write", "an unlink", "a creation", "a rename", "a write and a rename"],
)
def test_one_call_under_way_explains_it(there: dict[str, int]) -> None:
    assert is_told(TOLD, there)


@pytest.mark.parametrize(
    "there",
    [
        {},
        TOLD | {"a.incr.aof": 199},
        TOLD | {"a.incr.aof": 201, "a.manifest": 61},
        TOLD | {"temp": 0, "temp-2": 0},
        {"a.incr.aof": 200},
        {"b.base.rdb": 11, "a.incr.aof": 200, "a.manifest": 60},
    ],
    ids=["all gone", "shorter", "two writes", "two come", "two gone", "another under a new name"],
)
def test_more_is_a_trace_that_missed_something(there: dict[str, int]) -> None:
    assert not is_told(TOLD, there)
