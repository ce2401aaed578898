"""Step 4 of the ingress: the job's claims, signed."""

import hashlib
from typing import Protocol

from backends.transit import Signed
from gateway.errors import Refused
from gateway.types import Sealed, Stripped
from signing.claims import JobClaims, RequestBinding
from signing.dsse import MAX_ENVELOPE_BYTES
from signing.errors import SealInvalid
from signing.seals import unsigned_job
from signing.strict_json import MAX_BYTES


class JobSigner(Protocol):
    """Signs one message; many callers may share one call to the keys' keeper."""

    async def sign(self, message: bytes) -> Signed:
        """Sign.

        Raises:
            VaultUnavailable: where the keys' keeper does not answer.
        """


def check_verifiable(stripped: Stripped, audience: str) -> None:
    """Hold a job to what a worker's reader will take: a job that was accepted is never lost.

    Its claims may be longer than its body was, since numbers have one form there, and one level
    deeper, where a reference stands for a secret.

    Raises:
        Refused: `too_large`, `malformed_request`.
    """
    payload = job_claims(stripped, audience).to_payload()
    if len(payload) > MAX_BYTES:
        raise _too_large()
    try:
        JobClaims.from_payload(payload)
    except SealInvalid as error:
        raise Refused("malformed_request", f"the job cannot be sealed: {error.message}") from None


async def seal(stripped: Stripped, signer: JobSigner, audience: str) -> Sealed:
    """Seal everything a worker will act on.

    Raises:
        Refused: `too_large`.
        VaultUnavailable: where the signer does not answer.
    """
    claims = job_claims(stripped, audience)
    unsigned = unsigned_job(claims)
    signed = await signer.sign(unsigned.to_sign)
    envelope = unsigned.sealed(signed.keyid, signed.sig)
    if len(envelope) > MAX_ENVELOPE_BYTES:
        raise _too_large()
    return Sealed(
        stripped=stripped,
        claims=claims,
        seal=envelope,
        digest=unsigned.digest,
    )


def job_claims(stripped: Stripped, audience: str) -> JobClaims:
    """Give the claims of a stripped job; limits come from the catalog, never from the request."""
    admitted = stripped.admitted
    authenticated, spec = admitted.authenticated, admitted.task
    return JobClaims(
        id=admitted.job_id,
        producer=authenticated.producer.name,
        task=spec.name,
        queue=spec.queue,
        args=stripped.args,
        issued_at=authenticated.raw.received_at,
        not_before=admitted.not_before,
        expires_at=admitted.expires_at,
        time_limit=spec.time_limit,
        soft_time_limit=spec.soft_time_limit,
        max_attempts=spec.max_attempts,
        priority=admitted.priority,
        audience=audience,
        request=RequestBinding(
            digest=body_digest(authenticated.raw.http.body),
            keyid=authenticated.keyid,
            nonce=authenticated.nonce,
        ),
        trace=admitted.trace,
    )


def body_digest(body: bytes) -> str:
    """Give the digest of a request's body, `sha-256:<hex>`."""
    return f"sha-256:{hashlib.sha256(body).hexdigest()}"


def _too_large() -> Refused:
    return Refused("too_large", "the job, once sealed, would be larger than workers take")
