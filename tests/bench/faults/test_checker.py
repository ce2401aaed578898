"""Every rule of the checker: silent on a clean campaign, and red on the fault that it is for."""

from dataclasses import replace

import pytest

from bench.faults.checker import RULES, check
from bench.faults.history import History
from tests.bench.faults.plants import PLANTED, Plant, began_after_the_end, no_effect
from tests.bench.faults.story import Story, clean_story


def broken(story: Story) -> set[str]:
    return {item.rule for item in check(story.evidence()).violations}


def test_a_clean_campaign_breaks_no_rule() -> None:
    assert check(clean_story().evidence()).violations == ()


@pytest.mark.parametrize(("plant", "rules"), PLANTED.values(), ids=PLANTED.keys())
def test_what_is_planted_is_found(plant: Plant, rules: set[str]) -> None:
    story = clean_story()
    plant(story)
    assert broken(story) == rules


@pytest.mark.parametrize("clock_s", [-3600, 0, 3600])
@pytest.mark.parametrize(("at", "excused"), [(99, False), (100, True), (200, True), (201, False)])
def test_a_late_attempt_is_explained_while_the_ledgers_clock_was_moved(
    at: int, excused: bool, clock_s: int
) -> None:
    story = clean_story()
    story.runs = [replace(run, at=at + 1000 * clock_s) for run in reversed(story.runs)]
    story.rest.update(clock_moved=((100, 200),))
    assert broken(story) == (set() if excused else {"begun_too_late"})


HOUR = 3_600_000


@pytest.mark.parametrize("clock", [-HOUR, 0, HOUR])
@pytest.mark.parametrize(("at", "late"), [(2900, False), (3100, False), (3101, True)])
def test_a_worker_whose_clock_was_moved_is_judged_by_the_ledgers(
    at: int, late: bool, clock: int
) -> None:
    story = clean_story()
    story.timed("j-slow", 3, started=3000)
    story.began("j-slow", 1, at + clock)
    assert broken(story) == ({"begun_too_late"} if late else set())


@pytest.mark.parametrize("moved", [3000, 3000 - HOUR, 3000 + HOUR])
def test_what_a_moved_ledger_wrote_makes_no_attempt_late(moved: int) -> None:
    story = clean_story()
    began_after_the_end(story)
    story.rest.update(clock_moved=((moved, moved + 1),))
    assert broken(story) == set()


def test_an_attempt_of_its_own_end_is_late_by_that_too() -> None:
    story = clean_story()
    story.timed("j-key", 2, finished=3000)
    story.began("j-key", 1, 3200)
    assert broken(story) == {"begun_too_late"}


def test_every_rule_is_shown_to_fail() -> None:
    found = {rule for _, rules in PLANTED.values() for rule in rules}
    assert found == {rule.code for rule in RULES}


def test_every_rule_had_something_to_look_at() -> None:
    checked = check(clean_story().evidence()).checked
    # Its faults explain that jobs are lost.
    assert [code for code, count in checked.items() if count <= 0] == ["lost_unexplained"]


def test_a_violation_names_job_and_reference() -> None:
    story = clean_story()
    no_effect(story, "j-key")
    (found,) = check(story.evidence()).violations
    assert (found.rule, found.job, found.ref) == ("effect_missing", "j-key", "r-key")


def test_what_happened_is_counted() -> None:
    counts = check(clean_story().evidence()).counts
    assert counts.submissions == {
        "accepted": 9,
        "refused": 1,
        "unknown, became a job": 2,
        "unknown, became none": 2,
    }
    assert counts.jobs == {"cancelled": 1, "expired": 1, "failed": 2, "succeeded": 7}
    assert counts.failures == {"task_error": 1, "worker_lost": 1}
    assert counts.runs_per_job == {0: 2, 1: 6, 2: 3}
    assert counts.moves == {
        "held to queued: worker_lost": 1,
        "running to held: worker_lost": 1,
        "running to queued: task_error": 1,
        "running to queued: worker_lost": 1,
    }


def test_secrets_of_requests_that_became_no_job_are_counted() -> None:
    story = clean_story()
    story.rest.update(stored=frozenset({"j-of-nobody"}))
    verdict = check(story.evidence())
    assert verdict.violations == ()
    assert verdict.counts.secrets_of_no_job == 1


def test_no_evidence_is_no_violation_and_no_promise() -> None:
    story = Story()
    story.rest.update(history=History(()), quarantine={}, left={})
    verdict = check(story.evidence())
    assert verdict.violations == ()
    assert verdict.checked["lost"] == 0
