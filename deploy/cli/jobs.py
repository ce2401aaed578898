"""`countersign jobs`: look at jobs and say what becomes of them, as a producer or as the operator.

With a gateway's address it is a producer that asks, over HTTPS, on the base install. Without, it is
the operator, on the ledger itself (`jobs_operator`). `jobs_way` says which.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import click

from deploy.cli.connection import connection, open_client
from deploy.cli.jobs_output import Outcome, print_list, print_outcomes, row_of_summary
from deploy.cli.jobs_way import as_operator, operator_option
from deploy.cli.lazy import load
from deploy.cli.submit import show_job
from deploy.cli.submit_output import Report, may_be_accepted, reported
from gateway.client import Client, ClientError, System
from signing.ids import is_job_id
from signing.ledger.states import STATES

DEFAULT_LIMIT: Final = 50
_OPERATOR: Final = "deploy.cli.jobs_operator"
_STATUS: Final = "Exit status: 0, 1 (not all was done, or no such job), 2 (usage)."
_INTERRUPTED: Final = "interrupted: not known whether it was asked for; look again"


class _JobId(click.ParamType[str]):
    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not is_job_id(str(value)):
            self.fail(f"{str(value)!r} is not a job id", param, ctx)
        return str(value)


_ID: Final = click.argument("job_id", metavar="ID", type=_JobId())
_IDS: Final = click.argument("ids", metavar="ID...", nargs=-1, type=_JobId())
_NEEDED_IDS: Final = click.argument("ids", metavar="ID...", nargs=-1, required=True, type=_JobId())
_JSON: Final = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
_HELD: Final = (
    click.option("--all-held", is_flag=True, help="All that are held, in place of ids."),
    click.option("--task", help="With --all-held: only jobs of this task."),
    click.option("--yes", is_flag=True, help="With --all-held: do not ask."),
)


def _all_held(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_HELD):
        command = option(command)
    return command


@click.group("jobs", epilog=_STATUS)
def jobs() -> None:
    """Look at jobs, and say what becomes of those that wait for somebody.

    With --url (or COUNTERSIGN_URL) as a producer, about its own jobs: list, show, cancel, replay.
    Without it as the operator, about all jobs: list, show, cancel, release, fail. The operator's
    settings are read from the environment; on a local stack: `. .countersign/env/operator.env`.
    Where the environment has both, list, show and cancel want --url or --operator.
    """


@jobs.command("list", epilog=_STATUS)
@click.option("--status", type=click.Choice(STATES), help="Only jobs in this state.")
@click.option("--task", help="Only jobs of this task.")
@click.option("--producer", help="Only this producer's jobs; for the operator.")
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=DEFAULT_LIMIT,
    show_default=True,
    help="How many at most.",
)
@operator_option
@connection(required=False)
@_JSON
@click.pass_obj
def list_(
    system: System | None,
    /,
    *,
    status: str | None,
    task: str | None,
    producer: str | None,
    limit: int,
    operator: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """List jobs, newest first."""
    now = (system or System()).clock()
    if as_operator(operator, given["url"]):
        load(_OPERATOR, "jobs").print_jobs(
            status=status, task=task, producer=producer, limit=limit, as_json=as_json, now=now
        )
        return
    if producer is not None:
        raise click.UsageError("--producer is for the operator, without --url")
    with reported(as_json) as report, open_client(given, report.retrying, system) as client:
        # One more, which is not shown, tells whether there are more.
        found = list(client.jobs(status=status, task=task, limit=limit + 1))
        rows = [row_of_summary(job) for job in found[:limit]]
        print_list(rows, complete=len(found) <= limit, as_json=as_json, now=now)


@jobs.command("show", epilog=_STATUS)
@_ID
@operator_option
@connection(required=False)
@_JSON
@click.pass_obj
def show(
    system: System | None, /, *, job_id: str, operator: bool, as_json: bool, **given: Any
) -> None:
    """Show one job; to a producer also its result, where a worker's seal on it is verified."""
    if as_operator(operator, given["url"]):
        now = (system or System()).clock()
        _end(load(_OPERATOR, "jobs").print_job(job_id, as_json=as_json, now=now))
        return
    with reported(as_json) as report, open_client(given, report.retrying, system) as client:
        show_job(client, client.status(job_id), report)


