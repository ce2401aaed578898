"""The controls: every bug still has its one place, a copy is what runs, and counts are right."""

import ast
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from bench.faults.checker import RULES, check
from bench.faults.controls.bugs import BUGS, Bug
from bench.faults.controls.directed import DIRECTED
from bench.faults.controls.outcome import Noted, count
from bench.faults.controls.paired import FAULTS, SPAN_S, paired_faults
from bench.faults.controls.site import SHORT, Site
from bench.faults.controls.stock_evidence import stock_evidence
from bench.faults.controls.tree import CannotPlant, Replacement, check_runs, copy_tree, plant
from bench.faults.evidence import Effect, Run
from bench.faults.plan import kinds

ROOT = Path(__file__).parents[3]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    copy_tree(ROOT, tmp_path)
    return tmp_path


def environment(source: Path) -> dict[str, str]:
    return {"PYTHONPATH": str(source), "PYTHONSAFEPATH": "1"}


@pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS.keys())
def test_a_bug_has_its_one_place_and_leaves_a_program(bug: Bug) -> None:
    path = ROOT / bug.replacement.path
    ast.parse(bug.replacement.planted(path.read_text("utf-8")))


def test_there_are_enough_bugs_in_each_part() -> None:
    parts = Counter(bug.part for bug in BUGS.values())
    assert parts["ledger"] >= 8
    assert parts["dispatcher"] >= 5
    assert parts["worker"] >= 8
    assert parts["gateway"] >= 3


def test_every_directed_campaign_has_a_bug_to_find_and_every_bug_one() -> None:
    assert {bug.directed for bug in BUGS.values()} == set(DIRECTED)


def test_a_bug_names_rules_that_there_are() -> None:
    known = {rule.code for rule in RULES}
    assert [name for name, bug in BUGS.items() if not bug.rules or bug.rules - known] == []


@pytest.mark.parametrize("text", ["", "one", "old old", "new"])
def test_a_text_that_is_not_there_once_is_refused(text: str) -> None:
    with pytest.raises(CannotPlant):
        Replacement("a.py", "old", "new").planted(text)


def test_a_replacement_that_changes_nothing_is_refused() -> None:
    with pytest.raises(CannotPlant):
        Replacement("a.py", "old", "old").planted("old")


def test_a_copy_is_what_runs(copy: Path) -> None:
    check_runs(copy, "signing.ledger.lua", environment(copy))
    marker = Replacement("signing/ledger/lua.py", "from hashlib import sha1", "this is no Python")
    plant(copy, marker)
    with pytest.raises(CannotPlant, match="SyntaxError"):
        check_runs(copy, "signing.ledger.lua", environment(copy))


def test_what_runs_from_elsewhere_is_noticed(copy: Path) -> None:
    with pytest.raises(CannotPlant, match="does not come from the copy"):
        check_runs(copy, "signing.ledger.lua", environment(ROOT))


@pytest.mark.servers
def test_a_planted_bug_is_found_end_to_end(copy: Path) -> None:
    bug = BUGS["a nonce is not kept"]
    plant(copy, bug.replacement)
    site = Site(copy / "site")
    try:
        site.start()
        short = replace(DIRECTED[bug.directed], weights={"quick": 1}, jobs=10, seconds=0.5)
        ran = site.run(short, copy, patience=SHORT)
    finally:
        site.stop()
    assert bug.rules & {item.rule for item in ran.verdict.violations}


def test_the_same_checker_finds_what_stock_celery_lost_and_ran_twice() -> None:
    accepted = {"well": "r-1", "lost": "r-2", "twice": "r-3"}
    runs = [Run("begin", job, ref, 1) for job, ref in accepted.items()]
    runs += [Run("end", job, accepted[job], 1) for job in ("well", "twice")]
    effects = tuple(Effect(job, accepted[job], 1) for job in ("well", "twice"))
    succeeded = frozenset({"well", "twice"})
    once = check(stock_evidence(accepted, succeeded, tuple(runs), effects))
    assert [(item.rule, item.job) for item in once.violations] == [("unsettled", "lost")]
    again = check(stock_evidence(accepted, succeeded, (*runs, runs[2]), effects))
    assert {(item.rule, item.job) for item in again.violations} == {
        ("unsettled", "lost"),
        ("attempt_ran_twice", "twice"),
    }


def test_jobs_are_counted() -> None:
    ran = [("begin", "a", 10), ("end", "a", 20)]
    ran += [
        ("begin", "twice", 10),
        ("end", "twice", 20),
        ("begin", "twice", 90),
        ("end", "twice", 95),
    ]
    ran += [
        ("begin", "lost", 10),
        ("begin", "again", 10),
        ("begin", "again", 30),
        ("end", "again", 40),
    ]
    lines = [Noted("begin" if event == "begin" else "end", job, at) for event, job, at in ran]
    accepted = {"a", "twice", "lost", "again", "never", "stuck", "cancelled"}
    found = count(
        accepted,
        lines,
        {"a": 21, "twice": 21, "again": 41},
        settled={"cancelled"},
        held_by_broker={"stuck"},
    )
    assert (found.accepted, found.ended, found.stuck) == (7, 3, 1)
    assert (found.lost, found.lost_running) == (2, 1)
    assert (found.ran_twice, found.ended_twice, found.ran_after_success) == (2, 1, 1)


def test_both_sides_are_given_the_same_faults() -> None:
    faults = paired_faults(7)
    assert faults == paired_faults(7)
    assert faults != paired_faults(8)
    assert len(faults) == FAULTS
    assert {fault.kind for fault in faults} <= {kind.name for kind in kinds("redis")}
    assert all(0 <= fault.at <= SPAN_S for fault in faults)
