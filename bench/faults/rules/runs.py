"""What workers did, against what the ledger let them do; and what nobody may find."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from bench.faults.evidence import HOUR_MS, Run
from bench.faults.rules.facts import Facts, Rule, Seen


def attempt_ran_twice(facts: Facts) -> Iterator[Seen]:
    """One attempt is begun once."""
    for (job, attempt), count in facts.begun.items():
        if count > 1:
            yield Seen(job, facts.ref_of(job), f"attempt {attempt} began {count} times")


def begun_too_late(facts: Facts) -> Iterator[Seen]:
    """No attempt begins after a later one has: that was claimed once this one's lease had ended."""
    latest: dict[str, int] = {}
    for run in facts.evidence.runs:
        is_late = run.event == "begin" and run.attempt < latest.get(run.job, 0)
        if is_late and not _clock_moved(run, facts):
            what = f"attempt {run.attempt} began after attempt {latest[run.job]}"
            yield Seen(run.job, facts.ref_of(run.job), what)
        latest[run.job] = max(run.attempt, latest.get(run.job, 0))


def ran_unclaimed(facts: Facts) -> Iterator[Seen]:
    """What runs was claimed before, by that very attempt."""
    for job, attempt in facts.begun:
        item = facts.jobs.get(job)
        if item is None or attempt not in item.claimed:
            yield Seen(job, facts.ref_of(job), f"attempt {attempt} ran, and never was claimed")


def end_unseen(facts: Facts) -> Iterator[Seen]:
    """A job that succeeded was run to its end by the attempt that settled it."""
    for job, attempt in facts.succeeded.items():
        if (job, attempt) not in facts.begun or (job, attempt) not in facts.ended:
            yield Seen(job, facts.ref_of(job), f"succeeded, and attempt {attempt} never ended")


def effect_missing(facts: Facts) -> Iterator[Seen]:
    """A job that succeeded had its effect."""
    for job in facts.succeeded:
        if job not in facts.effects:
            yield Seen(job, facts.ref_of(job), "succeeded, and has no effect")


def effect_twice(facts: Facts) -> Iterator[Seen]:
    """An effect happens once: once a job, and once for what was handed in."""
    for job, rows in facts.effects.items():
        if len(rows) > 1:
            yield Seen(job, rows[0].ref, f"{len(rows)} effects")
    jobs = Counter(ref for ref, _ in {(row.ref, row.job) for row in facts.evidence.effects})
    for ref, count in jobs.items():
        if count > 1:
            yield Seen(None, ref, f"effects of {count} jobs")


def effect_unclaimed(facts: Facts) -> Iterator[Seen]:
    """An effect is that of an attempt that was claimed, and of a job that was handed in as this."""
    for row in facts.evidence.effects:
        item = facts.jobs.get(row.job)
        if item is None or row.attempt not in item.claimed:
            yield Seen(row.job, row.ref, f"an effect of attempt {row.attempt}, never claimed")
        elif item.ref != row.ref:
            yield Seen(row.job, row.ref, f"an effect of the job for {item.ref}")


def canary(facts: Facts) -> Iterator[Seen]:
    """No secret is anywhere but in Vault."""
    for hit in facts.evidence.scanned.hits:
        yield Seen(None, None, f"a secret in {hit}")


def quarantined(facts: Facts) -> Iterator[Seen]:
    """Nothing is put into the quarantine but what a fault explains."""
    for reason, count in facts.evidence.quarantine.items():
        if reason not in facts.evidence.explained:
            yield Seen(None, None, f"{count} messages for {reason}")


def _secrets(facts: Facts) -> int:
    """How many jobs were handed in with a secret; places are counted in the report."""
    return sum(sub.kind in ("secret", "invalid") for sub in facts.submissions.values())


def _clock_moved(run: Run, facts: Facts) -> bool:
    """Whether Redis's clock was moved at that time, or at what a moved clock took for it."""
    times = (run.at - HOUR_MS, run.at, run.at + HOUR_MS)
    windows = facts.evidence.clock_moved
    return any(begin <= at <= end for at in times for begin, end in windows)


def _again(facts: Facts) -> int:
    """How many attempts began of jobs that began more than once."""
    jobs = Counter(job for job, _ in facts.begun)
    begun = (run for run in facts.evidence.runs if run.event == "begin")
    return sum(jobs[run.job] > 1 and not _clock_moved(run, facts) for run in begun)


RULES: Final = (
    Rule("attempt_ran_twice", "an attempt begins once", lambda f: len(f.begun), attempt_ran_twice),
    Rule("begun_too_late", "an attempt begins in its turn", _again, begun_too_late),
    Rule("ran_unclaimed", "what runs was claimed", lambda f: len(f.begun), ran_unclaimed),
    Rule("end_unseen", "a success was run to its end", lambda f: len(f.succeeded), end_unseen),
    Rule("effect_missing", "a success has its effect", lambda f: len(f.succeeded), effect_missing),
    Rule("effect_twice", "an effect happens once", lambda f: len(f.effects), effect_twice),
    Rule("effect_unclaimed", "an effect was claimed", lambda f: len(f.effects), effect_unclaimed),
    Rule("canary", "no secret is found", _secrets, canary),
    Rule("quarantined", "nothing is quarantined", lambda f: len(f.jobs), quarantined),
)