@jobs.command("cancel", epilog=_STATUS)
@_IDS
@_all_held
@operator_option
@connection(required=False)
@_JSON
@click.pass_obj
def cancel(
    system: System | None,
    /,
    *,
    ids: tuple[str, ...],
    all_held: bool,
    task: str | None,
    yes: bool,
    operator: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Cancel jobs that are queued or held."""
    if as_operator(operator, given["url"]):
        _operate("cancel", ids, all_held=all_held, task=task, yes=yes, as_json=as_json)
        return
    if all_held or yes or task is not None:
        raise click.UsageError("--all-held, --task and --yes are for the operator, without --url")
    if not ids:
        raise click.UsageError("give ids")
    _ask(ids, _cancelled, system, given, as_json=as_json)


@jobs.command("release", epilog=_STATUS)
@_IDS
@_all_held
@_JSON
def release(**given: Any) -> None:
    """Let held jobs run again, as the operator.

    Their worker died while they ran: what the task does may have happened already. Look first.
    """
    _operate("release", **given)


@jobs.command("fail", epilog=_STATUS)
@_IDS
@_all_held
@_JSON
def fail(**given: Any) -> None:
    """Settle held jobs as failed, as the operator."""
    _operate("fail", **given)


@jobs.command("replay", epilog=_STATUS)
@_NEEDED_IDS
@click.option("--again", is_flag=True, help="Also where it was replayed within 24 hours before.")
@click.option(
    "--idempotency-key",
    metavar="KEY",
    help="For one id: the key that was told where it was not known whether it runs again.",
)
@connection(required=True)
@_JSON
@click.pass_obj
def replay(
    system: System | None,
    /,
    *,
    ids: tuple[str, ...],
    again: bool,
    idempotency_key: str | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Run jobs that failed or expired again, as new jobs; for their producer.

    The new job has a new id: what the task did under the old one may be done a second time. A
    repeated command within 24 hours names the job that the first one made, unless --again is said.
    """
    if idempotency_key is not None and (again or len(set(ids)) > 1):
        raise click.UsageError("--idempotency-key goes with one id, and without --again")

    def replayed(client: Client, job_id: str) -> Outcome:
        key = None if again else f"replay-{job_id}"
        if idempotency_key is not None:
            key = idempotency_key
        try:
            job = client.replay(job_id, idempotency_key=key)
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        more = {"new_id": job.id, "idempotency_key": job.idempotency_key}
        return Outcome(job_id, True, None, f"runs again as {job.id}", more)

    _ask(ids, replayed, system, given, as_json=as_json)


def _operate(
    action: str,
    ids: Sequence[str],
    *,
    all_held: bool,
    task: str | None,
    yes: bool,
    as_json: bool,
) -> None:
    if all_held == bool(ids):
        raise click.UsageError("give ids, or --all-held")
    if not all_held and (task is not None or yes):
        raise click.UsageError("--task and --yes go with --all-held")
    operator = load(_OPERATOR, "jobs")
    if all_held:
        _end(operator.act_on_held(action, task=task, yes=yes, as_json=as_json))
    else:
        _end(operator.act(action, list(dict.fromkeys(ids)), as_json=as_json))


def _ask(
    ids: Sequence[str],
    call: Callable[[Client, str], Outcome],
    system: System | None,
    given: dict[str, Any],
    *,
    as_json: bool,
) -> None:
    """Call a gateway for each id; what is refused for one is told, and the next one asked for."""
    outcomes: list[Outcome] = []
    asked = list(dict.fromkeys(ids))
    try:
        with open_client(given, Report(as_json).retrying, system) as client:
            for job_id in asked:
                outcomes.append(_outcome(client, job_id, call))  # noqa: PERF401 - kept on ctrl-C
    except KeyboardInterrupt:
        # What was done is told: a job that was replayed has a new id.
        outcomes += (Outcome(each, False, None, _INTERRUPTED) for each in asked[len(outcomes) :])
        print_outcomes(outcomes, as_json=as_json)
        raise
    _end(print_outcomes(outcomes, as_json=as_json))


def _outcome(client: Client, job_id: str, call: Callable[[Client, str], Outcome]) -> Outcome:
    try:
        return call(client, job_id)
    except ClientError as error:
        said, more = error.message, {"code": error.code}
        key = error.idempotency_key
        if key is not None:
            more["idempotency_key"] = key
            if may_be_accepted(error):
                said += f"; it may run again already: ask with --idempotency-key {key}"
        return Outcome(job_id, False, None, said, more)


def _cancelled(client: Client, job_id: str) -> Outcome:
    client.cancel(job_id)
    return Outcome(job_id, True, "cancelled", "cancelled")


def _end(ok: bool) -> None:
    if not ok:
        raise click.exceptions.Exit(1)
