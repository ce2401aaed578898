"""`countersign submit` and `countersign status`: a producer's side, on the base install."""

import sys
from pathlib import Path
from typing import Any, Final

import click

from deploy.cli.connection import Seconds, connection, open_client
from deploy.cli.submit_output import Report, reported
from gateway.client import Client, JobStatus, NotSettled, ResultUnverified, System
from signing.errors import MalformedJSON
from signing.ids import is_job_id
from signing.strict_json import MAX_BYTES, JsonObject, parse_object
from signing.times import TimeInvalid, from_rfc3339

_WAIT: Final = click.option(
    "--wait",
    type=Seconds(0),
    metavar="SECONDS",
    help="Wait so long for the job to settle; exit 0 only where it succeeded.",
)
_JSON: Final = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.command("submit", epilog="Exit status: 0 accepted (with --wait: succeeded), 1 not, 2 usage.")
@connection(required=True)
@_WAIT
@click.option("--delay", type=Seconds(0), metavar="SECONDS", help="Run it so much later.")
@click.option("--not-before", metavar="TIME", help="Run it then at the earliest; RFC 3339.")
@click.option("--expires", metavar="TIME|SECONDS", help="Do not run it after that.")
@click.option("--priority", type=click.IntRange(0, 9), help="0 to 9.")
@click.option(
    "--idempotency-key",
    metavar="KEY",
    help="The same job under the same key is one job; a key is made where it is left out.",
)
@_JSON
@click.argument("task")
@click.argument("args", metavar="ARGS_JSON|-|@FILE")
@click.pass_obj
def submit(
    system: System | None,
    /,
    *,
    task: str,
    args: str,
    wait: float | None,
    as_json: bool,
    delay: float | None,
    not_before: str | None,
    expires: str | None,
    priority: int | None,
    idempotency_key: str | None,
    **given: Any,
) -> None:
    """Sign a job of TASK with these arguments, a JSON object, and hand it to a gateway.

    Everybody on this machine can read a command line: where the arguments hold secrets, give them
    on standard input (-) or in a file (@FILE).
    """
    if delay is not None and not_before is not None:
        raise click.UsageError("--delay and --not-before: give one of them")
    body: dict[str, Any] = {
        "args": _arguments(args),
        "delay": delay,
        "not_before": None if not_before is None else _time(not_before, "--not-before"),
        "expires": None if expires is None else _expiry(expires),
    }
    with reported(as_json) as report, open_client(given, report.retrying, system) as client:
        try:
            job = client.submit(task, **body, priority=priority, idempotency_key=idempotency_key)
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        report.submitted(job)
        if wait is not None:
            _follow(client, job.id, wait, report)


@click.command("status", epilog="Exit status: 0 known (with --wait: succeeded), 1 not, 2 usage.")
@connection(required=True)
@_WAIT
@_JSON
@click.argument("job_id")
@click.pass_obj
def status(
    system: System | None,
    /,
    *,
    job_id: str,
    wait: float | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Ask a gateway how the job JOB_ID went, and check the worker's seal on its result."""
    if not is_job_id(job_id):
        raise click.BadParameter("not a job id", param_hint="JOB_ID")
    with reported(as_json) as report, open_client(given, report.retrying, system) as client:
        if wait is not None:
            _follow(client, job_id, wait, report)
        else:
            show_job(client, client.status(job_id), report)


def _follow(client: Client, job_id: str, seconds: float, report: Report) -> None:
    try:
        job = client.wait(job_id, timeout=seconds)
    except NotSettled as error:
        report.job(error.job, None)
        report.not_settled(seconds)
        return
    show_job(client, job, report)
    report.ok = report.ok and job.status == "succeeded"


def show_job(client: Client, job: JobStatus, report: Report) -> None:
    """Tell how a job stands, and its result only where a worker's seal on it is verified."""
    if job.status != "succeeded" and job.sealed_result is None:
        report.job(job, None)
        return
    try:
        claims = client.verified_result(job)
    except ResultUnverified as error:
        report.job(job, None)
        report.unverified(error)
    else:
        report.job(job, claims)


def _arguments(text: str) -> JsonObject:
    if text == "-":
        data = sys.stdin.buffer.read(MAX_BYTES + 1)
    elif text.startswith("@"):
        try:
            with Path(text[1:]).open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise _bad_arguments(f"the file cannot be read: {error.strerror}") from error
    else:
        data = text.encode("utf-8", "surrogateescape")
    try:
        return parse_object(data)
    except MalformedJSON as error:
        raise _bad_arguments(error.message) from None


def _bad_arguments(message: str) -> click.BadParameter:
    return click.BadParameter(message, param_hint="ARGS_JSON")


def _expiry(text: str) -> str | float:
    if text.isascii() and text.replace(".", "", 1).isdigit():
        return float(text)
    return _time(text, "--expires")


def _time(text: str, option: str) -> str:
    try:
        from_rfc3339(text)
    except TimeInvalid as error:
        raise click.BadParameter(error.message, param_hint=option) from None
    return text
