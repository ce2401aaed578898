"""What a pool is handed of a claimed job, and what each of its words comes to."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
from billiard.einfo import ExceptionInfo
from billiard.exceptions import TimeLimitExceeded, WorkerLostError

from tests.signing.builders import JOB_ID
from tests.workers.builders import claimed
from workers.child import run_in_pool
from workers.request import PoolRequest
from workers.types import Claimed, Outcome

GIVEN = claimed(soft_time_limit=3, time_limit=5)
LOST = Outcome("lost", error="worker_lost", delay_ms=100)
OVER_TIME = Outcome("failed", error="time_limit_exceeded")


class Heard:
    """What the pipeline is told."""

    def __init__(self) -> None:
        self.begun: list[Claimed] = []
        self.finished: list[Outcome] = []
        self.request = PoolRequest(GIVEN, self.begun.append, self.finish)

    def finish(self, given: Claimed, outcome: Outcome) -> None:
        assert given is GIVEN
        self.finished.append(outcome)


@pytest.fixture
def heard() -> Heard:
    return Heard()


def info(error: Exception) -> Any:
    try:
        raise error
    except type(error):
        return ExceptionInfo(sys.exc_info())


def test_limits_come_from_the_seal(heard: Heard) -> None:
    class Pool:
        def apply_async(self, target: Callable[..., Any], **options: Any) -> Any:
            self.target, self.options = target, options
            return "handed over"

    pool = Pool()
    assert heard.request.execute_using_pool(pool, loglevel=1) == "handed over"
    assert pool.target is run_in_pool
    assert pool.options["args"] == (GIVEN,)
    assert (pool.options["soft_timeout"], pool.options["timeout"]) == (3, 5)
    assert pool.options["correlation_id"] == heard.request.id == JOB_ID
    assert heard.request.name == "payments.capture"


def test_a_run_begins(heard: Heard) -> None:
    heard.request.on_accepted(1234, 0.0)
    assert heard.begun == [GIVEN]


def test_an_outcome_is_passed_on(heard: Heard) -> None:
    outcome = Outcome("succeeded", result=1)
    heard.request.on_success((0, outcome, None))
    assert heard.finished == [outcome]


@pytest.mark.parametrize("returned", [None, "x", (0, "x", None), info(WorkerLostError("x"))])
def test_no_outcome_is_a_lost_run(heard: Heard, returned: Any) -> None:
    heard.request.on_success(returned)
    assert heard.finished == [LOST]


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        (info(WorkerLostError("x")), LOST),
        (WorkerLostError("x"), LOST),
        (info(TimeLimitExceeded(5)), OVER_TIME),
        (TimeLimitExceeded(5), OVER_TIME),
    ],
    ids=["lost", "lost plain", "over time", "over time plain"],
)
def test_a_failure_of_the_pool(heard: Heard, told: Any, outcome: Outcome) -> None:
    heard.request.on_failure(told)
    assert heard.finished == [outcome]


def test_the_soft_limit_is_the_tasks_to_handle(heard: Heard) -> None:
    heard.request.on_timeout(soft=True, timeout=3)
    assert heard.finished == []


def test_the_hard_limit_ends_a_run(heard: Heard) -> None:
    heard.request.on_timeout(soft=False, timeout=5)
    assert heard.finished == [OVER_TIME]


def test_nothing_of_an_error_is_logged(heard: Heard, caplog: pytest.LogCaptureFixture) -> None:
    heard.request.on_failure(info(WorkerLostError("tok_secret")))
    assert "WorkerLostError" in caplog.text
    assert "tok_secret" not in caplog.text
