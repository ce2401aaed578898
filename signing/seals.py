"""Sealing and verifying jobs and results: claims in, envelope out, and back only if trusted."""

import hashlib
from dataclasses import dataclass

from signing.claims import JOB_TYPE, RESULT_TYPE, JobClaims, ResultClaims
from signing.dsse import Envelope, Signature, pae, parse_envelope, verify
from signing.errors import SealInvalid
from signing.keyring import Keyring

CLOCK_SKEW_MS = 30_000


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A payload and the bytes of it that a signer has to sign."""

    payload_type: str
    payload: bytes

    @property
    def to_sign(self) -> bytes:
        """The DSSE pre-authentication encoding."""
        return pae(self.payload_type, self.payload)

    @property
    def digest(self) -> str:
        """The digest by which a result names its job's seal, `sha-256:<hex>` over the PAE."""
        return f"sha-256:{hashlib.sha256(self.to_sign).hexdigest()}"

    def sealed(self, keyid: str, sig: bytes) -> bytes:
        """Put a signature to it and write the envelope."""
        return Envelope(self.payload_type, self.payload, (Signature(keyid, sig),)).to_json()


@dataclass(frozen=True, slots=True)
class VerifiedJob:
    """A job whose seal was verified. `seal` is the digest that its result is bound to."""

    claims: JobClaims
    seal: str
    keyids: tuple[str, ...]


def unsigned_job(claims: JobClaims) -> Unsigned:
    """Prepare a job for its signer."""
    return Unsigned(JOB_TYPE, claims.to_payload())


def unsigned_result(claims: ResultClaims) -> Unsigned:
    """Prepare a result for its signer."""
    return Unsigned(RESULT_TYPE, claims.to_payload())


def verify_job(data: bytes, keyring: Keyring, *, audience: str, now: int) -> VerifiedJob:
    """Verify a sealed job; nothing of `data` is returned but what a trusted key signed.

    The steps, in order:
        1. parse the envelope strictly; 2. find keys trusted for the gateway's role now;
        3. check payload type and signatures over the PAE; 4. read the signed claims;
        5. check audience, 6. and that the claims were not issued in the future.

    Expiry is not checked here: an expired job is a true job, and the ledger settles it.

    Raises:
        SealInvalid: the code says which step refused it.
    """
    envelope = parse_envelope(data)  # 1
    trusted = keyring.trusted_for(envelope, role="gateway", now=now)  # 2
    verified = verify(envelope, trusted, payload_type=JOB_TYPE)  # 3
    claims = JobClaims.from_payload(verified.payload)  # 4
    if claims.audience != audience:  # 5
        raise SealInvalid("the job is sealed for another audience", code="audience_mismatch")
    if claims.issued_at > now + CLOCK_SKEW_MS:  # 6
        raise SealInvalid("the job was issued in the future", code="issued_in_future")
    digest = Unsigned(JOB_TYPE, verified.payload).digest
    return VerifiedJob(claims=claims, seal=digest, keyids=verified.keyids)


def verify_result(
    data: bytes, keyring: Keyring, *, job_id: str, job_seal: str, audience: str, now: int
) -> ResultClaims:
    """Verify a sealed result and that it is the result of this job under this seal.

    Raises:
        SealInvalid: as `verify_job`, and `result_mismatch` for another job's result.
    """
    envelope = parse_envelope(data)
    trusted = keyring.trusted_for(envelope, role="worker", now=now)
    verified = verify(envelope, trusted, payload_type=RESULT_TYPE)
    claims = ResultClaims.from_payload(verified.payload)
    if claims.audience != audience:
        raise SealInvalid("the result is sealed for another audience", code="audience_mismatch")
    if claims.id != job_id or claims.job_seal != job_seal:
        raise SealInvalid("the result belongs to another job", code="result_mismatch")
    return claims
