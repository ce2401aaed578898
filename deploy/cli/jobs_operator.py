"""The operator's side of `countersign jobs`: on the ledger itself, about every producer's jobs."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import click

from backends.errors import LedgerUnavailable
from backends.settings import process_environment
from deploy.cli.jobs_output import (
    Outcome,
    print_list,
    print_missing,
    print_outcomes,
    print_row,
    row_of_record,
)
from deploy.jobs import LEDGER, TAKES, Action, LedgerJobs, Operated, Unreadable, open_jobs
from signing.ledger.states import State

_DONE: Final[dict[Action, str]] = {
    "release": "released: it runs again",
    "fail": "settled as failed",
    "cancel": "cancelled",
}
_PAST: Final[dict[Action, str]] = {"release": "released", "fail": "failed", "cancel": "cancelled"}
_THERE_IS_NONE: Final = "there is no such job, or it settled longer ago than jobs are kept"
_NO: Final = "nothing was done"
_NOT_ASKED: Final = "nothing was done: the ledger went away before"
#: What can be done about a job that an action does not take, by its state.
_INSTEAD: Final = {
    "queued": "it has not started: it can be cancelled",
    "running": "it runs: wait until it settles, or is held because its worker died",
    "held": "it can be released, failed or cancelled",
}


def print_jobs(
    *,
    status: State | None,
    task: str | None,
    producer: str | None,
    limit: int,
    as_json: bool,
    now: int,
) -> None:
    """List jobs."""
    with _opened() as ledger:
        found = ledger.listed(status=status, task=task, producer=producer, limit=limit)
    rows = [row_of_record(job.record, job.held_since) for job in found.jobs]
    broken = [job.job_id for job in found.unreadable]
    print_list(rows, unreadable=broken, complete=found.complete, as_json=as_json, now=now)


def print_job(job_id: str, *, as_json: bool, now: int) -> bool:
    """Show a job; give whether there is one."""
    with _opened() as ledger:
        [job] = ledger.find([job_id])
    if job is None:
        return print_missing(job_id, "job_not_found", _THERE_IS_NONE, as_json=as_json)
    if isinstance(job, Unreadable):
        return print_missing(job_id, "record_unreadable", _broken(job), as_json=as_json)
    print_row(row_of_record(job.record, job.held_since), as_json=as_json, now=now)
    return True


def act(action: Action, ids: Sequence[str], *, as_json: bool) -> bool:
    """Say what becomes of jobs; give whether it was done to all of them."""
    with _opened() as ledger:
        return _act(ledger, action, ids, as_json=as_json)


def act_on_held(action: Action, *, task: str | None, yes: bool, as_json: bool) -> bool:
    """Say what becomes of all held jobs, after a question; give whether it was done to all."""
    with _opened() as ledger:
        held = ledger.held(task)
        tasks = Counter(job.record.task for job in held.jobs)
        ids = [job.record.job_id for job in held.jobs]
        if ids and not yes and not _agreed(action, tasks):
            left = [Outcome(each, False, "held", _NO) for each in ids]
            return print_outcomes(left, as_json=as_json)
        # Of what these are nobody can tell, so they are taken by their ids alone.
        broken = [Outcome(job.job_id, False, None, _broken(job)) for job in held.unreadable]
        done = _act(ledger, action, ids, as_json=as_json, besides=() if task else broken)
    if not held.complete:
        click.echo("more jobs are held, which were not looked at: run it again", err=True)
    return done and held.complete


@contextmanager
def _opened() -> Iterator[LedgerJobs]:
    environment = process_environment()
    if not environment.text(LEDGER, ""):
        raise click.UsageError(
            f"give --url as a producer, or the operator's settings: {LEDGER} is not set "
            "(on a local stack: . .countersign/env/operator.env)"
        )
    with open_jobs(environment) as ledger:
        yield ledger


def _act(
    ledger: LedgerJobs,
    action: Action,
    ids: Sequence[str],
    *,
    as_json: bool,
    besides: Sequence[Outcome] = (),
) -> bool:
    outcomes: list[Outcome] = []
    lost: LedgerUnavailable | None = None
    try:
        for each in ledger.operate(ids, action):
            outcomes.append(_outcome(action, each))  # noqa: PERF401 - kept if it raises
    except LedgerUnavailable as error:
        lost = error  # what is done by now is told first
    outcomes += [Outcome(each, False, None, _NOT_ASKED) for each in ids[len(outcomes) :]]
    outcomes += besides
    if not outcomes and not as_json:
        click.echo("no job is held")
    ok = print_outcomes(outcomes, as_json=as_json)
    if lost is not None:
        raise lost
    return ok


def _agreed(action: Action, tasks: Counter[str]) -> bool:
    listed = ", ".join(f"{count} {task}" for task, count in sorted(tasks.items()))
    warning = " What they do may have happened already." if action == "release" else ""
    try:
        return click.confirm(f"{action} {tasks.total()} held jobs ({listed})?{warning}", err=True)
    except click.Abort as abort:
        if not isinstance(abort.__context__, EOFError):
            raise  # ctrl-C
        click.echo("\nnobody answered: say --yes where nobody is asked", err=True)
        return False


def _outcome(action: Action, told: Operated) -> Outcome:
    if told.trouble is not None and (told.before is None or action == "release"):
        said = f"not known whether it was {_PAST[action]}: look again ({told.trouble.message})"
        return Outcome(told.job_id, False, None, said)
    if told.before is None:
        return _unknown(told.job_id)
    if told.before not in TAKES[action]:
        return Outcome(told.job_id, False, told.before, _not_taken(action, told))
    if action == "release" and told.after == "expired":
        return Outcome(told.job_id, False, "expired", "not released: it had expired meanwhile")
    return Outcome(told.job_id, True, told.after, _DONE[action])


def _not_taken(action: Action, told: Operated) -> str:
    state = str(told.before)
    if state in ("failed", "expired"):
        instead = "its producer can replay it as a new job"
        if told.secret:
            instead = "it had secrets, which are deleted: its producer can submit it anew"
    else:
        instead = _INSTEAD.get(state, "that is final")
    return f"not {_PAST[action]}: it is {state}; {instead}"


def _broken(job: Unreadable) -> str:
    return "its record cannot be read" + ("" if job.held_since is None else ", and it is held")


def _unknown(job_id: str) -> Outcome:
    return Outcome(job_id, False, None, _THERE_IS_NONE)
