"""Step 4: the claims hold everything a worker acts on, and the signer's signature verifies."""

import asyncio
import hashlib
from typing import Any

import pytest

from backends.errors import VaultUnavailable
from gateway import seal as module
from gateway.admit import admit
from gateway.authenticate import authenticate
from gateway.errors import Refused
from gateway.seal import body_digest, seal
from gateway.strip import strip
from gateway.types import Sealed
from signing.errors import SealInvalid
from signing.seals import verify_job
from tests.gateway.fakes import BOOK, KEYRING, NOW, FakeSigner, FakeStore, directory, raw_request
from tests.signing.builders import AUDIENCE, JOB_ID

BODY = {"task": "payments.capture", "args": {"amount": 5, "card": "4111 1111"}, "priority": 7}


def sealed(body: Any = BODY, signer: FakeSigner | None = None) -> Sealed:
    async def run() -> Sealed:
        authenticated = authenticate(raw_request(body, nonce="n-9"), directory())
        job = admit(authenticated, BOOK, job_id=JOB_ID, max_bytes=10_000)
        return await seal(await strip(job, FakeStore()), signer or FakeSigner(), AUDIENCE)

    return asyncio.run(run())


def test_the_seal_verifies_and_says_what_was_admitted() -> None:
    job = sealed()
    verified = verify_job(job.seal, KEYRING, audience=AUDIENCE, now=NOW)
    claims, spec = verified.claims, BOOK.catalog["payments.capture"]
    assert claims == job.claims
    assert verified.seal == job.digest
    assert (claims.id, claims.producer, claims.task, claims.queue) == (
        JOB_ID,
        "shop",
        spec.name,
        spec.queue,
    )
    assert (claims.issued_at, claims.not_before) == (NOW, NOW)
    assert (claims.priority, claims.max_attempts) == (7, spec.max_attempts)
    assert (claims.time_limit, claims.soft_time_limit) == (spec.time_limit, spec.soft_time_limit)


def test_the_claims_are_bound_to_the_request() -> None:
    job = sealed()
    body = job.stripped.admitted.authenticated.raw.http.body
    assert body_digest(body) == f"sha-256:{hashlib.sha256(body).hexdigest()}"
    request = job.claims.request
    assert (request.digest, request.keyid, request.nonce) == (body_digest(body), "shop-1", "n-9")


def test_the_seal_holds_no_secret_value() -> None:
    job = sealed()
    assert b"4111" not in job.seal
    assert b"4111" not in job.claims.to_payload()


def test_a_seal_for_another_audience_is_refused_there() -> None:
    with pytest.raises(SealInvalid):
        verify_job(sealed().seal, KEYRING, audience="elsewhere", now=NOW)


def test_where_the_signer_does_not_answer_nothing_goes_on() -> None:
    with pytest.raises(VaultUnavailable):
        sealed(signer=FakeSigner(VaultUnavailable("down")))


def test_an_envelope_that_no_worker_would_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(sealed().seal)
    monkeypatch.setattr(module, "MAX_ENVELOPE_BYTES", size)
    sealed()
    monkeypatch.setattr(module, "MAX_ENVELOPE_BYTES", size - 1)
    with pytest.raises(Refused) as refused:
        sealed()
    assert refused.value.code == "too_large"
