"""What workers did, against what the ledger let them do; and what nobody may find."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from bench.faults.evidence import HOUR_MS, Run
from bench.faults.rules.facts import Facts, Rule, Seen

#: A process may lose the processor between its last look at the time and its first line.
CLOCKS_MS: Final = 100


def attempt_ran_twice(facts: Facts) -> Iterator[Seen]:
    """One attempt is begun once."""
    for (job, attempt), count in facts.begun.items():
        if count > 1:
            yield Seen(job, facts.ref_of(job), f"attempt {attempt} began {count} times")


def begun_too_late(facts: Facts) -> Iterator[Seen]:
    """No attempt begins once a later one has begun or was claimed, or the job is over.

    By then the attempt's lease had ended.
    """
    latest: dict[str, int] = {}
    for run in facts.evidence.runs:
        if run.event == "begin" and not _clock_moved(run.at, facts):
            why = _begun_after(run, latest.get(run.job, 0)) or _too_late(run, facts)
            if why:
                yield Seen(run.job, facts.ref_of(run.job), f"attempt {run.attempt} began {why}")
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


def unexpected_error(facts: Facts) -> Iterator[Seen]:
    """No role logs what nobody expected: a critical record, or a traceback."""
    for each in facts.evidence.logged.errors:
        yield Seen(None, None, f"{each.error} of {each.where} in the log of {each.role}")


def _secrets(facts: Facts) -> int:
    """How many jobs were handed in with a secret; places are counted in the report."""
    return sum(sub.kind in ("secret", "invalid") for sub in facts.submissions.values())


def _begun_after(run: Run, latest: int) -> str:
    return f"after attempt {latest}" if run.attempt < latest else ""


def _too_late(run: Run, facts: Facts) -> str:
    """What the ledger had written before an attempt began, by which it might no longer."""
    item = facts.jobs.get(run.job)
    claims = {} if item is None else {c.attempt: c.started for c in item.changes if c.claims}
    if item is None or run.attempt not in claims:
        return ""  # `ran_unclaimed` tells of it
    at = _by_the_ledger(run.at, claims[run.attempt])
    later = ((n, time) for n, time in claims.items() if n > run.attempt)
    ends = [(time, f"after attempt {n} was claimed") for n, time in later]
    ends += [(c.finished, "after the job was over") for c in item.changes if c.settles]
    for end, why in ends:
        if 0 < end < at - CLOCKS_MS and not _clock_moved(end, facts):
            return why
    return ""


def _by_the_ledger(at: int, claimed: int) -> int:
    """A time of a process whose clock may be moved, as the ledger has it: near to the claim."""
    return min((at - HOUR_MS, at, at + HOUR_MS), key=lambda time: abs(time - claimed))


def _clock_moved(time: int, facts: Facts) -> bool:
    """Whether Redis's clock was moved at a time, or at what a moved clock took for it."""
    times = (time - HOUR_MS, time, time + HOUR_MS)
    windows = facts.evidence.clock_moved
    return any(begin <= at <= end for at in times for begin, end in windows)


def _in_turn(facts: Facts) -> int:
    """How many attempts began while Redis's clock was right."""
    begun = (run for run in facts.evidence.runs if run.event == "begin")
    return sum(not _clock_moved(run.at, facts) for run in begun)


RULES: Final = (
    Rule("attempt_ran_twice", "an attempt begins once", lambda f: len(f.begun), attempt_ran_twice),
    Rule("begun_too_late", "an attempt begins in its turn", _in_turn, begun_too_late),
    Rule("ran_unclaimed", "what runs was claimed", lambda f: len(f.begun), ran_unclaimed),
    Rule("end_unseen", "a success was run to its end", lambda f: len(f.succeeded), end_unseen),
    Rule("effect_missing", "a success has its effect", lambda f: len(f.succeeded), effect_missing),
    Rule("effect_twice", "an effect happens once", lambda f: len(f.effects), effect_twice),
    Rule("effect_unclaimed", "an effect was claimed", lambda f: len(f.effects), effect_unclaimed),
    Rule("canary", "no secret is found", _secrets, canary),
    Rule("quarantined", "nothing is quarantined", lambda f: len(f.jobs), quarantined),
    Rule(
        "unexpected_error",
        "no role logs an error that nobody expected",
        lambda f: f.evidence.logged.lines,
        unexpected_error,
    ),
)
