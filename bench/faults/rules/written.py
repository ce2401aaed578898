"""What the ledger wrote, change by change."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from bench.faults.history import Change, JobHistory
from bench.faults.rules.facts import Facts, Rule, Seen
from signing.ledger.states import TERMINAL, TRANSITIONS

#: (state before, state after) of every event that the ledger knows.
ALLOWED: Final = frozenset(
    (before, after) for (_, before), ends in TRANSITIONS.items() for after in ends
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


def _after_settling(item: JobHistory) -> tuple[Change, ...]:
    for place, change in enumerate(item.changes):
        if change.settles:
            return item.changes[place + 1 :]
    return ()


def _same(last: Change | None, state: str, attempt: int) -> bool:
    return last is not None and (last.state, last.attempt) == (state, attempt)


def _jobs(facts: Facts) -> int:
    return len(facts.jobs)


RULES: Final = (
    Rule("settled_twice", "a job settles once", _jobs, settled_twice),
    Rule("changed_after_settling", "a settled job stays", _jobs, changed_after_settling),
    Rule("removed", "no record is deleted", _jobs, removed),
    Rule("transition", "states follow the table", _jobs, transition),
    Rule(
        "attempt_fell",
        "the fencing token rises by one with each claim",
        lambda f: sum(len(item.claimed) for item in f.jobs.values()),
        attempt_fell,
    ),
    Rule("replay_differs", "the ledger is what its log says", _jobs, replay_differs),
    Rule("wiped", "nobody empties the ledger", lambda _: 1, wiped),
    Rule(
        "left_behind", "no index keeps a settled job", lambda f: len(f.evidence.left), left_behind
    ),
)
