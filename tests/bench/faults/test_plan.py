"""The schedule of faults: the same for a seed, spread out, never two on one target."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.faults.inject import KINDS
from bench.faults.plan import (
    EVERYTHING,
    MOST_AT_ONCE,
    WORKERS,
    Broker,
    Fault,
    counts,
    kinds,
    occupied,
    plan,
)
from bench.faults.system import SHORT

SEEDS = range(12)
WHOLE = (520, 1320.0)
QUICK = (36, 72.0)


def overlapping(faults: Sequence[Fault], fault: Fault) -> list[Fault]:
    """Those that are under way when one begins, itself among them."""
    return [other for other in faults if other.at <= fault.at < other.ends or other is fault]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("count", "span_s"), [WHOLE, QUICK])
def test_a_plan_has_all_kinds_and_keeps_its_bounds(seed: int, count: int, span_s: float) -> None:
    faults = plan(seed, count, span_s)
    assert len(faults) == count
    assert counts(faults).keys() == {kind.name for kind in kinds("redis")}
    assert [fault.at for fault in faults] == sorted(fault.at for fault in faults)
    assert max(fault.ends for fault in faults) <= span_s * 1.25


@pytest.mark.parametrize("seed", SEEDS)
def test_at_most_three_at_once_and_never_two_on_one_target(seed: int) -> None:
    faults = plan(seed, *WHOLE)
    together = [overlapping(faults, fault) for fault in faults]
    assert max(map(len, together)) == MOST_AT_ONCE
    for group in together:
        targets = [target for fault in group for target in occupied(fault.target)]
        assert len(set(targets)) == len(targets)
        assert EVERYTHING not in targets or len(group) == 1


def test_every_sort_of_part_is_killed_in_the_shortest_campaign() -> None:
    for seed in SEEDS:
        killed = {fault.target for fault in plan(seed, *QUICK) if fault.kind == "kill"}
        assert killed >= {"gateway", "dispatcher", "worker", "worker-2 child", "redis", "vault"}


def test_the_whole_campaign_leaves_out_no_target() -> None:
    done = {(fault.kind, fault.target) for fault in plan(20261122, *WHOLE)}
    assert done == {(kind.name, target) for kind in kinds("redis") for target in kind.targets}


def test_the_same_seed_gives_the_same_plan_and_another_one_another() -> None:
    assert plan(7, *QUICK) == plan(7, *QUICK)
    assert plan(7, *QUICK) != plan(8, *QUICK)


@pytest.mark.parametrize(("size", "longest_s"), [(WHOLE, 15.0), (QUICK, 8.0)])
def test_a_pause_of_a_worker_outlasts_its_lease(size: tuple[int, float], longest_s: float) -> None:
    lasting = [
        fault.seconds
        for seed in SEEDS
        for fault in plan(seed, *size, longest_s=longest_s)
        if fault.kind == "pause" and fault.target in WORKERS
    ]
    assert min(lasting) >= float(SHORT["COUNTERSIGN_LEASE_SECONDS"]) + 1.0


@pytest.mark.parametrize("size", [WHOLE, QUICK])
def test_no_fault_is_cut_short_by_the_end(size: tuple[int, float]) -> None:
    least = {kind.name: kind.seconds[0] for kind in kinds("redis")}
    for seed in SEEDS:
        short = [f for f in plan(seed, *size, longest_s=8.0) if f.seconds < least[f.kind]]
        assert short == []


def test_amounts_lie_where_the_kind_says() -> None:
    table = {kind.name: kind for kind in kinds("redis")}
    for fault in plan(3, *WHOLE):
        kind = table[fault.kind]
        if kind.amounts is not None:
            assert fault.amount in kind.amounts
        elif kind.between != (0.0, 0.0):
            assert kind.between[0] <= fault.amount <= kind.between[1]
        else:
            assert 0.0 <= fault.amount < 1.0


def test_only_some_kinds() -> None:
    assert counts(plan(1, 20, 60.0, only=["cut", "kill"])).keys() == {"cut", "kill"}
    with pytest.raises(ValueError, match="no such kind"):
        plan(1, 20, 60.0, only=["cut", "flood"])


@pytest.mark.parametrize("broker", ["redis", "rabbitmq"])
def test_every_kind_can_be_injected(broker: Broker) -> None:
    assert {kind.name for kind in kinds(broker)} <= KINDS.keys()


def test_the_page_names_every_kind() -> None:
    text = (Path(__file__).parents[3] / "docs" / "faults.md").read_text("utf-8")
    named = re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE)
    assert len(named) == len(set(named))
    assert set(named) == {kind.name for kind in kinds("redis")}
