"""`Client`: what a producer's code calls."""

import math
import os
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlencode

from gateway.client.address import read_address
from gateway.client.endings import JobFailed, NotSettled
from gateway.client.errors import ClientError, ProblemError, TransportError
from gateway.client.exchange import Call, Exchange, OnRetry
from gateway.client.keys import KeyCache, verified_claims
from gateway.client.submission import check_idempotency_key, job_body
from gateway.client.system import System
from gateway.client.transport import Transport
from gateway.client.types import (
    JobStatus,
    JobSummary,
    SubmittedJob,
    Task,
    read_page,
    read_status,
    read_submitted,
    read_tasks,
)
from signing.algorithms import AlgorithmName, algorithm_name, private_key
from signing.claims import ResultClaims
from signing.errors import SettingError
from signing.http_signer import RequestSigner
from signing.ids import is_job_id
from signing.strict_json import JsonObject, JsonValue

#: The longest that a gateway holds a request for a job to settle.
MAX_HOLD_S: Final = 60
#: The most jobs that a gateway lists at once.
MAX_PAGE: Final = 100
#: A gateway that answers at once, though asked to hold, is not asked more often than so.
PAUSE_S: Final = 0.5
KEY_BYTES: Final = 16


def _keep_quiet(_error: ClientError, _delay: float) -> None:
    """Say nothing of tries that failed."""


