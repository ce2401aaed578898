"""Judges a campaign's evidence: pure, so that it can be shown to find what is planted."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from bench.faults.evidence import Evidence
from bench.faults.rules import promises, runs, written
from bench.faults.rules.facts import Facts, Rule

RULES: Final[tuple[Rule, ...]] = (*promises.RULES, *written.RULES, *runs.RULES)


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that was broken; `seen` never holds a secret."""

    rule: str
    job: str | None
    ref: str | None
    seen: str


@dataclass(frozen=True, slots=True)
class Counts:
    """What happened, whether or not it was right; runs are told here and judged nowhere.

    Attributes:
        submissions: what producers were told of their references; unknown ones by what they became.
        refusals: by code.
        jobs: by their final states.
        failures: failed jobs by their error.
        runs_per_job: how many jobs were begun so often.
        secrets_of_no_job: stored for requests that never became jobs; Vault ends them in time.
        moves: how often a job that ran or was held went somewhere else, with the reason.
    """

    submissions: Mapping[str, int]
    refusals: Mapping[str, int]
    jobs: Mapping[str, int]
    failures: Mapping[str, int]
    runs_per_job: Mapping[int, int]
    moves: Mapping[str, int]
    quarantine: Mapping[str, int]
    secrets_of_no_job: int
    torn_lines: int
    commands: int
    searched_places: int
    searched_bytes: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found.

    Attributes:
        checked: for each rule, how many could have broken it.
    """

    violations: tuple[Violation, ...]
    checked: Mapping[str, int]
    counts: Counts = field(repr=False)

    @property
    def broken(self) -> Mapping[str, int]:
        """How often each rule was broken that was."""
        return dict(Counter(item.rule for item in self.violations))


def check(evidence: Evidence) -> Verdict:
    """Hold the evidence to every rule."""
    facts = Facts(evidence)
    found = [Violation(rule.code, *seen) for rule in RULES for seen in rule.broken(facts)]
    return Verdict(
        violations=tuple(found),
        checked={rule.code: rule.checked(facts) for rule in RULES},
        counts=_counts(facts),
    )


def _counts(facts: Facts) -> Counts:
    evidence = facts.evidence
    records = evidence.records.values()
    runs_of = Counter(run.job for run in evidence.runs if run.event == "begin")
    return Counts(
        submissions=_sorted(Counter(_fate(facts, ref) for ref in facts.submissions)),
        refusals=_sorted(Counter(code for sub in facts.submissions.values() for code in sub.codes)),
        jobs=_sorted(Counter(record.state for record in records)),
        failures=_sorted(Counter(r.error for r in records if r.state == "failed")),
        runs_per_job=dict(sorted(Counter(runs_of[job] for job in evidence.records).items())),
        moves=_sorted(_moves(facts)),
        quarantine=_sorted(Counter(evidence.quarantine)),
        secrets_of_no_job=len(evidence.stored - evidence.records.keys()),
        torn_lines=evidence.torn,
        commands=evidence.history.commands,
        searched_places=evidence.scanned.places,
        searched_bytes=evidence.scanned.bytes_read,
    )


def _fate(facts: Facts, ref: str) -> str:
    fate = facts.submissions[ref].fate
    if fate != "unknown":
        return fate
    return "unknown, became a job" if ref in facts.jobs_of else "unknown, became none"


def _moves(facts: Facts) -> Counter[str]:
    moves: Counter[str] = Counter()
    for item in facts.jobs.values():
        for before, after in pairwise(item.changes):
            goes_on = "state" in after.wrote and after.state in ("queued", "held")
            if goes_on and before.state in ("running", "held"):
                moves[f"{before.state} to {after.state}: {after.error or 'no reason'}"] += 1
    return moves


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items()))
