"""The client for producers: signs, submits, waits, and checks the worker's seal on the result.

    with Client("https://gateway.example", key_id="shop-1", private_key="shop.pem") as client:
        job = client.submit("payments.capture", {"invoice": "2026-17", "amount": 12})
        print(client.result(job.id, timeout=60))

It runs on the base install: cryptography, http-message-signatures and urllib3, nothing else.
"""

from gateway.client.client import Client
from gateway.client.endings import JobFailed, NotSettled
from gateway.client.errors import (
    ClientError,
    ProblemError,
    ResultUnverified,
    TransportError,
)
from gateway.client.system import System
from gateway.client.types import JobError, JobStatus, JobSummary, SubmittedJob, Task
from signing.claims import ResultClaims

__all__ = [
    "Client",
    "ClientError",
    "JobError",
    "JobFailed",
    "JobStatus",
    "JobSummary",
    "NotSettled",
    "ProblemError",
    "ResultClaims",
    "ResultUnverified",
    "SubmittedJob",
    "System",
    "Task",
    "TransportError",
]
