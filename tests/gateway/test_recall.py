"""A replay: out of a kept seal that verifies, through the same steps, and into a new job."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import Refused
from gateway.pipeline import Ingress
from gateway.recall import REPLAYABLE, recall
from gateway.types import KeptJob, RawRequest
from signing.claims import JobClaims
from signing.http_fields import HttpRequest
from signing.ids import uuid7
from signing.keyring import Keyring
from signing.ledger.record import Limits
from signing.ledger.states import STATES
from signing.seals import unsigned_job, verify_job
from tests.gateway.fakes import (
    KEYRING,
    NOW,
    STRIPE_KEY,
    FakeLedger,
    FakeStore,
    answering,
    ingress,
    registration,
)
from tests.gateway.test_status import RECORD
from tests.signing.builders import AUDIENCE, JOB_ID, OTHER_JOB_ID, job_claims, seal_key, sealed
from tests.signing.http_requests import BARE, signed_request

NEW_ID = uuid7(NOW, bytes(10))
LIFE_MS = 60_000


def claims(**changes: Any) -> JobClaims:
    """What the job was: due long ago, for a minute."""
    due = NOW - 1_000_000
    fields: dict[str, Any] = {"task": "demo.echo", "args": {"value": 7}, "priority": 8}
    times = {"issued_at": due - 5, "not_before": due, "expires_at": due + LIFE_MS}
    return job_claims(**fields | times | changes)


def kept(*, state: Any = "failed", seed: int = 1, **changes: Any) -> KeptJob:
    """A job of `shop`'s that the ledger kept; `changes` are its claims'."""
    seal = sealed(unsigned_job(claims(**changes)), "countersign-job:1", seed)
    return KeptJob(replace(RECORD, state=state), seal)


def replaying(
    job_id: str = JOB_ID, *, nonce: str = "n-1", body: bytes = b"", **headers: str
) -> HttpRequest:
    """A signed request for a replay."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    if body:
        fields["content-type"] = "application/json"
    url = f"{BARE}/{job_id}/replay"
    return signed_request(url=url, method="POST", headers=fields, body=body, nonce=nonce)


def raw(**parts: Any) -> RawRequest:
    return RawRequest(http=replaying(**parts), client="192.0.2.7", received_at=NOW)


def replay(job: KeptJob | None, pipeline: Ingress | None = None, **parts: Any) -> FakeLedger:
    """Replay over fakes; give the ledger."""
    ledger = FakeLedger(jobs={} if job is None else {JOB_ID: job})
    asyncio.run((pipeline or ingress(ledger=ledger)).replay(raw(**parts), JOB_ID))
    return ledger


def refusal(job: KeptJob | None, **parts: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        replay(job, **parts)
    return refused.value


def test_it_is_a_new_job_with_a_seal_of_its_own() -> None:
    accepted = replay(kept()).seen[0]
    sealed_now = verify_job(accepted.seal, KEYRING, audience=AUDIENCE, now=NOW).claims
    assert accepted.job_id == sealed_now.id == NEW_ID
    assert (sealed_now.task, sealed_now.args, sealed_now.priority) == ("demo.echo", {"value": 7}, 8)
    assert (sealed_now.issued_at, sealed_now.not_before) == (NOW, NOW)
    assert sealed_now.expires_at == NOW + LIFE_MS
    assert (sealed_now.request.keyid, sealed_now.request.nonce) == ("shop-1", "n-1")
    assert (accepted.nonce, accepted.idempotency_key) == ("n-1", None)


def test_its_limits_are_the_catalogs_of_today() -> None:
    accepted = replay(kept(queue="old", time_limit=1, soft_time_limit=1, max_attempts=99)).seen[0]
    now = verify_job(accepted.seal, KEYRING, audience=AUDIENCE, now=NOW).claims
    assert (now.queue, now.time_limit, now.max_attempts) == ("fast", 700, 5)


@pytest.mark.parametrize("state", [state for state in STATES if state not in REPLAYABLE])
def test_only_what_failed_or_expired_runs_again(state: str) -> None:
    assert refusal(kept(state=state)).code == "not_replayable"


def test_what_expired_runs_again() -> None:
    assert replay(kept(state="expired")).seen


def test_a_job_whose_secrets_are_deleted_says_what_to_do() -> None:
    error = refusal(replace(kept(), seal=None))
    assert error.code == "not_replayable"
    assert "submit it again with its secrets" in error.message


def test_another_producers_job_is_not_found() -> None:
    job = kept()
    theirs = replace(job, record=replace(job.record, producer="another"))
    assert refusal(theirs).code == refusal(None).code == "job_not_found"


@pytest.mark.parametrize(
    "job",
    [
        kept(seed=9),
        kept(id=OTHER_JOB_ID),
        kept(producer="another"),
        kept(audience="another"),
        replace(kept(), seal=b"{}"),
        replace(kept(), seal=b""),
    ],
)
def test_a_seal_that_is_not_this_jobs_by_a_trusted_key_starts_nothing(job: KeptJob) -> None:
    error = refusal(job)
    assert error.code == "not_replayable"
    assert "seal" in error.message


def test_a_seal_by_a_revoked_key_starts_nothing() -> None:
    authenticated = ingress().authenticate(raw())
    revoked = Keyring([seal_key("countersign-job:1", 1, revoked=True)])
    with pytest.raises(Refused) as refused:
        recall(authenticated, kept(), revoked, audience=AUDIENCE)
    assert refused.value.code == "not_replayable"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"task": "admin.wipe", "args": {}}, "task_not_granted"),
        ({"task": "demo.gone"}, "task_unknown"),
        ({"args": {"other": 1}}, "schema_invalid"),
        ({"args": {"value": {"$secret": "vault:s/a#card@1"}}}, "reference_not_granted"),
        ({"task": "payments.refund", "args": {"note": STRIPE_KEY}}, "secret_refused"),
    ],
)
def test_it_is_held_to_what_holds_for_a_new_job(changes: dict[str, Any], code: str) -> None:
    ledger = FakeLedger(jobs={JOB_ID: kept(**changes)})
    with pytest.raises(Refused) as refused:
        asyncio.run(ingress(ledger=ledger).replay(raw(), JOB_ID))
    assert (refused.value.code, ledger.seen) == (code, [])


