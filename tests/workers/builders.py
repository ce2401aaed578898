"""Claimed and verified jobs for these tests; every part can be replaced by name."""

import math
from typing import Any

from signing.keyring import Keyring
from signing.seals import VerifiedJob, unsigned_job
from tests.signing.builders import NOW, job_claims, seal_key, sealed
from workers.types import Claimed, Verified

KEYRING = Keyring([seal_key("job:1", 1), seal_key("result:1", 2, role="worker")])


def job_id(number: int) -> str:
    """A job id for a small number."""
    return f"017f22e2-79b0-7cc3-98c4-{number:012x}"


def verified_job(**claims: Any) -> VerifiedJob:
    """A job as if its seal had been verified."""
    return VerifiedJob(job_claims(**claims), "sha-256:00", ("job:1",))


def claimed(
    attempt: int = 1, max_attempts: int = 5, *, begin_by: float = math.inf, **claims: Any
) -> Claimed:
    """A claimed job."""
    return Claimed(verified_job(**claims), attempt, max_attempts, NOW, begin_by)


def verified(number: int = 1) -> Verified:
    """A verified message."""
    return Verified(verified_job(id=job_id(number)), "fast", b"raw %d" % number)


def sealed_job(**claims: Any) -> bytes:
    """An envelope by the gateway's key."""
    return sealed(unsigned_job(job_claims(**claims)), "job:1", 1)
