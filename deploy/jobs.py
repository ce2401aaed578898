"""The ledger's jobs as the operator sees them, and the operator's word on those that wait."""

import heapq
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Literal, TypeVar, get_args

from redis.exceptions import RedisError

from backends.environment import Environment
from backends.errors import LedgerUnavailable
from backends.redis_clients import (
    Call,
    SyncRedis,
    connect,
    reply_or_error,
    run_each,
    unavailable,
)
from backends.settings import redis_settings
from signing.ledger import keys
from signing.ledger.lua import OPERATE
from signing.ledger.record import RETENTION_MS, LedgerInvalid, Record, record_from
from signing.ledger.states import TRANSITIONS, State

T = TypeVar("T")
Action = Literal["release", "fail", "cancel"]

#: From which states each action takes a job. One that runs is its worker's.
TAKES: Final[dict[Action, frozenset[str]]] = {
    action: frozenset(
        before
        for event, before in TRANSITIONS
        if event == action and before not in (None, "running")
    )
    for action in get_args(Action)
}
LEDGER: Final = "COUNTERSIGN_REDIS_LEDGER_URL"
CHUNK: Final = 200
#: The newest jobs that a list looks at, where none of the indexes answers its question.
MAX_SCANNED: Final = 100_000
_INDEXES: Final = {"held": keys.HELD, "running": keys.RUNNING}