def test_what_is_a_secret_by_now_goes_to_vault() -> None:
    store, ledger = FakeStore(), FakeLedger(jobs={JOB_ID: kept(args={"value": STRIPE_KEY})})
    asyncio.run(ingress(store=store, ledger=ledger).replay(raw(), JOB_ID))
    assert store.written == {f"jobs/fast/demo.echo/{NEW_ID}": {"s0": STRIPE_KEY}}
    assert STRIPE_KEY.encode() not in ledger.seen[0].seal
    assert ledger.seen[0].has_secret


def test_it_has_no_body() -> None:
    assert refusal(kept(), body=b"{}").code == "malformed_request"


@pytest.mark.parametrize("outcome", ["replayed", "mismatch", "limited", "full"])
def test_nonce_rate_and_quota_count_as_for_a_new_job(outcome: str) -> None:
    codes = {
        "replayed": "replayed",
        "mismatch": "idempotency_mismatch",
        "limited": "rate_limited",
        "full": "quota_exceeded",
    }
    ledger = answering(outcome)
    ledger.jobs[JOB_ID] = kept()
    limited = registration(limits={"per_second": 1, "burst": 1, "open_jobs": 1})
    with pytest.raises(Refused) as refused:
        asyncio.run(ingress(ledger=ledger, producers=[limited]).replay(raw(), JOB_ID))
    assert refused.value.code == codes[outcome]
    assert ledger.seen[0].limits == Limits(per_second=1, burst=1, open_jobs=1)


def test_an_idempotency_key_stands_for_one_jobs_replay() -> None:
    """Two replays both have an empty body, and are not the same thing."""
    other = replace(RECORD, job_id=OTHER_JOB_ID, state="failed")
    seal = sealed(unsigned_job(claims(id=OTHER_JOB_ID)), "countersign-job:1", 1)
    ledger = FakeLedger(jobs={JOB_ID: kept(), OTHER_JOB_ID: KeptJob(other, seal)})
    pipeline = ingress(ledger=ledger)
    for job_id, nonce in ((JOB_ID, "n-1"), (JOB_ID, "n-2"), (OTHER_JOB_ID, "n-3")):
        request = raw(job_id=job_id, nonce=nonce, idempotency_key="k-1")
        asyncio.run(pipeline.replay(request, job_id))
    first, again, another = ledger.seen
    assert first.idempotency_key == "k-1"
    assert first.body_digest == again.body_digest != another.body_digest


def test_a_refused_request_cannot_be_sent_again_once_the_job_has_failed() -> None:
    ledger = FakeLedger(jobs={JOB_ID: kept(state="running")})
    codes = []
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            asyncio.run(ingress(ledger=ledger).replay(raw(), JOB_ID))
        codes.append(refused.value.code)
    assert codes == ["not_replayable", "replayed"]
    assert ledger.nonces == {("shop-1", "n-1")}
