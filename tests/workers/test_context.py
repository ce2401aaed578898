"""A task knows its job; code outside of a job is told so."""

import threading
from datetime import UTC, datetime

import pytest

from signing.claims import JobClaims, RequestBinding
from workers import JobContext, current_job
from workers.context import entered
from workers.errors import NotInJob

CLAIMS = JobClaims(
    id="0193a1b2-0000-7000-8000-000000000001",
    producer="acme",
    task="payments.capture",
    queue="fast",
    args={},
    issued_at=0,
    not_before=0,
    expires_at=1_500,
    time_limit=700,
    soft_time_limit=600,
    max_attempts=3,
    priority=0,
    audience="countersign",
    request=RequestBinding("sha-256:00", "acme-1", "n"),
    trace="00-" + "a" * 32 + "-" + "b" * 16 + "-01",
)


def test_outside_of_a_job_there_is_none() -> None:
    with pytest.raises(NotInJob, match="inside of a running job"):
        current_job()


def test_a_job_sees_its_claims_and_its_attempt() -> None:
    with entered(JobContext.of(CLAIMS, 2, 3)) as context:
        assert current_job() is context
    assert context == JobContext(
        id=CLAIMS.id,
        attempt=2,
        max_attempts=3,
        producer="acme",
        task="payments.capture",
        queue="fast",
        expires_at=datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC),
        trace=CLAIMS.trace,
    )


def test_a_job_knows_its_last_attempt() -> None:
    assert not JobContext.of(CLAIMS, 2, 3).last_attempt
    assert JobContext.of(CLAIMS, 3, 3).last_attempt


def test_a_job_ends_with_its_block_also_when_the_task_fails() -> None:
    with pytest.raises(KeyError), entered(JobContext.of(CLAIMS, 1, 3)):
        raise KeyError
    with pytest.raises(NotInJob):
        current_job()


def test_each_thread_has_its_own_job() -> None:
    seen: list[bool] = []

    def look() -> None:
        try:
            current_job()
        except NotInJob:
            seen.append(True)

    with entered(JobContext.of(CLAIMS, 1, 3)):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert seen == [True]
