"""What `submit` and `status` print: lines for people as things happen, or one JSON object."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import click

from gateway.client import (
    ClientError,
    JobStatus,
    ProblemError,
    ResultClaims,
    ResultUnverified,
    SubmittedJob,
    TransportError,
)
from signing.strict_json import JsonValue

COLOURS: Final = {
    "accepted": "green",
    "succeeded": "green",
    "failed": "red",
    "expired": "red",
    "cancelled": "yellow",
    "held": "yellow",
}


@dataclass(slots=True)
class Report:
    """Tells one command's outcome; `ok` becomes the exit status."""

    as_json: bool
    ok: bool = True
    document: dict[str, Any] = field(default_factory=dict)

    def submitted(self, job: SubmittedJob) -> None:
        """Tell of a job that was accepted."""
        self.document.update(
            id=job.id,
            status="queued",
            task=job.task,
            secrets=list(job.secrets),
            location=job.location,
            idempotency_key=job.idempotency_key,
        )
        self._line("accepted", f"{job.id}  {job.task}")
        if job.secrets:
            self._line("", f"secrets went to Vault: {', '.join(job.secrets)}")

    def job(self, job: JobStatus, claims: ResultClaims | None) -> None:
        """Tell how a job stands; of results, only what a worker's seal proves."""
        error = None
        if claims is not None and claims.error is not None:
            error = {"code": claims.error, "type": claims.error_type}
        elif job.error is not None:
            error = {"code": job.error.code, "type": job.error.type, "reason": job.error.reason}
        result = None if claims is None else claims.result
        self.document.update(
            id=job.id,
            status=job.status,
            task=job.task,
            attempts=job.attempts,
            max_attempts=job.max_attempts,
            accepted_at=job.accepted_at.isoformat(),
            due_at=job.due_at.isoformat(),
            expires_at=job.expires_at.isoformat(),
            started_at=_time(job.started_at),
            finished_at=_time(job.finished_at),
            result=result,
            error=error,
            verified=None if claims is None else True,
        )
        attempts = f"attempt {job.attempts} of {job.max_attempts}"
        self._line(job.status, f"{job.id}  {job.task}, {attempts}{_took(job)}")
        if error is not None:
            self._line("", f"error: {', '.join(str(each) for each in error.values() if each)}")
        if claims is not None:
            self._line("", f"verified: sealed by {claims.worker} for this job")
            if claims.error is None and not self.as_json:
                click.echo(_readable(result))

    def unverified(self, error: ResultUnverified) -> None:
        """Tell that the result just told of cannot be trusted, and is not shown."""
        self.ok = False
        self.document.update(verified=False, unverified=error.code)
        self._line("UNVERIFIED", f"{error.message} ({error.code}); the result is not shown", "red")

    def not_settled(self, seconds: float) -> None:
        """Tell that the time to wait was over."""
        self.ok = False
        self.document["settled"] = False
        self._line("", f"not settled within {seconds:g} s; ask again with countersign status")

    def failed(self, error: ClientError) -> None:
        """Tell of a refusal, or that the gateway could not be asked."""
        self.ok = False
        told: dict[str, Any] = {"code": error.code, "message": error.message}
        if isinstance(error, ProblemError):
            members = dict(error.members)
            told |= {"status": error.status, "retry_after": error.retry_after, "members": members}
        if error.idempotency_key is not None:
            told["idempotency_key"] = error.idempotency_key
        self.document["error"] = told
        if self.as_json:
            return
        click.echo(f"countersign: {printable(error.message)}", err=True)
        for line in _places(error):
            click.echo(f"    {line}", err=True)
        if error.idempotency_key is not None and may_be_accepted(error):
            key = error.idempotency_key
            click.echo(f"    the same job again, safely: --idempotency-key {key}", err=True)

    def retrying(self, error: ClientError, delay: float) -> None:
        """Tell people that a try failed and when the next one is."""
        if not self.as_json:
            message = printable(error.message)
            click.echo(f"countersign: {message}; trying again in {delay:.1f} s", err=True)

    def end(self) -> None:
        """Print the JSON object, where it is asked for and there is something to tell."""
        if self.as_json and self.document:
            click.echo(json.dumps(self.document))

    def _line(self, word: str, text: str, colour: str | None = None) -> None:
        if not self.as_json:
            head = f"{printable(word):<11}"
            colour = colour or COLOURS.get(word)
            click.echo((click.style(head, fg=colour) if colour else head) + printable(text))


@contextmanager
def reported(as_json: bool) -> Iterator[Report]:
    """Give a report, turn client errors into it, and end with its exit status."""
    report = Report(as_json)
    try:
        yield report
    except ClientError as error:
        report.failed(error)
    finally:
        # Also on ctrl-C: whoever waits for an accepted job has to learn its id.
        report.end()
    if not report.ok:
        raise click.exceptions.Exit(1)


def may_be_accepted(error: ClientError) -> bool:
    """Whether a submission that failed so may have been accepted all the same."""
    return isinstance(error, TransportError) or (
        isinstance(error, ProblemError) and error.status in (429, 500, 502, 503, 504)
    )


def _places(error: ClientError) -> Iterator[str]:
    """The places in the arguments that a problem names, with the rules that they break."""
    errors = error.members.get("errors") if isinstance(error, ProblemError) else None
    for item in errors if isinstance(errors, list) else []:
        if isinstance(item, dict):
            yield printable(f"{item.get('pointer')}: {item.get('rule')}")


def _readable(value: JsonValue) -> str:
    return printable(json.dumps(value, indent=2, ensure_ascii=False))


def printable(text: str) -> str:
    """Nothing that moves a terminal's cursor or colours what is not ours."""
    return "".join(
        each if each.isprintable() or each == "\n" else f"\\u{ord(each):04x}" for each in text
    )


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _took(job: JobStatus) -> str:
    if job.started_at is None or job.finished_at is None:
        return ""
    return f", ran {(job.finished_at - job.started_at).total_seconds():.3g} s"
