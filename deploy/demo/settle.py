"""Act: the results are awaited, and checked against the worker's seal with the gateway's JWKS."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any

from deploy.demo.enrol import Registered
from deploy.demo.facts import Sent, Settled
from gateway.client import Client, JobStatus, NotSettled, ResultUnverified
from signing.claims import ResultClaims


def await_result(sent: Sent, registered: Registered, seconds: float) -> Settled:
    """Wait so long for a job, and verify its result if there is one."""
    client = registered.client
    try:
        status = client.wait(sent.job_id, timeout=max(seconds, 0.0))
    except NotSettled as error:
        status = error.job
    claims = _verified(client, status)
    return Settled(
        sent=sent,
        status=status.status,
        claims=claims,
        forged_verifies=_verified(client, _with_a_byte_changed(status)) is not None,
        worked_with_secret=proves_secret(sent, claims, registered.stored_secret),
    )


def proves_secret(sent: Sent, claims: ResultClaims | None, stored: str) -> bool | None:
    """Compute what the task had to compute with its secret, and compare."""
    expected = _expected_mac(sent, stored)
    if expected is None:
        return None
    result = claims.result if claims is not None else None
    if not isinstance(result, dict):
        return False
    headers = result.get("headers")
    told = result.get("seal")
    if isinstance(headers, dict):
        told = str(headers.get("webhook-signature")).removeprefix("v1=")
    return told == expected


def _expected_mac(sent: Sent, stored: str) -> str | None:
    args = sent.args
    if sent.job.task == "documents.archive":
        return _mac(args["storage_key"], args["text"].encode())
    if sent.job.task == "webhooks.deliver":
        body = json.dumps(args["body"], separators=(",", ":"), sort_keys=True).encode()
        secret = args["signing_secret"]
        key = secret if isinstance(secret, str) else stored
        return _mac(key, sent.job_id.encode() + b"." + body)
    return None


def _mac(key: str, data: bytes) -> str:
    return hmac.new(key.encode(), data, hashlib.sha256).hexdigest()


def _verified(client: Client, status: JobStatus) -> ResultClaims | None:
    try:
        return client.verified_result(status)
    except ResultUnverified:
        return None


def _with_a_byte_changed(status: JobStatus) -> JobStatus:
    if status.sealed_result is None:
        return status
    envelope: dict[str, Any] = json.loads(status.sealed_result)
    payload = bytearray(base64.b64decode(envelope["payload"]))
    payload[-2] ^= 1
    envelope["payload"] = base64.b64encode(payload).decode("ascii")
    return replace(status, sealed_result=json.dumps(envelope).encode())
