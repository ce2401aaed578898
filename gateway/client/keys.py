"""The public keys that seals are checked by: the gateway's JWK set, kept for seconds."""

import threading
from collections.abc import Callable
from typing import Final

from gateway.client.errors import ResultUnverified, TransportError
from gateway.client.types import JobStatus
from signing.claims import ResultClaims
from signing.errors import KeyInvalid, SealInvalid
from signing.jwk import from_jwks
from signing.keyring import Keyring
from signing.seals import verify_result
from signing.strict_json import JsonObject

#: A revoked key stops counting everywhere within 10 s; this leaves time to fetch.
FRESH_S: Final = 5.0


class KeyCache:
    """Fetches the keys when they are missing, old, or lack one that somebody asks for."""

    def __init__(self, fetch: Callable[[], JsonObject], monotonic: Callable[[], float]) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._keyring = Keyring(())
        self._good_until = float("-inf")

    def current(self) -> Keyring:
        """Give keys that are at most `FRESH_S` old.

        Raises:
            ProblemError, TransportError: where they cannot be fetched.
        """
        with self._lock:
            if self._monotonic() >= self._good_until:
                self._refresh()
            return self._keyring

    def newer(self, than: Keyring) -> Keyring:
        """Give keys that were fetched after those; another thread may just have done so.

        Raises:
            ProblemError, TransportError: where they cannot be fetched.
        """
        with self._lock:
            if self._keyring is than:
                self._refresh()
            return self._keyring

    def _refresh(self) -> None:
        begun = self._monotonic()
        try:
            self._keyring = from_jwks(self._fetch())
        except KeyInvalid as error:
            raise TransportError(f"the keys: {error.message}", code="answer_invalid") from None
        self._good_until = begun + FRESH_S


def verified_claims(job: JobStatus, keys: KeyCache, *, audience: str, now: int) -> ResultClaims:
    """Check a job's sealed result, with newer keys where one is not known.

    Raises:
        ResultUnverified: where it is not what a worker sealed for this job; the code says why.
        ProblemError, TransportError: where the keys cannot be fetched.
    """
    if job.sealed_result is None:
        raise ResultUnverified("the job has no sealed result", code="result_missing")
    keyring = keys.current()
    try:
        claims = _verify(job, job.sealed_result, keyring, audience, now)
    except SealInvalid as error:
        if error.code != "key_unknown":
            raise _unverified(error) from None
        try:
            claims = _verify(job, job.sealed_result, keys.newer(keyring), audience, now)
        except SealInvalid as again:
            raise _unverified(again) from None
    if claims.state != job.status:
        raise ResultUnverified("the sealed result says another status", code="result_mismatch")
    return claims


def _verify(
    job: JobStatus, sealed: bytes, keyring: Keyring, audience: str, now: int
) -> ResultClaims:
    return verify_result(
        sealed, keyring, job_id=job.id, job_seal=job.seal, audience=audience, now=now
    )


def _unverified(error: SealInvalid) -> ResultUnverified:
    return ResultUnverified(f"the result's seal: {error.message}", code=error.code)
