"""Step 5: what the ledger is given, and what each of its answers means to the producer."""

import asyncio
from typing import Any

import pytest

from backends.errors import LedgerUnavailable
from gateway.accept import accept, acceptance_of
from gateway.admit import admit
from gateway.authenticate import authenticate
from gateway.errors import Refused
from gateway.seal import body_digest, seal
from gateway.strip import strip
from gateway.types import Receipt, Sealed
from tests.gateway.fakes import (
    BOOK,
    FakeLedger,
    FakeSigner,
    FakeStore,
    answering,
    directory,
    raw_request,
)
from tests.signing.builders import JOB_ID, OTHER_JOB_ID

LIMITS = {"per_second": 2, "burst": 10, "open_jobs": 40}
BODY = {"task": "payments.capture", "args": {"card": "4111 1111"}, "delay": 60, "priority": 2}


def sealed(limits: dict[str, Any] | None = None) -> Sealed:
    async def run() -> Sealed:
        headers = {"content-type": "application/json", "idempotency-key": "order-1"}
        raw = raw_request(BODY, headers=headers, nonce="n-5")
        authenticated = authenticate(raw, directory(limits=limits or LIMITS))
        job = admit(authenticated, BOOK, job_id=JOB_ID, max_bytes=10_000)
        return await seal(await strip(job, FakeStore()), FakeSigner(), "countersign")

    return asyncio.run(run())


def accepted(ledger: FakeLedger, limits: dict[str, Any] | None = None) -> Receipt:
    return asyncio.run(accept(sealed(limits), ledger))


def refusal(ledger: FakeLedger, limits: dict[str, Any] | None = None) -> Refused:
    with pytest.raises(Refused) as refused:
        accepted(ledger, limits)
    return refused.value


def test_the_ledger_keeps_what_was_sealed_and_how_it_was_asked_for() -> None:
    job = sealed()
    item, claims = acceptance_of(job), job.claims
    assert (item.job_id, item.seal, item.seal_digest) == (JOB_ID, job.seal, job.digest)
    assert (item.producer, item.task, item.queue) == ("shop", claims.task, claims.queue)
    assert item.issued_at == claims.issued_at
    assert (item.not_before, item.expires_at) == (claims.not_before, claims.expires_at)
    assert (item.priority, item.max_attempts, item.on_lost) == (2, claims.max_attempts, "rerun")
    assert item.has_secret
    assert (item.keyid, item.nonce, item.idempotency_key) == ("shop-1", "n-5", "order-1")
    assert item.body_digest == body_digest(job.stripped.admitted.authenticated.raw.http.body)
    assert (item.limits.per_second, item.limits.burst, item.limits.open_jobs) == (2, 10, 40)


def test_an_accepted_job_gives_a_receipt() -> None:
    receipt = accepted(FakeLedger())
    assert receipt == Receipt(JOB_ID, "payments.capture", ("/args/card",), repeated=False)
    assert receipt.as_json() == {
        "id": JOB_ID,
        "status": "queued",
        "task": "payments.capture",
        "secrets": ["/args/card"],
    }


def test_a_repeated_idempotency_key_gives_the_first_id() -> None:
    receipt = accepted(answering("existing", OTHER_JOB_ID))
    assert (receipt.job_id, receipt.repeated) == (OTHER_JOB_ID, True)


@pytest.mark.parametrize(
    ("outcome", "code"), [("replayed", "replayed"), ("mismatch", "idempotency_mismatch")]
)
def test_a_conflict_is_refused_for_good(outcome: str, code: str) -> None:
    refused = refusal(answering(outcome))
    assert refused.code == code
    assert refused.retry_after_s is None


def test_too_many_at_once_are_told_their_rate_and_when_to_come_again() -> None:
    refused = refusal(answering("limited", wait_ms=1001))
    assert (refused.code, refused.retry_after_s) == ("rate_limited", 2)
    assert dict(refused.headers) == {
        "ratelimit-policy": '"jobs";q=10;w=5',
        "ratelimit": '"jobs";r=0;t=2',
    }


def test_waiting_less_than_a_second_is_a_second() -> None:
    assert refusal(answering("limited", wait_ms=1)).retry_after_s == 1
    policy = dict(refusal(answering("limited"), {"per_second": 50}).headers)["ratelimit-policy"]
    assert policy == '"jobs";q=1;w=1'


def test_clocks_that_are_apart_are_told_as_a_ledger_that_cannot_be_used() -> None:
    with pytest.raises(LedgerUnavailable, match="NTP"):
        accepted(answering("clock"))


def test_too_many_open_jobs_are_told_the_quota() -> None:
    refused = refusal(answering("full"))
    assert (refused.code, refused.retry_after_s) == ("quota_exceeded", 5)
    assert dict(refused.headers) == {
        "ratelimit-policy": '"open-jobs";q=40',
        "ratelimit": '"open-jobs";r=0;t=5',
    }


def test_where_the_ledger_does_not_answer_nothing_is_promised() -> None:
    with pytest.raises(LedgerUnavailable):
        accepted(FakeLedger(error=LedgerUnavailable("down")))
