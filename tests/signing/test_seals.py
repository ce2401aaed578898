import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing.claims import JOB_TYPE, RESULT_TYPE, JobClaims, ResultClaims
from signing.dsse import Envelope, pae, parse_envelope
from signing.errors import SealInvalid
from signing.keyring import Keyring
from signing.seals import (
    CLOCK_SKEW_MS,
    Unsigned,
    unsigned_job,
    unsigned_result,
    verify_job,
    verify_result,
)
from tests.signing.builders import (
    AUDIENCE,
    JOB_ID,
    NOW,
    OTHER_JOB_ID,
    envelope,
    job_claims,
    result_claims,
    seal_key,
    sealed,
)
from tests.signing.test_claims import JOBS, RESULTS

KEYRING = Keyring(
    [
        seal_key("g:1", 1, verify_until=NOW + 60_000),
        seal_key("g:2", 2),
        seal_key("w:1", 3, role="worker"),
        seal_key("g:0", 4, revoked=True),
    ]
)
JOB = unsigned_job(job_claims())
RESULT = unsigned_result(result_claims(job_seal=JOB.digest))

REFUSALS_OF_A_CHANGED_BIT = {
    "seal_malformed",
    "seal_signature_invalid",
    "payload_type_mismatch",
    "key_unknown",
    "key_revoked",
}


def _job_refusal(data: bytes, *, now: int = NOW, audience: str = AUDIENCE) -> str:
    with pytest.raises(SealInvalid) as refused:
        verify_job(data, KEYRING, audience=audience, now=now)
    return refused.value.code


def _verify_result(data: bytes, **changes: Any) -> ResultClaims:
    expected: dict[str, Any] = {"job_id": JOB_ID, "job_seal": JOB.digest, "audience": AUDIENCE}
    return verify_result(data, KEYRING, **(expected | {"now": NOW} | changes))


def _result_refusal(data: bytes, **changes: Any) -> str:
    with pytest.raises(SealInvalid) as refused:
        _verify_result(data, **changes)
    return refused.value.code


