"""The index of each producer's jobs in Redis, as `gateway.listing` reads it."""

import logging
from collections.abc import Awaitable, Sequence
from typing import Any

from redis.exceptions import RedisError

from backends.redis_clients import AsyncRedis, checked, unavailable
from gateway.listing import Label
from signing.ledger import keys
from signing.ledger.record import LedgerInvalid, Record, record_from

_log = logging.getLogger(__name__)


class RedisJobIndex:
    """Implements `listing.JobIndex`."""

    def __init__(self, client: AsyncRedis) -> None:
        self._client = client

    async def ids(self, producer: str, after: str | None, most: int) -> Sequence[str]:
        """Give ids, newest first.

        Raises:
            LedgerUnavailable: where Redis does not answer.
        """
        begin = "+" if after is None else f"({after}"
        found = await converted(
            self._client.zrange(
                keys.producer(producer), begin, "-", desc=True, bylex=True, offset=0, num=most
            )
        )
        return [str(job_id, "ascii", "replace") for job_id in found]

    async def labels(self, ids: Sequence[str]) -> Sequence[Label | None]:
        """Give what the filters look at.

        Raises:
            LedgerUnavailable: where Redis does not answer.
        """
        pipe = self._client.pipeline(transaction=False)
        for job_id in ids:
            pipe.hmget(keys.job(job_id), "state", "task")
        return [_label(*pair) for pair in await self._replies(pipe)]

    async def records(self, ids: Sequence[str]) -> Sequence[Record | None]:
        """Give records; one that cannot be read is left out, or it would hide all others.

        Raises:
            LedgerUnavailable: where Redis does not answer.
        """
        pipe = self._client.pipeline(transaction=False)
        for job_id in ids:
            pipe.hgetall(keys.job(job_id))
        replies = await self._replies(pipe)
        return [_record(job_id, fields) for job_id, fields in zip(ids, replies, strict=True)]

    async def _replies(self, pipe: Any) -> list[Any]:
        return checked(await converted(pipe.execute(raise_on_error=False))) if len(pipe) else []


async def converted(call: Awaitable[Any]) -> Any:
    """Wait for a reply of Redis.

    Raises:
        LedgerUnavailable: where there is none.
    """
    try:
        return await call
    except (RedisError, OSError) as error:
        raise unavailable(error) from None


def _label(state: bytes | None, task: bytes | None) -> Label | None:
    if state is None or task is None:
        return None
    return Label(state.decode("ascii", "replace"), task.decode("ascii", "replace"))


def _record(job_id: str, fields: dict[bytes, bytes]) -> Record | None:
    try:
        return record_from(job_id, fields)
    except LedgerInvalid:
        _log.error("left out of a list: the record of job %s cannot be read", job_id)
        return None
