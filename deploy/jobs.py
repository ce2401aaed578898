"""The ledger's jobs as the operator sees them, and the operator's word on those that wait."""

import heapq
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Literal, TypeVar

from redis.exceptions import RedisError

from backends.environment import Environment
from backends.redis_clients import Call, SyncRedis, checked, connect, run_scripts, unavailable
from backends.settings import redis_settings
from signing.ledger import keys
from signing.ledger.lua import OPERATE
from signing.ledger.record import RETENTION_MS, LedgerInvalid, Record, record_from
from signing.ledger.states import State

T = TypeVar("T")
Action = Literal["release", "fail", "cancel"]

#: From which states each action takes a job; the script `operate` decides.
TAKES: Final[dict[Action, frozenset[str]]] = {
    "release": frozenset({"held"}),
    "fail": frozenset({"held"}),
    "cancel": frozenset({"queued", "held"}),
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
class Listing:
    """Jobs, newest first; `complete` is false where older ones were not looked at."""

    jobs: tuple[LedgerJob, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class Operated:
    """What became of a job; states are `None` where there is none of this id."""

    job_id: str
    before: str | None
    after: str | None


class LedgerJobs:
    """The operator's view; nothing here reads a seal, an argument or a result.

    Every method raises `LedgerUnavailable` where Redis does not answer.
    """

    def __init__(self, client: SyncRedis) -> None:
        self._client = client

    def find(self, ids: Sequence[str]) -> list[LedgerJob | None]:
        """Give jobs; `None` where there is none, or its record cannot be read."""
        pipe: Any = self._client.pipeline(transaction=False)  # redis-py is loosely typed
        for job_id in ids:
            pipe.hgetall(keys.job(job_id))
            pipe.zscore(keys.HELD, job_id)
        replies = checked(_converted(lambda: pipe.execute(raise_on_error=False)))
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
        scanned = 0
        while chunk := list(islice(ids, CHUNK)):
            for job in self.find(chunk):
                if job is None or not _fits(job.record, status, task, producer):
                    continue
                if len(found) == limit:
                    return Listing(tuple(found), complete=False)
                found.append(job)
            scanned += len(chunk)
            if scanned >= MAX_SCANNED:
                return Listing(tuple(found), complete=False)
        return Listing(tuple(found), complete=True)

    def held(self, task: str | None = None) -> tuple[LedgerJob, ...]:
        """Give every job that waits for an operator."""
        return self.listed(status="held", task=task, limit=MAX_SCANNED).jobs

    def operate(self, ids: Sequence[str], action: Action) -> list[Operated]:
        """Run the script `operate` on jobs, many in one round trip."""
        done: list[Operated] = []
        for begin in range(0, len(ids), CHUNK):
            some = ids[begin : begin + CHUNK]
            calls = [Call(OPERATE, (), (job_id, action, RETENTION_MS)) for job_id in some]
            before = [_text(reply) for reply in run_scripts(self._client, calls)]
            pipe: Any = self._client.pipeline(transaction=False)
            for job_id in some:
                pipe.hget(keys.job(job_id), "state")
            after = checked(_converted(lambda: pipe.execute(raise_on_error=False)))  # noqa: B023 - run at once
            for job_id, old, new in zip(some, before, after, strict=True):
                known = old != "unknown"
                done.append(Operated(job_id, old if known else None, _text(new) if new else None))
        return done

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


def _job(job_id: str, fields: dict[bytes, bytes], held_since: float | None) -> LedgerJob | None:
    try:
        record = record_from(job_id, fields)
    except LedgerInvalid:
        return None
    if record is None:
        return None
    return LedgerJob(record, None if held_since is None else int(held_since))


def _converted(call: Callable[[], T]) -> T:
    try:
        return call()
    except (RedisError, OSError) as error:
        raise unavailable(error) from None


def _text(value: bytes) -> str:
    return value.decode("ascii", "replace")