class TestJobs:
    @given(JOBS)
    def test_what_is_sealed_is_verified_as_it_was(self, claims: JobClaims) -> None:
        unsigned = unsigned_job(claims)
        verified = verify_job(
            sealed(unsigned, "g:2", 2), KEYRING, audience=claims.audience, now=claims.issued_at
        )
        assert verified.claims == claims
        assert (verified.seal, verified.keyids) == (unsigned.digest, ("g:2",))

    def test_old_and_new_key_verify_during_a_rotation(self) -> None:
        for kid, seed in (("g:1", 1), ("g:2", 2)):
            data = sealed(JOB, kid, seed)
            assert verify_job(data, KEYRING, audience=AUDIENCE, now=NOW).keyids == (kid,)

    def test_the_digest_does_not_depend_on_the_key(self) -> None:
        seals = {
            verify_job(sealed(JOB, kid, seed), KEYRING, audience=AUDIENCE, now=NOW).seal
            for kid, seed in (("g:1", 1), ("g:2", 2))
        }
        assert seals == {f"sha-256:{hashlib.sha256(pae(JOB_TYPE, JOB.payload)).hexdigest()}"}

    @pytest.mark.parametrize(
        ("data", "code"),
        [
            (b"{}", "seal_malformed"),
            (sealed(JOB, "g:9", 9), "key_unknown"),
            (sealed(JOB, "w:1", 3), "key_unknown"),
            (sealed(JOB, "g:0", 4), "key_revoked"),
            (sealed(JOB, "g:2", 1), "seal_signature_invalid"),
            (sealed(RESULT, "g:2", 2), "payload_type_mismatch"),
            (sealed(Unsigned(JOB_TYPE, RESULT.payload), "g:2", 2), "claims_invalid"),
            (sealed(Unsigned(JOB_TYPE, b"x"), "g:2", 2), "claims_invalid"),
        ],
    )
    def test_each_step_refuses_with_its_code(self, data: bytes, code: str) -> None:
        assert _job_refusal(data) == code

    def test_a_key_past_its_window_is_refused(self) -> None:
        assert _job_refusal(sealed(JOB, "g:1", 1), now=NOW + 60_000) == "key_expired"

    @pytest.mark.parametrize("audience", ["other", "Countersign", "countersign ", ""])
    def test_another_audience_is_refused(self, audience: str) -> None:
        assert _job_refusal(sealed(JOB, "g:2", 2), audience=audience) == "audience_mismatch"

    def test_a_future_issue_is_refused_beyond_the_clocks_skew(self) -> None:
        data = sealed(JOB, "g:2", 2)
        verified = verify_job(data, KEYRING, audience=AUDIENCE, now=NOW - CLOCK_SKEW_MS)
        assert verified.claims.issued_at == NOW
        assert _job_refusal(data, now=NOW - CLOCK_SKEW_MS - 1) == "issued_in_future"

    def test_an_expired_job_is_still_a_true_job(self) -> None:
        data = sealed(unsigned_job(job_claims(expires_at=NOW)), "g:2", 2)
        assert verify_job(data, KEYRING, audience=AUDIENCE, now=NOW + 10**9).claims.id == JOB_ID

    @given(st.data())
    def test_any_bit_of_the_sealed_message_counts(self, data: st.DataObject) -> None:
        original = sealed(JOB, "g:2", 2)
        bit = data.draw(st.integers(0, 8 * len(original) - 1))
        changed = bytearray(original)
        changed[bit // 8] ^= 1 << bit % 8
        assert _job_refusal(bytes(changed)) in REFUSALS_OF_A_CHANGED_BIT

    def test_a_claim_changed_under_the_same_signature_is_refused(self) -> None:
        signed = parse_envelope(sealed(JOB, "g:2", 2))
        for field in json.loads(JOB.payload):
            document = json.loads(JOB.payload) | {field: "hunter2"}
            forged = Envelope(JOB_TYPE, json.dumps(document).encode(), signed.signatures)
            assert _job_refusal(forged.to_json()) == "seal_signature_invalid"

    def test_a_trusted_signature_beside_an_unknown_one_is_enough(self) -> None:
        both = envelope(JOB_TYPE, JOB.payload, ("g:9", 9), ("g:2", 2)).to_json()
        assert verify_job(both, KEYRING, audience=AUDIENCE, now=NOW).keyids == ("g:2",)


class TestResults:
    @given(RESULTS)
    def test_what_is_sealed_is_verified_as_it_was(self, claims: ResultClaims) -> None:
        data = sealed(unsigned_result(claims), "w:1", 3)
        bound = {"job_id": claims.id, "job_seal": claims.job_seal, "audience": claims.audience}
        assert _verify_result(data, **bound) == claims

    @pytest.mark.parametrize(
        ("data", "code"),
        [
            (b"", "seal_malformed"),
            (sealed(RESULT, "w:9", 9), "key_unknown"),
            (sealed(RESULT, "g:2", 2), "key_unknown"),
            (sealed(RESULT, "w:1", 2), "seal_signature_invalid"),
            (sealed(JOB, "w:1", 3), "payload_type_mismatch"),
            (sealed(Unsigned(RESULT_TYPE, JOB.payload), "w:1", 3), "claims_invalid"),
        ],
    )
    def test_each_step_refuses_with_its_code(self, data: bytes, code: str) -> None:
        assert _result_refusal(data) == code

    def test_another_audience_is_refused(self) -> None:
        assert _result_refusal(sealed(RESULT, "w:1", 3), audience="other") == "audience_mismatch"

    def test_the_result_of_another_job_is_refused(self) -> None:
        data = sealed(RESULT, "w:1", 3)
        assert _verify_result(data).id == JOB_ID
        assert _result_refusal(data, job_id=OTHER_JOB_ID) == "result_mismatch"

    def test_a_result_of_the_same_job_under_another_seal_is_refused(self) -> None:
        other = unsigned_job(job_claims(args={"amount": 13}))
        assert _result_refusal(sealed(RESULT, "w:1", 3), job_seal=other.digest) == "result_mismatch"

    def test_a_result_that_names_another_job_is_refused(self) -> None:
        claims = result_claims(id=OTHER_JOB_ID, job_seal=JOB.digest)
        assert _result_refusal(sealed(unsigned_result(claims), "w:1", 3)) == "result_mismatch"


def test_the_digest_of_a_job_is_not_that_of_a_result_with_the_same_payload() -> None:
    assert Unsigned(JOB_TYPE, b"x").digest != Unsigned(RESULT_TYPE, b"x").digest
