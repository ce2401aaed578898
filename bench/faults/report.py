"""What a campaign is told as: a text for people, JSON for programs, both in `bench/results`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.faults.checker import RULES, Verdict

#: More of them say nothing more.
MOST_TOLD: Final = 50


@dataclass(frozen=True, slots=True)
class Campaign:
    """What was done.

    Attributes:
        name: of the files that the report is written to.
        started_at, finished_at: RFC 3339, UTC.
        faults: how often each was injected and seen, by kind and target.
        not_counted: faults that do not count, by why.
        failures: what fails the campaign apart from a broken rule, a line each.
        notes: whatever else belongs into the report.
    """

    name: str
    seed: int
    broker: str
    started_at: str
    finished_at: str
    faults: Mapping[str, int]
    notes: Mapping[str, Any] = field(default_factory=dict)
    not_counted: Mapping[str, int] = field(default_factory=dict)
    failures: Sequence[str] = ()


def document(campaign: Campaign, verdict: Verdict) -> dict[str, Any]:
    """Give the report as JSON holds it."""
    broken = _by_rule(verdict)
    rules = {
        rule.code: {
            "says": rule.says,
            "checked": verdict.checked[rule.code],
            "violations": broken.get(rule.code, 0),
            "at_most_at_95": bound(broken.get(rule.code, 0), verdict.checked[rule.code]),
        }
        for rule in RULES
    }
    return {
        **asdict(campaign),
        "faults_injected": sum(campaign.faults.values()),
        "counts": asdict(verdict.counts),
        "rules": rules,
        "violations": [asdict(item) for item in verdict.violations],
    }


def text(campaign: Campaign, verdict: Verdict) -> str:
    """Give the report for people; its last line says how many violations there are."""
    return "\n".join(_lines(campaign, verdict))


def write(directory: Path, campaign: Campaign, verdict: Verdict) -> None:
    """Write `<name>.txt` and `<name>.json`."""
    directory.mkdir(parents=True, exist_ok=True)
    told = json.dumps(document(campaign, verdict), indent=2) + "\n"
    (directory / f"{campaign.name}.json").write_text(told, "utf-8")
    (directory / f"{campaign.name}.txt").write_text(text(campaign, verdict) + "\n", "utf-8")


def bound(violations: int, checked: int) -> float | None:
    """Give the share that is not exceeded at 95 %, where none was seen (the rule of three)."""
    return None if violations or not checked else min(1.0, 3 / checked)


def _lines(campaign: Campaign, verdict: Verdict) -> Iterator[str]:
    counts = verdict.counts
    yield f"Fault campaign {campaign.name}, seed {campaign.seed}, broker {campaign.broker}"
    yield f"{campaign.started_at} to {campaign.finished_at}"
    yield from _table(f"faults: {sum(campaign.faults.values())}", campaign.faults)
    not_counted = campaign.not_counted
    yield from _table(f"faults that do not count: {sum(not_counted.values())}", not_counted)
    yield from _table("handed in", counts.submissions)
    yield from _table("refused, by code", counts.refusals)
    yield from _table(f"jobs: {sum(counts.jobs.values())}", counts.jobs)
    yield from _table("failed jobs, by error", counts.failures)
    yield from _table("runs of a job (told, not judged)", counts.runs_per_job)
    yield from _table("attempts that did not end their job", counts.moves)
    yield from _table("quarantined", counts.quarantine)
    yield from _table("notes", campaign.notes)
    yield ""
    if counts.secrets_of_no_job:
        yield f"secrets stored for requests that never became jobs: {counts.secrets_of_no_job}"
    yield (
        f"read: {counts.commands} commands of Redis, {counts.searched_bytes} bytes in "
        f"{counts.searched_places} pieces, {counts.torn_lines} torn lines"
    )
    yield from _rules(verdict)
    yield from _violations(verdict)
    yield from (f"FAILED: {line}" for line in campaign.failures)
    yield f"{len(verdict.violations) + len(campaign.failures)} violations"


def _table(title: str, rows: Mapping[Any, Any]) -> Iterator[str]:
    if rows:
        yield ""
        yield title
        yield from (f"  {value:>8}  {name}" for name, value in rows.items())


def _rules(verdict: Verdict) -> Iterator[str]:
    broken = _by_rule(verdict)
    yield ""
    yield "violations of each rule"
    for rule in RULES:
        count, checked = broken.get(rule.code, 0), verdict.checked[rule.code]
        most = bound(count, checked)
        told = "" if most is None else f" (at most 3/{checked} = {most:.2g} at 95 %)"
        of = f"{count} of {checked}{told}" if checked > 0 else "not exercised"
        yield f"  {rule.code:24}{of}: {rule.says}"


def _violations(verdict: Verdict) -> Iterator[str]:
    yield ""
    for item in verdict.violations[:MOST_TOLD]:
        yield f"VIOLATION {item.rule}: job {item.job}, reference {item.ref}: {item.seen}"
    if len(verdict.violations) > MOST_TOLD:
        yield f"and {len(verdict.violations) - MOST_TOLD} more"


def _by_rule(verdict: Verdict) -> dict[str, int]:
    counts: dict[str, int] = {}
    for item in verdict.violations:
        counts[item.rule] = counts.get(item.rule, 0) + 1
    return counts
