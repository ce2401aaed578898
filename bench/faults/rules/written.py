"""What the ledger wrote, change by change."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from bench.faults.evidence import LOSSES
from bench.faults.history import Change, JobHistory
from bench.faults.rules.facts import Facts, Rule, Seen
from signing.ledger.states import TERMINAL, TRANSITIONS

#: (state before, state after) of every event that the ledger knows; one that stays is not written.
ALLOWED: Final = frozenset(
    (before, after)
    for (_, before), ends in TRANSITIONS.items()
    for after in ends
    if before != after
)


def settled_twice(facts: Facts) -> Iterator[Seen]:
    """A final state is written once."""
    for item in facts.jobs.values():
        ends = [change.state for change in item.changes if change.settles]
        if len(ends) > 1:
            yield Seen(item.job, item.ref, f"settled as {', then '.join(ends)}")


def changed_after_settling(facts: Facts) -> Iterator[Seen]:
    """A settled job's record is not written again."""
    for item in facts.jobs.values():
        after = _after_settling(item)
        wrote = sorted({name for change in after if not change.settles for name in change.wrote})
        if wrote:
            yield Seen(item.job, item.ref, f"written after it settled: {', '.join(wrote)}")


def removed(facts: Facts) -> Iterator[Seen]:
    """No record is deleted within its retention."""
    for item in facts.jobs.values():
        if item.removed:
            yield Seen(item.job, item.ref, "its record was deleted")


def transition(facts: Facts) -> Iterator[Seen]:
    """States follow each other as in the ledger's table."""
    for item in facts.jobs.values():
        if item.changes and (item.changes[0].state, item.changes[0].attempt) != ("queued", 0):
            yield Seen(item.job, item.ref, f"it began as {item.changes[0].state}")
        for before, after in pairwise(item.changes):
            if "state" in after.wrote and (before.state, after.state) not in ALLOWED:
                yield Seen(item.job, item.ref, f"{before.state} became {after.state}")


def attempt_fell(facts: Facts) -> Iterator[Seen]:
    """The fencing token rises by one with each claim, and never moves otherwise."""
    for item in facts.jobs.values():
        for before, after in pairwise(item.changes):
            step = after.attempt - before.attempt
            if step != int(after.claims):
                what = f"from {before.attempt} to {after.attempt} as it became {after.state}"
                yield Seen(item.job, item.ref, what)


def too_many_attempts(facts: Facts) -> Iterator[Seen]:
    """No attempt is begun beyond those that are allowed."""
    for item in facts.jobs.values():
        for change in item.changes:
            if change.claims and change.attempt > change.max_attempts:
                what = f"attempt {change.attempt} of {change.max_attempts} was begun"
                yield Seen(item.job, item.ref, what)


def out_of_time(facts: Facts) -> Iterator[Seen]:
    """No attempt begins before the job is due, or once it has expired."""
    for item in facts.jobs.values():
        for change in item.changes:
            if change.claims and not change.due <= change.started < item.expires:
                early = change.started < change.due
                yield Seen(item.job, item.ref, f"claimed {'before due' if early else 'too late'}")


def hold_ignored(facts: Facts) -> Iterator[Seen]:
    """A job that is to be held does not run again by itself once its worker was lost."""
    for item, after in _lost_while_to_be_held(facts):
        if after.state in ("queued", "failed"):
            yield Seen(item.job, item.ref, f"not held, but {after.state}")


def stale_result(facts: Facts) -> Iterator[Seen]:
    """A result that is kept is that of the attempt that settled the job, and says how it did."""
    for item in facts.jobs.values():
        last = item.last
        for result in item.results:
            if result is None:
                yield Seen(item.job, item.ref, "a result that cannot be read")
            elif last and (result.state, result.attempt) != (last.state, last.attempt):
                what = f"a result of attempt {result.attempt} that {result.state}"
                yield Seen(item.job, item.ref, f"{what}; the job is {last.state}")
        if last and last.state == "succeeded" and not item.results:
            yield Seen(item.job, item.ref, "it succeeded without a result")


def lost_unexplained(facts: Facts) -> Iterator[Seen]:
    """No attempt is given up where nothing was done to its worker."""
    given_up = LOSSES - facts.evidence.losses_explained
    for item in facts.jobs.values():
        for before, after in pairwise(item.changes):
            if before.state == "running" and after.error in given_up:
                what = f"attempt {before.attempt} was given up: {after.error}"
                yield Seen(item.job, item.ref, what)


