"""Webhooks: sign what a receiver will verify."""

import hashlib
import hmac
import json
from typing import Annotated, Any, TypedDict

from pydantic import Field

from workers import Secret, current_job, job


class Delivery(TypedDict):
    """The request that would be sent."""

    url: str
    headers: dict[str, str]
    bytes: int


@job(
    "webhooks.deliver",
    queue="fast",
    max_attempts=10,
    retry_on=(ConnectionError, TimeoutError),
    soft_time_limit=15,
    time_limit=20,
)
def deliver(
    url: Annotated[str, Field(pattern=r"^https://", max_length=2_000)],
    event: Annotated[str, Field(pattern=r"^[a-z]+(\.[a-z]+)*$")],
    body: dict[str, Any],
    signing_secret: Secret[str],
) -> Delivery:
    """Sign an event with HMAC-SHA256 over the job's id and the body.

    The id stays the same over all attempts, so that a receiver can drop what it has seen.
    """
    job_id = current_job().id
    data = json.dumps(body, separators=(",", ":"), sort_keys=True).encode()
    signed = job_id.encode() + b"." + data
    signature = hmac.new(signing_secret.reveal().encode(), signed, hashlib.sha256).hexdigest()
    headers = {
        "content-type": "application/json",
        "webhook-event": event,
        "webhook-id": job_id,
        "webhook-signature": f"v1={signature}",
    }
    return {"url": url, "headers": headers, "bytes": len(data)}
