"""What `countersign jobs` prints: a table for people, or one JSON document."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final

import click

from deploy.cli.submit_output import COLOURS, printable
from gateway.client import JobSummary
from signing.ledger.record import Record
from signing.times import to_rfc3339

_TIMES: Final = (
    "accepted_at",
    "due_at",
    "expires_at",
    "started_at",
    "finished_at",
    "held_since",
)
_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))


@dataclass(frozen=True, slots=True)
class Row:
    """A job as a list shows it, times in milliseconds; a producer is not told all of it."""

    id: str
    status: str
    task: str
    attempts: int
    max_attempts: int
    accepted_at: int
    due_at: int
    expires_at: int
    started_at: int | None
    finished_at: int | None
    error: str | None
    producer: str | None = None
    queue: str | None = None
    on_lost: str | None = None
    worker: str | None = None
    held_since: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The job for programs: times in RFC 3339, `error` as the gateway gives it."""
        document = {name: value for name, value in asdict(self).items() if self._is_told(name)}
        for name in _TIMES:
            if document.get(name) is not None:
                document[name] = to_rfc3339(document[name])
        return document | {"error": {"code": self.error} if self.error else None}

    def since(self, now: int) -> str:
        """How long it is in its state, or until it is due."""
        if self.status == "queued" and self.due_at > now:
            return f"due in {duration(self.due_at - now)}"
        begun = {"queued": self.due_at, "running": self.started_at, "held": self.held_since}
        moment = begun.get(self.status, self.finished_at)
        return "" if moment is None else duration(now - moment)

    def _is_told(self, name: str) -> bool:
        return self.producer is not None or name not in (
            "producer",
            "queue",
            "on_lost",
            "worker",
            "held_since",
        )


def row_of_record(record: Record, held_since: int | None) -> Row:
    """Give a row of what the ledger holds."""
    return Row(
        id=record.job_id,
        status=record.state,
        task=record.task,
        attempts=record.attempt,
        max_attempts=record.max_attempts,
        accepted_at=record.accepted,
        due_at=record.due,
        expires_at=record.expires,
        started_at=record.started,
        finished_at=record.finished,
        error=record.error or None,
        producer=record.producer,
        queue=record.queue,
        on_lost=record.on_lost,
        worker=record.worker,
        held_since=held_since,
    )


def row_of_summary(job: JobSummary) -> Row:
    """Give a row of what a gateway told."""
    return Row(
        id=job.id,
        status=job.status,
        task=job.task,
        attempts=job.attempts,
        max_attempts=job.max_attempts,
        accepted_at=_milliseconds(job.accepted_at),
        due_at=_milliseconds(job.due_at),
        expires_at=_milliseconds(job.expires_at),
        started_at=None if job.started_at is None else _milliseconds(job.started_at),
        finished_at=None if job.finished_at is None else _milliseconds(job.finished_at),
        error=None if job.error is None else job.error.code,
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one job that something was asked for.

    Attributes:
        status: the job's state afterwards, where it is known.
        said: for people: what was done, or why it was not and what can be done instead.
        more: members of the JSON document besides.
    """

    id: str
    done: bool
    status: str | None
    said: str
    more: dict[str, Any] = field(default_factory=dict)


def print_list(
    rows: Sequence[Row],
    *,
    unreadable: Sequence[str] | None = None,
    complete: bool,
    as_json: bool,
    now: int,
) -> None:
    """Print a list, what of it cannot be read where that is told, and whether it was cut."""
    if as_json:
        document: dict[str, Any] = {"jobs": [row.as_json() for row in rows], "complete": complete}
        if unreadable is not None:
            document["unreadable"] = list(unreadable)
        click.echo(json.dumps(document))
        return
    with_producer = any(row.producer is not None for row in rows)
    heads = ["id", "status", "since", "task", "attempt", "accepted", "why"]
    if with_producer:
        heads.insert(4, "producer")
    table = [heads, *(_cells(row, now, with_producer=with_producer) for row in rows)]
    if rows:
        _print_table(table)
    elif not unreadable:
        click.echo("no job fits")
    for job_id in unreadable or ():
        click.echo(f"{job_id}  its record cannot be read")
    if not complete:
        click.echo("older jobs were not looked at: narrow the list, or raise --limit", err=True)


def print_row(row: Row, *, as_json: bool, now: int) -> None:
    """Print everything of one job."""
    document = row.as_json()
    if as_json:
        click.echo(json.dumps(document))
        return
    for name, value in document.items():
        if name == "error":
            value = row.error
        if value is not None:
            aside = f"  ({row.since(now)})" if name == "status" and row.since(now) else ""
            click.echo(f"{name + ':':<14}{printable(str(value))}{aside}")


def print_missing(job_id: str, code: str, said: str, *, as_json: bool) -> bool:
    """Print why one job is not shown, for programs as where a gateway refuses; give `False`."""
    if as_json:
        click.echo(json.dumps({"error": {"code": code, "message": said}}))
    else:
        click.echo(f"{job_id}  {said}", err=True)
    return False


def print_outcomes(outcomes: Iterable[Outcome], *, as_json: bool) -> bool:
    """Print what became of jobs; give whether all was done."""
    told = list(outcomes)
    if as_json:
        jobs = [
            {"id": each.id, "done": each.done, "status": each.status, "message": each.said}
            | each.more
            for each in told
        ]
        click.echo(json.dumps({"jobs": jobs}))
    else:
        for each in told:
            click.echo(f"{each.id}  {printable(each.said)}", err=not each.done)
    return all(each.done for each in told)


def duration(milliseconds: int) -> str:
    """Give a time span in its largest unit."""
    seconds = max(0, milliseconds) // 1000
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _cells(row: Row, now: int, *, with_producer: bool) -> list[str]:
    cells = [
        row.id,
        row.status,
        row.since(now),
        row.task,
        f"{row.attempts}/{row.max_attempts}",
        f"{duration(now - row.accepted_at)} ago",
        row.error or "",
    ]
    if with_producer:
        cells.insert(4, row.producer or "")
    return [printable(cell) for cell in cells]


def _print_table(table: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    for row in table:
        cells = [f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)]
        cells[1] = click.style(cells[1], fg=COLOURS.get(row[1]))
        click.echo("  ".join(cells).rstrip())


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
