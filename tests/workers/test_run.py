"""Step 4: every way in which a run can end is an outcome, and none holds a value."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded

from backends.errors import VaultDenied, VaultNotFound, VaultUnavailable
from backends.logs import SafeFormatter
from signing.errors import CountersignError
from signing.references import job_secret_path
from signing.strict_json import MAX_DEPTH, JsonValue
from tests.signing.builders import JOB_ID
from tests.workers.builders import claimed
from workers.context import current_job
from workers.job import Registry, job
from workers.run import MAX_RESULT_BYTES, json_value, retry_delay_ms, run_claimed
from workers.types import Claimed, Outcome

SECRET = "tok_0123456789"


class Reader:
    """Gives the secret, or raises."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error

    def read(self, mount: str, path: str, version: int) -> Mapping[str, JsonValue]:
        if self.error is not None:
            raise self.error
        return {"card": SECRET}


def run(
    function: Callable[..., Any],
    given: Claimed,
    reader: Reader | None = None,
    *,
    now: float = 0.0,
) -> Outcome:
    registry = Registry()
    declare = job("payments.capture", queue="fast", retry_on=(ConnectionError,), registry=registry)
    declare(function)
    return run_claimed(given, registry, reader or Reader(), jitter=lambda: 1.0, clock=lambda: now)


def card() -> dict[str, Any]:
    path = job_secret_path("fast", "payments.capture", JOB_ID)
    return {"card": {"$secret": f"vault:countersign-secrets/{path}#card@1"}}


def test_a_result() -> None:
    def task(a: int, b: list[str]) -> Any:
        return {"a": a, "b": b, "attempt": current_job().attempt}

    outcome = run(task, claimed(attempt=2, args={"a": 1, "b": ["x"]}))
    assert outcome == Outcome("succeeded", result={"a": 1, "b": ["x"], "attempt": 2})


def test_a_run_that_comes_too_late_does_not_begin() -> None:
    ran: list[str] = []
    reader = Reader(AssertionError("a secret is read"))
    late = claimed(begin_by=10.0, args=card())

    def task(card: str) -> None:
        ran.append(card)

    outcome = run(task, late, reader, now=10.1)
    assert outcome == Outcome("release", error="not_begun_in_time")
    assert ran == []


def test_a_run_whose_secrets_came_too_late_does_not_begin() -> None:
    ran: list[str] = []

    def task(card: str) -> None:
        ran.append(card)

    registry = Registry()
    job("payments.capture", queue="fast", registry=registry)(task)
    times = iter([9.0, 10.1])
    late = claimed(begin_by=10.0, args=card())
    outcome = run_claimed(late, registry, Reader(), jitter=lambda: 1.0, clock=lambda: next(times))
    assert (outcome, ran) == (Outcome("release", error="not_begun_in_time"), [])


def test_a_secret_is_taken_out_of_the_result() -> None:
    def task(card: str) -> Any:
        return {"whole": card, "inside": f"<{card}>", "length": len(card)}

    outcome = run(task, claimed(args=card()))
    assert outcome.kind == "succeeded"
    assert SECRET not in str(outcome.result)
    assert isinstance(outcome.result, dict)
    assert outcome.result["length"] == len(SECRET)


def test_arguments_that_do_not_fit() -> None:
    def task(a: int) -> None: ...

    assert run(task, claimed(args={"a": "x"})) == Outcome("failed", error="arguments_invalid")


@pytest.mark.parametrize(
    "result", [object(), {1, 2}, b"x", float("nan"), 2**60, "x" * MAX_RESULT_BYTES, "\ud800"]
)
def test_a_result_that_is_no_json(result: object) -> None:
    def task() -> Any:
        return result

    assert run(task, claimed(args={})) == Outcome("failed", error="result_invalid")


def nested(depth: int) -> JsonValue:
    value: JsonValue = 1
    for _ in range(depth):
        value = [value]
    return value


def test_a_result_as_deep_as_its_seal_can_hold() -> None:
    assert json_value(nested(MAX_DEPTH - 1)) == nested(MAX_DEPTH - 1)
    with pytest.raises(CountersignError):
        json_value(nested(MAX_DEPTH))


def test_a_result_that_holds_itself() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(CountersignError):
        json_value(endless)


