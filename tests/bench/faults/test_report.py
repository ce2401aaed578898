"""What a campaign is told as."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench.faults.checker import RULES, Verdict, check
from bench.faults.report import MOST_TOLD, Campaign, bound, document, text, write
from tests.bench.faults.plants import no_effect
from tests.bench.faults.story import clean_story

CAMPAIGN = Campaign(
    name="faults-quick",
    seed=7,
    broker="redis",
    started_at="2026-11-22T10:00:00.000Z",
    finished_at="2026-11-22T10:02:00.000Z",
    faults={"kill worker": 3, "pause redis": 1},
)


def verdict(*, spoiled: bool) -> Verdict:
    story = clean_story()
    if spoiled:
        no_effect(story, "j-key")
    return check(story.evidence())


def test_a_clean_campaign_is_told_with_its_bound() -> None:
    found = verdict(spoiled=False)
    lines = text(CAMPAIGN, found).splitlines()
    accepted = found.counts.submissions["accepted"]
    assert lines[-1] == "0 violations"
    assert "faults: 4" in lines
    assert "         3  kill worker" in lines
    (lost,) = [line for line in lines if line.split()[:1] == ["lost"]]
    assert f"0 of {accepted} (at most 3/{accepted} = {3 / accepted:.2g} at 95 %)" in lost
    assert [line for line in lines if line.startswith("VIOLATION")] == []


def test_a_violation_is_told_with_job_and_reference() -> None:
    found = verdict(spoiled=True)
    lines = text(CAMPAIGN, found).splitlines()
    assert lines[-1] == "1 violations"
    assert lines[-2] == (
        "VIOLATION effect_missing: job j-key, reference r-key: succeeded, and has no effect"
    )
    (rule,) = [line for line in lines if line.split()[:1] == ["effect_missing"]]
    assert f"1 of {found.counts.jobs['succeeded']}: " in rule


def test_many_violations_are_not_all_told() -> None:
    found = verdict(spoiled=True)
    many = replace(found, violations=found.violations * (MOST_TOLD + 7))
    lines = text(CAMPAIGN, many).splitlines()
    assert sum(line.startswith("VIOLATION") for line in lines) == MOST_TOLD
    assert lines[-2:] == ["and 7 more", f"{MOST_TOLD + 7} violations"]


def test_both_files_are_written(tmp_path: Path) -> None:
    found = verdict(spoiled=True)
    write(tmp_path / "results", CAMPAIGN, found)
    told = json.loads((tmp_path / "results" / "faults-quick.json").read_text("utf-8"))
    assert told == json.loads(json.dumps(document(CAMPAIGN, found)))
    assert told["faults_injected"] == 4
    assert told["rules"].keys() == {rule.code for rule in RULES}
    assert told["rules"]["lost"]["at_most_at_95"] == 3 / found.counts.submissions["accepted"]
    assert told["rules"]["effect_missing"] == {
        "says": "a success has its effect",
        "checked": found.counts.jobs["succeeded"],
        "violations": 1,
        "at_most_at_95": None,
    }
    assert told["violations"][0]["job"] == "j-key"
    assert told["counts"]["runs_per_job"]["2"] == found.counts.runs_per_job[2]
    written = (tmp_path / "results" / "faults-quick.txt").read_text("utf-8")
    assert written == text(CAMPAIGN, found) + "\n"


@pytest.mark.parametrize(
    ("violations", "checked", "share"),
    [(0, 300, 0.01), (0, 2, 1.0), (0, 0, None), (1, 300, None)],
)
def test_the_rule_of_three(violations: int, checked: int, share: float | None) -> None:
    assert bound(violations, checked) == share


def test_what_fails_a_campaign_apart_from_its_rules_is_in_the_report() -> None:
    failed = replace(
        CAMPAIGN, failures=("3 jobs have not settled",), not_counted={"no effect: cut": 2}
    )
    found = verdict(spoiled=False)
    lines = text(failed, found).splitlines()
    assert lines[-2:] == ["FAILED: 3 jobs have not settled", "1 violations"]
    assert "faults that do not count: 2" in lines
    assert document(failed, found)["failures"] == ("3 jobs have not settled",)


def test_a_rule_that_had_nothing_to_look_at_is_not_exercised() -> None:
    found = verdict(spoiled=False)
    (line,) = [x for x in text(CAMPAIGN, found).splitlines() if x.startswith("  lost_unexplained")]
    assert line.split()[1:3] == ["not", "exercised:"]