@dataclass(frozen=True, slots=True)
class LedgerJob:
    """A job's record; `held_since` is when it began to wait for an operator, ms."""

    record: Record
    held_since: int | None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A job whose record is broken, or one that an index names and that has no record."""

    job_id: str
    held_since: int | None


@dataclass(frozen=True, slots=True)
class Listing:
    """Jobs, newest first; `complete` is false where older ones were not looked at.

    Attributes:
        unreadable: those whose records cannot be read; with a filter, those that may fit it.
    """

    jobs: tuple[LedgerJob, ...]
    unreadable: tuple[Unreadable, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class Operated:
    """What became of a job; states are `None` where there is none of this id, or it is not known.

    Attributes:
        secret: whether the job had secrets of its own, so that it cannot be replayed.
        trouble: why it is not known.
    """

    job_id: str
    before: str | None
    after: str | None
    secret: bool = False
    trouble: LedgerUnavailable | None = None


class LedgerJobs:
    """The operator's view; nothing here reads a seal, an argument or a result.

    Every method raises `LedgerUnavailable` where Redis does not answer.
    """

    def __init__(self, client: SyncRedis) -> None:
        self._client = client

    def find(self, ids: Sequence[str]) -> list[LedgerJob | Unreadable | None]:
        """Give jobs; `None` where there is none."""
        pipe: Any = self._client.pipeline(transaction=False)  # redis-py is loosely typed
        for job_id in ids:
            pipe.hgetall(keys.job(job_id))
            pipe.zscore(keys.HELD, job_id)
        replies = _replies(pipe)
        pairs = zip(replies[::2], replies[1::2], strict=True)
        return [_job(job_id, *pair) for job_id, pair in zip(ids, pairs, strict=True)]

    def listed(
        self,
        *,
        status: State | None = None,
        task: str | None = None,
        producer: str | None = None,
        limit: int,
    ) -> Listing:
        """List jobs that fit, newest first; the held and the running have indexes of their own."""
        ids = self._indexed(status) if status in _INDEXES else self._newest(producer)
        found: list[LedgerJob] = []
        broken: list[Unreadable] = []
        scanned = 0
        while chunk := list(islice(ids, CHUNK)):
            for job in self.find(chunk):
                if isinstance(job, Unreadable):
                    if status is None or status in _INDEXES:
                        broken.append(job)
                elif job is not None and _fits(job.record, status, task, producer):
                    if len(found) == limit:
                        return Listing(tuple(found), tuple(broken), complete=False)
                    found.append(job)
            scanned += len(chunk)
            if scanned >= MAX_SCANNED:
                return Listing(tuple(found), tuple(broken), complete=next(ids, None) is None)
        return Listing(tuple(found), tuple(broken), complete=True)

    def held(self, task: str | None = None) -> Listing:
        """Give every job that waits for an operator, `MAX_SCANNED` at most."""
        return self.listed(status="held", task=task, limit=MAX_SCANNED)

    def operate(self, ids: Sequence[str], action: Action) -> Iterator[Operated]:
        """Run the script `operate` on jobs, many in one round trip; tell of each what became of it.

        Where Redis stops answering, those that were asked for are told as not known; then it raises
        for those that were not.
        """
        for begin in range(0, len(ids), CHUNK):
            some = ids[begin : begin + CHUNK]
            calls = [Call(OPERATE, (), (job_id, action, RETENTION_MS)) for job_id in some]
            try:
                said = run_each(self._client, calls)
            except LedgerUnavailable as error:
                yield from (Operated(job_id, None, None, trouble=error) for job_id in some)
                raise
            yield from self._told(some, said)

    def _told(self, ids: Sequence[str], said: Sequence[Any]) -> Iterator[Operated]:
        pipe: Any = self._client.pipeline(transaction=False)
        for job_id in ids:
            pipe.hmget(keys.job(job_id), "state", "secret")
        try:
            now = _replies(pipe)
        except LedgerUnavailable as error:
            now = [error] * len(ids)
        for job_id, before, after in zip(ids, said, now, strict=True):
            yield _operated(job_id, before, after)

    def _indexed(self, status: State | None) -> Iterator[str]:
        found: Any = _converted(lambda: self._client.zrange(_INDEXES[str(status)], 0, -1))
        return iter(sorted(map(_text, found), reverse=True))

    def _newest(self, producer: str | None) -> Iterator[str]:
        if producer is not None:
            return self._of(producer)
        # `cs:open` names every producer that ever had a job.
        names: Any = _converted(lambda: self._client.hgetall(keys.OPEN))
        return heapq.merge(*(self._of(_text(name)) for name in names), reverse=True)

    def _of(self, producer: str) -> Iterator[str]:
        begin = "+"
        while True:
            first = begin
            found: Any = _converted(
                lambda: self._client.zrange(
                    keys.producer(producer),
                    first,  # noqa: B023 - run at once
                    "-",
                    desc=True,
                    bylex=True,
                    offset=0,
                    num=CHUNK,
                )
            )
            yield from map(_text, found)
            if len(found) < CHUNK:
                return
            begin = f"({_text(found[-1])}"


@contextmanager
def open_jobs(environment: Environment) -> Iterator[LedgerJobs]:
    """Open the ledger with the settings given, as the operator's role has them.

    Raises:
        SettingError: for a setting that is missing.
    """
    client = connect(redis_settings(environment, LEDGER))
    try:
        yield LedgerJobs(client)
    finally:
        client.close()


def _fits(record: Record, status: str | None, task: str | None, producer: str | None) -> bool:
    return (
        (status is None or record.state == status)
        and (task is None or record.task == task)
        and (producer is None or record.producer == producer)
    )


def _job(job_id: str, fields: Any, held_since: Any) -> LedgerJob | Unreadable | None:
    since = int(held_since) if isinstance(held_since, float) else None
    if isinstance(fields, LedgerUnavailable):
        return Unreadable(job_id, since)
    try:
        record = record_from(job_id, fields)
    except LedgerInvalid:
        return Unreadable(job_id, since)
    if record is None:
        return None if since is None else Unreadable(job_id, since)
    return LedgerJob(record, since)


def _operated(job_id: str, before: Any, after: Any) -> Operated:
    if isinstance(before, LedgerUnavailable):
        return Operated(job_id, None, None, trouble=before)
    was = None if before == b"unknown" else _text(before)
    if isinstance(after, LedgerUnavailable):
        return Operated(job_id, was, None, trouble=after)
    state, secret = after
    return Operated(job_id, was, _text(state) if state else None, secret=secret == b"1")


def _replies(pipe: Any) -> list[Any]:
    """Give one reply for each command; that of one which failed by itself is an error."""
    return [
        reply_or_error(reply) for reply in _converted(lambda: pipe.execute(raise_on_error=False))
    ]


def _converted(call: Callable[[], T]) -> T:
    try:
        return call()
    except (RedisError, OSError) as error:
        raise unavailable(error) from None


def _text(value: bytes) -> str:
    return value.decode("ascii", "replace")