class Client:
    """Calls one gateway as one producer; may be used by several threads.

    Every request is signed anew at every try. What passes by itself (no connection, 429, 503) is
    tried again for up to `retry_for` seconds; that is safe for a submission too, since it always
    has an idempotency key.
    """

    def __init__(
        self,
        url: str,
        *,
        key_id: str,
        private_key: str | os.PathLike[str] | bytes,
        algorithm: str = "ed25519",
        ca: str | os.PathLike[str] | None = None,
        audience: str = "countersign",
        timeout: float = 10.0,
        retry_for: float = 60.0,
        on_retry: OnRetry = _keep_quiet,
        system: System | None = None,
    ) -> None:
        """Read the key; nothing is sent yet.

        Args:
            url: `https://host` or `https://host:port`.
            key_id: the id under which the key is registered.
            private_key: path of a PEM file, or its content; for `hmac-sha256` base64 text.
            algorithm: the one that the key is registered for.
            ca: file with the CA's certificates; the system's without it.
            audience: what results have to be sealed for.
            timeout: seconds that one try may take.
            retry_for: seconds that all tries of one call may take.
            on_retry: told of each try that failed and is made again.
            system: clock, sleep and randomness, for tests.

        Raises:
            SettingError, KeyInvalid: where an argument cannot be used; never with its value.
        """
        if not (0 < timeout < math.inf and retry_for > 0):
            raise SettingError("timeout and retry_for have to be above 0, and timeout finite")
        self._system = system or System()
        self._timeout = timeout
        self._retry_for = retry_for
        self._audience = audience
        self._address = read_address(url)
        self._key_id = key_id
        signer = _signer(key_id, algorithm, private_key)
        self._transport = Transport(self._address, ca=ca, monotonic=self._system.monotonic)
        self._exchange = Exchange(self._address, self._transport, signer, self._system, on_retry)
        self._keys = KeyCache(self._fetch_keys, self._system.monotonic)

    def submit(
        self,
        task: str,
        args: Mapping[str, Any],
        *,
        not_before: datetime | str | None = None,
        delay: timedelta | float | None = None,
        expires: datetime | timedelta | float | str | None = None,
        priority: int | None = None,
        idempotency_key: str | None = None,
    ) -> SubmittedJob:
        """Hand in one job; once this returns, the gateway does not lose it.

        Args:
            task: its name in the catalog.
            args: the task's arguments, by name.
            not_before: when it may run at the earliest; or
            delay: how long after its acceptance, a number is seconds.
            expires: when it need not run any more; a number is seconds from its acceptance.
            priority: 0 to 9.
            idempotency_key: made where it is left out.

        Raises:
            ValueError: for arguments that JSON cannot carry.
            ProblemError, TransportError: with the idempotency key, under which the same
                submission may be made again.
        """
        body = job_body(
            task, args, not_before=not_before, delay=delay, expires=expires, priority=priority
        )
        return self._submit("/v1/jobs", body, idempotency_key)

    def replay(self, job_id: str, *, idempotency_key: str | None = None) -> SubmittedJob:
        """Have a job that failed or expired run again, as a new one.

        Args:
            job_id: of the job that failed or expired.
            idempotency_key: made where it is left out.

        Raises:
            ProblemError: `not_replayable` where it is in another state, or had secrets; others,
                and the idempotency key, as `submit`.
            ValueError, TransportError: as `submit`.
        """
        return self._submit(f"{_job_target(job_id)}/replay", b"", idempotency_key)

    def status(self, job_id: str, *, wait: int = 0) -> JobStatus:
        """Ask how a job stands.

        Args:
            job_id: as the gateway gave it.
            wait: seconds, at most 60, that the gateway may hold the request until the job
                settles.

        Raises:
            ValueError: where `job_id` is no job id, or `wait` is out of bounds.
            ProblemError, TransportError: where the gateway refuses or cannot be asked.
        """
        if not 0 <= wait <= MAX_HOLD_S:
            raise ValueError(f"wait is a whole number from 0 to {MAX_HOLD_S}")
        return self._status(job_id, wait, self._retry_for + wait)

    def wait(self, job_id: str, *, timeout: float) -> JobStatus:
        """Wait until a job settles, whatever it settles to.

        A gateway that is away meanwhile is waited for too, at most one try's time longer.

        Raises:
            NotSettled: where it does not within `timeout` seconds.
            ValueError, ProblemError, TransportError: as `status`.
        """
        if math.isnan(timeout):
            raise ValueError("timeout is a number of seconds")
        deadline = self._system.monotonic() + timeout
        while True:
            begun = self._system.monotonic()
            left = max(0.0, deadline - begun)
            hold = int(min(MAX_HOLD_S, left))
            job = self._status(job_id, hold, left + self._timeout)
            if job.settled:
                return job
            now = self._system.monotonic()
            if now >= deadline:
                raise NotSettled(job)
            self._system.sleep(min(max(0.0, begun + PAUSE_S - now), deadline - now))

    def result(self, job_id: str, *, timeout: float) -> JsonValue:
        """Wait for a job and give its result, verified.

        Raises:
            JobFailed: where it settled otherwise; what a worker said of a failure is verified.
            ResultUnverified: as `verified_result`.
            NotSettled, ValueError, ProblemError, TransportError: as `wait`.
        """
        job = self.wait(job_id, timeout=timeout)
        if job.status != "succeeded" and job.sealed_result is None:
            raise JobFailed(job)
        claims = self.verified_result(job)
        if claims.state != "succeeded":
            raise JobFailed(job)
        return claims.result

    def verified_result(self, job: JobStatus) -> ResultClaims:
        """Check the worker's seal on a job's result, and give what it says.

        Raises:
            ResultUnverified: where there is none, or it is not one for this job by a key that
                the gateway tells to be a worker's.
            ProblemError, TransportError: where the keys cannot be fetched.
        """
        return verified_claims(job, self._keys, audience=self._audience, now=self._system.clock())

    def cancel(self, job_id: str) -> None:
        """Cancel a job that has not started; one that is cancelled stays so.

        Raises:
            ProblemError: `not_cancellable` where it has started or settled; others as `status`.
            ValueError, TransportError: as `status`.
        """
        target = _job_target(job_id)
        try:
            self._exchange.call(Call("DELETE", target, self._timeout, self._retry_for))
        except ProblemError as error:
            # The try before this one may have cancelled it, and its answer was lost.
            if error.code != "not_cancellable" or self.status(job_id).status != "cancelled":
                raise

    def jobs(
        self, *, status: str | None = None, task: str | None = None, limit: int | None = None
    ) -> Iterator[JobSummary]:
        """List this producer's jobs, newest first; pages are fetched as they are needed.

        Every job that is there at the first page comes once; what is accepted meanwhile does not.

        Args:
            status: only jobs in this state.
            task: only jobs of this task.
            limit: how many at most; all of them without it.

        Raises:
            ValueError: where `limit` is below 1.
            ProblemError, TransportError: where the gateway refuses or cannot be asked; raised
                while the list is gone through.
        """
        if limit is not None and limit < 1:
            raise ValueError("limit is a whole number above 0")
        return self._jobs({"status": status, "task": task}, limit)

    def tasks(self) -> tuple[Task, ...]:
        """Ask which tasks this producer may submit.

        Raises:
            ProblemError, TransportError: where the gateway refuses or cannot be asked.
        """
        call = Call("GET", "/v1/tasks", self._timeout, self._retry_for)
        return read_tasks(self._exchange.call(call).document)

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self._address.url!r}, key_id={self._key_id!r})"

    def _submit(self, target: str, body: bytes, idempotency_key: str | None) -> SubmittedJob:
        made = idempotency_key is None
        key = self._system.random(KEY_BYTES).hex() if made else idempotency_key or ""
        headers = {"idempotency-key": check_idempotency_key(key)}
        if body:
            headers["content-type"] = "application/json"
        call = Call("POST", target, self._timeout, self._retry_for, headers, body)
        try:
            reply = self._exchange.call(call)
            return read_submitted(reply.document, reply.location, key)
        except ClientError as error:
            error.idempotency_key = key
            raise

    def _jobs(self, filters: Mapping[str, str | None], limit: int | None) -> Iterator[JobSummary]:
        query = {name: value for name, value in filters.items() if value is not None}
        left = math.inf if limit is None else limit
        while left > 0:
            query["limit"] = str(min(left, MAX_PAGE))
            target = f"/v1/jobs?{urlencode(query)}"
            call = Call("GET", target, self._timeout, self._retry_for)
            page = read_page(self._exchange.call(call).document)
            yield from page.jobs
            left -= len(page.jobs)
            if page.next is None:
                return
            if page.next == query.get("cursor"):
                raise TransportError("the list does not go on", code="answer_invalid")
            query["cursor"] = page.next

    def _status(self, job_id: str, hold: int, within: float) -> JobStatus:
        target = _job_target(job_id) + (f"?wait={hold}" if hold else "")
        call = Call("GET", target, self._timeout + hold, within)
        return read_status(self._exchange.call(call).document, job_id)

    def _fetch_keys(self) -> JsonObject:
        target = "/.well-known/jwks.json"
        call = Call("GET", target, self._timeout, self._retry_for, signed=False)
        return self._exchange.call(call).document


def _job_target(job_id: str) -> str:
    if not is_job_id(job_id):
        raise ValueError("not a job id")
    return f"/v1/jobs/{job_id}"


def _signer(key_id: str, algorithm: str, key: str | os.PathLike[str] | bytes) -> RequestSigner:
    name: AlgorithmName = algorithm_name(algorithm)
    if not (key_id and key_id.isascii() and key_id.isprintable()):
        raise SettingError("the key's id is not printable ASCII")
    if isinstance(key, bytes):
        return RequestSigner(key_id, name, private_key(name, key))
    try:
        content = Path(key).read_bytes()
    except (OSError, ValueError):
        # Without the path: who passes the key itself as a text has it in there.
        raise SettingError("the file of the private key cannot be read") from None
    return RequestSigner(key_id, name, private_key(name, content))