def secret_kept(facts: Facts) -> Iterator[Seen]:
    """The secrets of a job that settled are to be deleted."""
    for item in facts.jobs.values():
        if item.has_secret and not item.purged and item.last and item.last.state in TERMINAL:
            yield Seen(item.job, item.ref, "it settled, and its secret is on no list")


def secret_stored(facts: Facts) -> Iterator[Seen]:
    """What was to be deleted is deleted: Vault has no secret of a job that settled."""
    for job in facts.evidence.stored:
        item = facts.jobs.get(job)
        if item is not None and item.last and item.last.state in TERMINAL:
            yield Seen(job, item.ref, "it settled, and Vault has its secret")


def replay_differs(facts: Facts) -> Iterator[Seen]:
    """The records are what the log of commands says, and nothing else."""
    records = facts.evidence.records
    for job, item in facts.jobs.items():
        record = records.get(job)
        if record is None:
            if not item.removed:
                yield Seen(job, item.ref, "in the log of commands, and not in the ledger")
        elif not _same(item.last, record.state, record.attempt):
            yield Seen(job, item.ref, f"{record.state} in attempt {record.attempt} at the end")
    for job in records.keys() - facts.jobs.keys():
        yield Seen(job, None, "in the ledger, and not in the log of commands")


def wiped(facts: Facts) -> Iterator[Seen]:
    """Nobody empties the ledger."""
    if facts.evidence.history.wiped:
        yield Seen(None, None, f"emptied {facts.evidence.history.wiped} times")


def left_behind(facts: Facts) -> Iterator[Seen]:
    """Once every job has settled, no index of unsettled jobs holds one."""
    if all(record.state in TERMINAL for record in facts.evidence.records.values()):
        for name, count in facts.evidence.left.items():
            if count:
                yield Seen(None, None, f"{name} still counts {count}")


def _lost_while_to_be_held(facts: Facts) -> Iterator[tuple[JobHistory, Change]]:
    for item in facts.jobs.values():
        sub = facts.submissions.get(item.ref or "")
        if sub is None or sub.kind != "held":
            continue
        for before, after in pairwise(item.changes):
            if before.state == "running" and after.error == "worker_lost":
                yield item, after


def _after_settling(item: JobHistory) -> tuple[Change, ...]:
    for place, change in enumerate(item.changes):
        if change.settles:
            return item.changes[place + 1 :]
    return ()


def _same(last: Change | None, state: str, attempt: int) -> bool:
    return last is not None and (last.state, last.attempt) == (state, attempt)


def _losses(facts: Facts) -> int:
    return 0 if facts.evidence.losses_explained >= LOSSES else _claims(facts)


def _secrets(facts: Facts) -> int:
    return sum(item.has_secret for item in facts.jobs.values())


def _with_results(facts: Facts) -> int:
    """Jobs that have a result, or should."""
    have = {job for job, item in facts.jobs.items() if item.results}
    return len(have | facts.succeeded.keys())


def _jobs(facts: Facts) -> int:
    return len(facts.jobs)


def _claims(facts: Facts) -> int:
    return sum(len(item.claimed) for item in facts.jobs.values())


RULES: Final = (
    Rule("settled_twice", "a job settles once", _jobs, settled_twice),
    Rule("changed_after_settling", "a settled job stays", _jobs, changed_after_settling),
    Rule("removed", "no record is deleted", _jobs, removed),
    Rule("transition", "states follow the table", _jobs, transition),
    Rule(
        "attempt_fell",
        "the fencing token rises by one with each claim",
        _claims,
        attempt_fell,
    ),
    Rule("too_many_attempts", "no attempt beyond those allowed", _claims, too_many_attempts),
    Rule("out_of_time", "attempts begin when they may", _claims, out_of_time),
    Rule(
        "hold_ignored",
        "a job to be held does not rerun",
        lambda f: sum(1 for _ in _lost_while_to_be_held(f)),
        hold_ignored,
    ),
    Rule("stale_result", "the settling attempt's result is kept", _with_results, stale_result),
    Rule("lost_unexplained", "no attempt is given up for nothing", _losses, lost_unexplained),
    Rule("secret_kept", "secrets end with their jobs", _secrets, secret_kept),
    Rule("secret_stored", "Vault has no settled job's secret", _secrets, secret_stored),
    Rule("replay_differs", "the ledger is what its log says", _jobs, replay_differs),
    Rule("wiped", "nobody empties the ledger", lambda _: 1, wiped),
    Rule(
        "left_behind", "no index keeps a settled job", lambda f: len(f.evidence.left), left_behind
    ),
)
