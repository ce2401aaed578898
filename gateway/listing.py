"""`GET /v1/jobs`: a producer's own jobs, newest first, page by page; each page is bounded work.

A cursor is the id of the last job that a page took in. Ids are UUIDv7, so the index is in the order
of the clocks of the gateways that made them: where two differ, neighbours may stand in the wrong
order, and what a slow one accepts meanwhile may come on a later page.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import parse_qsl

from gateway.errors import Refused
from signing.ids import is_job_id
from signing.ledger.record import Record
from signing.ledger.states import STATES, State
from signing.strict_json import JsonObject, JsonValue
from signing.times import to_rfc3339

DEFAULT_LIMIT: Final = 20
MAX_LIMIT: Final = 100
#: Index entries that one request looks at, at most: a filter may fit few of very many jobs.
MAX_SCANNED: Final = 1_000
#: Labels that are read at once where a filter may leave most of them out.
CHUNK: Final = 500
MAX_TASK: Final = 255

_PARAMETERS: Final = frozenset({"status", "task", "limit", "cursor"})
_STATES: Final[dict[str, State]] = {state: state for state in STATES}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a producer asks to be listed; `after` is the last id of the page before."""

    status: State | None = None
    task: str | None = None
    limit: int = DEFAULT_LIMIT
    after: str | None = None

    @property
    def filters(self) -> bool:
        """Whether it may leave jobs out."""
        return self.status is not None or self.task is not None

    def fits(self, job: "Label | Record") -> bool:
        """Whether a job is wanted."""
        return (self.status is None or job.state == self.status) and (
            self.task is None or job.task == self.task
        )


@dataclass(frozen=True, slots=True)
class Label:
    """What the filters look at: cheaper to read of many jobs than their records."""

    state: str
    task: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some jobs, newest first; `after` is where the next page begins, if there may be one."""

    records: tuple[Record, ...]
    after: str | None


class JobIndex(Protocol):
    """The jobs of producers, as the ledger lists them."""

    async def ids(self, producer: str, after: str | None, most: int) -> Sequence[str]:
        """Give ids, newest first, from the first or from the one after `after`."""

    async def labels(self, ids: Sequence[str]) -> Sequence[Label | None]:
        """Give these jobs' labels, in one round trip; `None` for one that is gone."""

    async def records(self, ids: Sequence[str]) -> Sequence[Record | None]:
        """Give these jobs' records, in one round trip; `None` for one that is gone."""


def read_wanted(query: str) -> Wanted:
    """Read the query.

    Raises:
        Refused: `malformed_request` for a parameter that is unknown, given twice, or not of its
            form.
    """
    given = _parameters(query)
    status, cursor = given.get("status"), given.get("cursor")
    if status is not None and status not in _STATES:
        raise _malformed(f"status is one of {', '.join(STATES)}")
    if cursor is not None and not is_job_id(cursor):
        raise _malformed("cursor is what the answer before gave as next")
    task = given.get("task")
    if task is not None and not 0 < len(task) <= MAX_TASK:
        raise _malformed("task is a task's name")
    return Wanted(
        status=None if status is None else _STATES[status],
        task=task,
        limit=_limit(given.get("limit")),
        after=cursor,
    )


async def read_page(index: JobIndex, producer: str, wanted: Wanted) -> Page:
    """Read one page. It looks at `MAX_SCANNED` jobs at most, however few of them are wanted."""
    found: list[Record] = []
    after, scanned = wanted.after, 0
    chunk = CHUNK if wanted.filters else wanted.limit
    while chunk:
        ids = await index.ids(producer, after, chunk + 1)
        passed, chosen = await _choose(index, ids[:chunk], wanted, wanted.limit - len(found))
        # One may have changed since it was chosen, or be gone: a dispatcher takes it out of the
        # index a little later.
        found += [
            record
            for record in await index.records(chosen)
            if record is not None and record.producer == producer and wanted.fits(record)
        ]
        if not passed or passed[-1] == ids[-1]:
            return Page(tuple(found), None)
        after, scanned = passed[-1], scanned + len(passed)
        if len(found) == wanted.limit:
            break
        chunk = min(CHUNK, MAX_SCANNED - scanned)
    return Page(tuple(found), after)


async def _choose(
    index: JobIndex, ids: Sequence[str], wanted: Wanted, most: int
) -> tuple[Sequence[str], Sequence[str]]:
    """Give the ids that are done with, and those among them whose records are worth reading."""
    if len(ids) <= most:
        return ids, ids
    chosen: list[str] = []
    for number, label in enumerate(await index.labels(ids), 1):
        if label is not None and wanted.fits(label):
            chosen.append(ids[number - 1])
            if len(chosen) == most:
                return ids[:number], chosen
    return ids, chosen


def page_view(page: Page) -> JsonObject:
    """Give the body of `GET /v1/jobs`."""
    return {"jobs": [short_view(record) for record in page.records], "next": page.after}


def short_view(record: Record) -> JsonObject:
    """Give a job as a list shows it: from its record alone, which no worker has sealed."""
    return {
        "id": record.job_id,
        "status": record.state,
        "task": record.task,
        "attempts": record.attempt,
        "max_attempts": record.max_attempts,
        "accepted_at": to_rfc3339(record.accepted),
        "due_at": to_rfc3339(record.due),
        "expires_at": to_rfc3339(record.expires),
        "started_at": _time(record.started),
        "finished_at": _time(record.finished),
        "error": record_error(record),
    }


def record_error(record: Record) -> JsonValue:
    """Give why the last attempt ended, or the job settled, as the record says it."""
    return {"code": record.error} if record.error else None


def _time(value: int | None) -> str | None:
    return None if value is None else to_rfc3339(value)


def _parameters(query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            query,
            keep_blank_values=True,
            strict_parsing=bool(query),
            errors="strict",
            max_num_fields=len(_PARAMETERS),
        )
    except ValueError:
        raise _malformed("the query cannot be read") from None
    given = dict(pairs)
    if len(given) != len(pairs) or given.keys() - _PARAMETERS:
        raise _malformed("the query has status, task, limit and cursor, each once at most")
    return given


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 0 < int(text) <= MAX_LIMIT):
        raise _malformed(f"limit is a whole number from 1 to {MAX_LIMIT}")
    return int(text)


def _malformed(message: str) -> Refused:
    return Refused("malformed_request", message)