@pytest.mark.parametrize(
    ("error", "attempt", "outcome"),
    [
        (RuntimeError("x"), 1, Outcome("failed", error="task_error", error_type="RuntimeError")),
        (
            ConnectionResetError("x"),
            1,
            Outcome("retry", error="task_error", error_type="ConnectionResetError", delay_ms=1000),
        ),
        (
            ConnectionError("x"),
            4,
            Outcome("retry", error="task_error", error_type="ConnectionError", delay_ms=8000),
        ),
        (
            ConnectionError("x"),
            5,
            Outcome("failed", error="task_error", error_type="ConnectionError"),
        ),
        (
            SoftTimeLimitExceeded(),
            1,
            Outcome("failed", error="time_limit_exceeded", error_type="SoftTimeLimitExceeded"),
        ),
    ],
    ids=repr,
)
def test_what_a_task_raises(error: Exception, attempt: int, outcome: Outcome) -> None:
    def task() -> None:
        raise error

    assert run(task, claimed(attempt=attempt, args={})) == outcome


def test_an_error_is_logged_without_its_message(caplog: pytest.LogCaptureFixture) -> None:
    def task(card: str) -> None:
        raise ValueError(card) from KeyError(card)

    with caplog.at_level(logging.INFO):
        run(task, claimed(args=card()))
    written = "\n".join(SafeFormatter().format(record) for record in caplog.records)
    assert "ValueError from KeyError" in written
    assert JOB_ID in written
    assert SECRET not in written


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (VaultUnavailable("x"), Outcome("release", error="vault_unavailable", delay_ms=3000)),
        (
            VaultDenied("x"),
            Outcome("failed", error="secret_unavailable", error_type="vault_denied"),
        ),
        (
            VaultNotFound("x"),
            Outcome("failed", error="secret_unavailable", error_type="vault_not_found"),
        ),
        (
            SoftTimeLimitExceeded(),
            Outcome("failed", error="time_limit_exceeded", error_type="SoftTimeLimitExceeded"),
        ),
    ],
    ids=lambda item: type(item).__name__,
)
def test_a_secret_that_cannot_be_had(error: Exception, outcome: Outcome) -> None:
    def task(card: str) -> None:
        raise AssertionError(card)

    assert run(task, claimed(args=card()), Reader(error)) == outcome


@pytest.mark.parametrize("attempt", [1, 12, 5_000])
@pytest.mark.parametrize(("jitter", "delay_ms"), [(0.5, 1_500), (1.5, 4_500)])
def test_what_could_not_begin_is_soon_tried_again_however_often_it_was(
    attempt: int, jitter: float, delay_ms: int
) -> None:
    given = claimed(attempt=attempt, max_attempts=attempt + 4, args=card())
    away = Reader(VaultUnavailable("x"))
    outcome = run_claimed(given, Registry(), away, jitter=lambda: jitter, clock=lambda: 0.0)
    assert outcome == Outcome("release", error="vault_unavailable", delay_ms=delay_ms)


@pytest.mark.parametrize(
    ("attempt", "max_attempts", "delay_ms"),
    [
        (1, 5, 1_000),
        (4, 5, 8_000),
        (13, 17, 1_000),  # twelve attempts could not begin
        (14, 17, 2_000),
        (1, 17, 1_000),  # no ledger of ours says that
        (3, 4, 4_000),
    ],
)
def test_attempts_that_could_not_begin_do_not_make_a_retry_wait_longer(
    attempt: int, max_attempts: int, delay_ms: int
) -> None:
    def task() -> None:
        raise ConnectionError

    outcome = run(task, claimed(attempt, max_attempts, args={}))
    assert (outcome.kind, outcome.delay_ms) == ("retry", delay_ms)


def test_a_reference_to_another_jobs_secret() -> None:
    def task(card: str) -> None:
        raise AssertionError(card)

    args = {"card": {"$secret": "vault:countersign-secrets/jobs/fast/x/y#card@1"}}
    outcome = run(task, claimed(args=args))
    assert (outcome.kind, outcome.error) == ("failed", "secret_unavailable")
    assert outcome.error_type == "secret_unusable"


def test_the_delay_grows_to_ten_minutes() -> None:
    assert [retry_delay_ms(n, 1.0) for n in (1, 2, 3, 10, 11, 10_000)] == [
        1_000,
        2_000,
        4_000,
        512_000,
        600_000,
        600_000,
    ]
    assert retry_delay_ms(3, 0.5) == 2_000
    assert retry_delay_ms(1, 0.0) == 1
