"""Is every promise kept in a Redis that was started from what a power cut left?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any, Final

from backends.redis_clients import SyncRedis
from bench.power.load import FINAL, Promise, Told
from gateway.dispatcher.ledger import DispatcherLedger
from signing.ledger import keys
from signing.ledger.record import Record, record_from
from workers.ledger import Settlement, WorkerLedger

#: Jobs are submitted with at most a second's delay.
DUE_S: Final = 10.0
_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Broken:
    """A promise that was not kept: which job, and what is wrong with it."""

    job: str
    what: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """The restored ledger, as those see it who go on with it."""

    superuser: SyncRedis
    dispatcher: DispatcherLedger
    worker: WorkerLedger
    keyid: str
    producer: str


def broken_promises(
    ledger: Ledger, promises: Sequence[Promise], told: Sequence[Told]
) -> list[Broken]:
    """Look for each accepted job, then take every one of them to its end."""
    records = dict(zip((p.job for p in promises), _records(ledger, promises), strict=True))
    broken = list(_states(records, told))
    for part in _parts(promises):
        broken += _lacking(ledger, part, records)
    broken += _not_run(ledger, {job: record for job, record in records.items() if record})
    return broken


def _records(ledger: Ledger, promises: Sequence[Promise]) -> list[Record | None]:
    pipe: Any = ledger.superuser.pipeline(transaction=False)
    for promise in promises:
        pipe.hgetall(keys.job(promise.job))
    return [
        record_from(promise.job, fields)
        for promise, fields in zip(promises, pipe.execute(), strict=True)
    ]


def _states(records: Mapping[str, Record | None], told: Sequence[Told]) -> Iterator[Broken]:
    for item in told:
        record = records.get(item.job)
        if record is not None and record.state != item.state:
            yield Broken(item.job, f"was told as {item.state} and is {record.state}")


def _lacking(
    ledger: Ledger, promises: Sequence[Promise], records: Mapping[str, Record | None]
) -> Iterator[Broken]:
    """What is missing of a job, index by index."""
    pipe: Any = ledger.superuser.pipeline(transaction=False)
    for promise in promises:
        record = records[promise.job]
        pipe.exists(keys.nonce(ledger.keyid, promise.nonce))
        pipe.get(keys.idempotency(ledger.producer, promise.idempotency_key or ""))
        pipe.exists(keys.seal(promise.job))
        pipe.exists(keys.result(promise.job))
        pipe.zscore(keys.EXPIRING, promise.job)
        pipe.zscore(keys.DUE, promise.job)
        pipe.zscore(keys.published(record.queue if record else ""), promise.job)
        pipe.zscore(keys.RUNNING, promise.job)
    found = iter(pipe.execute())
    for promise in promises:
        nonce, first, seal, result, expiring, due, published, running = (
            next(found) for _ in range(8)
        )
        record = records[promise.job]
        there = {
            "record": record is not None,
            "nonce": nonce == 1,
            "idempotency key": promise.idempotency_key is None
            or (first or b"").startswith(promise.job.encode()),
        }
        if record is not None and record.state in FINAL:
            there["result"] = record.state != "succeeded" or result == 1
        elif record is not None:
            there["seal"] = seal == 1
            there["index of expiries"] = expiring is not None
            queued = due is not None or published is not None
            there["index"] = running is not None if record.state == "running" else queued
        yield from (
            Broken(promise.job, f"no {what}") for what, is_there in there.items() if not is_there
        )


def _not_run(ledger: Ledger, records: Mapping[str, Record]) -> Iterator[Broken]:
    """Publish, claim and settle, as dispatcher and worker do, and give what does not succeed."""
    attempts = {job: item.attempt for job, item in records.items() if item.state == "running"}
    waiting = {job for job, item in records.items() if item.state == "queued"}
    published = {job for job in waiting if not _is_due(ledger, job)}
    deadline = monotonic() + DUE_S
    while waiting and monotonic() < deadline:
        published |= {hint.job_id for hint in ledger.dispatcher.take_due(_BATCH)} & waiting
        claims = ledger.worker.claim([(job, f"power-{job}") for job in sorted(published)])
        for job, claim in zip(sorted(published), claims, strict=True):
            if claim.status == "claimed":
                attempts[job] = claim.attempt
                waiting.discard(job)
        published &= waiting
        if waiting and not published:
            sleep(0.02)  # what is due a little later is waited for
    yield from (Broken(job, "cannot be claimed") for job in sorted(waiting))
    jobs = sorted(attempts.items())
    states = ledger.worker.settle([_success(job, attempt) for job, attempt in jobs])
    for (job, _), state in zip(jobs, states, strict=True):
        if state != "succeeded":
            yield Broken(job, f"does not run to success: {state}")


def _is_due(ledger: Ledger, job: str) -> bool:
    return ledger.superuser.zscore(keys.DUE, job) is not None


def _success(job: str, attempt: int) -> Settlement:
    return Settlement(job, attempt, "succeeded", b"result", "", 0)


def _parts(promises: Sequence[Promise]) -> Iterator[Sequence[Promise]]:
    for start in range(0, len(promises), _BATCH):
        yield promises[start : start + _BATCH]
