"""Step 1 of the worker: nothing but what a trusted key signed leaves here. Pure."""

from collections.abc import Collection

from signing.errors import SealInvalid
from signing.keyring import Keyring
from signing.seals import verify_job
from workers.types import Delivered, Verified
from workers.wire import envelope


def verify(
    delivered: Delivered,
    keyring: Keyring,
    *,
    audience: str,
    tasks: Collection[str],
    now: int,
) -> Verified:
    """Verify a delivered message and hold it to this worker's queue and tasks.

    Raises:
        SealInvalid: `verify_job`'s codes, `envelope`'s, `queue_mismatch`, `task_not_served`.
    """
    job = verify_job(envelope(delivered), keyring, audience=audience, now=now)
    if job.claims.queue != delivered.queue:
        raise SealInvalid("the job is sealed for another queue", code="queue_mismatch")
    if job.claims.task not in tasks:
        raise SealInvalid("no task of this name is served here", code="task_not_served")
    return Verified(
        job=job, queue=delivered.queue, raw=delivered.raw, redelivered=delivered.redelivered
    )
