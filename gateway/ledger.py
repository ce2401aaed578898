"""The ledger as the ingress uses it: accept many requests in one round trip; read; cancel."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from backends.errors import LedgerUnavailable
from backends.redis_clients import (
    WANTED,
    AsyncRedis,
    Call,
    checked,
    run_each_async,
    run_scripts_async,
    wrong_setting,
)
from gateway.batching import Batcher
from gateway.job_index import RedisJobIndex, converted
from gateway.listing import Page, Wanted, read_page
from gateway.types import KeptJob
from signing.errors import CountersignError
from signing.ledger import keys
from signing.ledger.lua import ACCEPT, CANCEL
from signing.ledger.packed import PackedInvalid, unpack
from signing.ledger.record import (
    NONCE_TTL_MS,
    RETENTION_MS,
    Acceptance,
    Accepted,
    LedgerInvalid,
    Record,
    accepted_from,
    record_from,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class JobState:
    """A job's record and, once it has settled with one, its sealed result."""

    record: Record
    sealed_result: bytes | None


class GatewayLedger:
    """Implements `pipeline.IngressLedger`; every call ends within the timeout, in seconds."""

    def __init__(self, client: AsyncRedis, timeout_s: float) -> None:
        self._client = client
        self._timeout_s = timeout_s
        self._wrong: str | None = None
        self._accepts: Batcher[Acceptance, Accepted | CountersignError] = Batcher(
            self._accept, most=256, lanes=1
        )

    async def accept(self, acceptance: Acceptance) -> Accepted:
        """Run the script `accept`.

        Raises:
            LedgerUnavailable: where it may not have run, or Redis would not keep it.
            LedgerInvalid: where its reply is not of its form.
        """
        self._refuse_to_lose()
        answer = await self._guarded(self._accepts.submit(acceptance))
        if isinstance(answer, CountersignError):
            raise answer
        return answer

    async def use_nonce(self, keyid: str, nonce: str) -> bool:
        """Mark a nonce of a key as used; tell whether it was new.

        Raises:
            LedgerUnavailable: where Redis does not answer.
        """
        name = keys.nonce(keyid, nonce)
        return bool(
            await self._guarded(converted(self._client.set(name, b"1", nx=True, px=NONCE_TTL_MS)))
        )

    async def read(self, job_id: str) -> JobState | None:
        """Read a job; `None` where there is none.

        Raises:
            LedgerUnavailable: where Redis does not answer.
        """
        found = await self._guarded(self._read_with(job_id, keys.result(job_id)))
        return None if found is None else JobState(*found)

    async def kept(self, job_id: str) -> KeptJob | None:
        """Read a job with its seal; `None` where there is none.

        Raises:
            LedgerUnavailable: where Redis does not answer.
            LedgerInvalid: where its record is not of its form.
        """
        found = await self._guarded(self._read_with(job_id, keys.kept(job_id)))
        if found is None:
            return None
        record, packed = found
        try:
            return KeptJob(record, None if packed is None else unpack(packed))
        except PackedInvalid:
            return KeptJob(record, b"")

    async def page(self, producer: str, wanted: Wanted) -> Page:
        """List jobs of a producer, newest first.

        Raises:
            LedgerUnavailable: where Redis does not answer.
        """
        return await self._guarded(read_page(RedisJobIndex(self._client), producer, wanted))

    async def cancel(self, job_id: str, producer: str) -> str:
        """Run the script `cancel` and give the state before, or `unknown`.

        Raises:
            LedgerUnavailable: where it may not have run.
        """
        call = Call(CANCEL, (), (job_id, producer, RETENTION_MS))
        replies = await self._guarded(run_scripts_async(self._client, [call]))
        return str(replies[0], "ascii")

    async def purgeable(self, before_ms: int, most: int, passed: int = 0) -> list[str]:
        """Give Vault paths of settled jobs' secrets that nobody has deleted yet.

        The first `passed` of them are left out. What is no ASCII has surrogates for its bytes.

        Raises:
            LedgerUnavailable: where Redis does not answer.
        """
        found = await self._guarded(
            converted(self._client.zrangebyscore(keys.PURGE, "-inf", before_ms, passed, most))
        )
        return [str(path, "ascii", "surrogateescape") for path in found]

    async def purged(self, paths: Sequence[str]) -> None:
        """Say that these are deleted.

        Raises:
            LedgerUnavailable: where Redis does not answer.
        """
        members = [path.encode("ascii", "surrogateescape") for path in paths]
        await self._guarded(converted(self._client.zrem(keys.PURGE, *members)))

    async def ping(self) -> None:
        """Ask whether Redis serves.

        Raises:
            LedgerUnavailable: where it does not, or would not keep what is accepted.
        """
        await self._guarded(converted(self._client.ping()))
        self._refuse_to_lose()

    async def look(self) -> str | None:
        """Ask for Redis's settings, and name one by which it may lose what it acknowledged.

        Nothing is accepted from then on until a later look finds none.

        Raises:
            LedgerUnavailable: where Redis does not answer; what was found before still counts.
        """
        found = await self._guarded(converted(self._client.config_get(*WANTED)))
        self._wrong = wrong_setting(found)
        return self._wrong

    def _refuse_to_lose(self) -> None:
        if self._wrong is not None:
            raise LedgerUnavailable(
                f"the ledger's Redis has {self._wrong} not set to {WANTED[self._wrong]}"
            )

    async def _guarded(self, call: Awaitable[T]) -> T:
        try:
            return await asyncio.wait_for(call, self._timeout_s)
        except TimeoutError:
            raise LedgerUnavailable("the ledger's Redis does not answer in time") from None

    async def _accept(
        self, acceptances: Sequence[Acceptance]
    ) -> Sequence[Accepted | CountersignError]:
        """Answer each; what is wrong with one is its own answer, and nobody else's."""
        calls = [Call(ACCEPT, item.script_keys(), item.script_args()) for item in acceptances]
        return [_accepted(reply) for reply in await run_each_async(self._client, calls)]

    async def _read_with(self, job_id: str, other: str) -> tuple[Record, bytes | None] | None:
        # At one moment: a job that settles between the two would have a result and be running.
        pipe = self._client.pipeline(transaction=True)
        pipe.hgetall(keys.job(job_id))
        pipe.get(other)
        fields, value = checked(await converted(pipe.execute(raise_on_error=False)))
        record = record_from(job_id, fields)
        return None if record is None else (record, value)


def _accepted(reply: object) -> Accepted | CountersignError:
    if isinstance(reply, LedgerUnavailable):
        return reply
    try:
        return accepted_from(reply)
    except LedgerInvalid as error:
        return error
