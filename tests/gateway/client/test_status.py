from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.client import Client, JobError, NotSettled, ProblemError, TransportError
from tests.gateway.client.fixtures import Machine, accepted, job_document, settled
from tests.gateway.client.server import BROKEN, FakeGateway, Received, Reply, problem
from tests.signing.builders import JOB_ID, OTHER_JOB_ID

PATH = f"GET /v1/jobs/{JOB_ID}"
RUNNING = Reply(document=job_document())
SETTLED = Reply(document=settled())


def test_a_jobs_status_is_read(client: Client, gateway: FakeGateway) -> None:
    error = {"code": "task_failed", "type": "ValueError"}
    gateway.will(Reply(document=settled(error=error, colour="new members are left alone")))
    job = client.status(JOB_ID)
    assert gateway.lines == [PATH]
    assert (job.id, job.status, job.task) == (JOB_ID, "succeeded", "payments.capture")
    assert (job.attempts, job.max_attempts, job.settled) == (1, 5, True)
    assert job.accepted_at == datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert job.finished_at == datetime(2026, 11, 22, 10, 0, 0, 250_000, UTC)
    assert job.result == {"receipt": "r-1"}
    assert job.error == JobError("task_failed", "ValueError", None)
    assert "r-1" not in repr(job)


def test_a_job_that_is_not_settled_has_no_times(client: Client, gateway: FakeGateway) -> None:
    gateway.will(RUNNING)
    job = client.status(JOB_ID, wait=0)
    assert (job.started_at, job.finished_at, job.error, job.sealed_result) == (None,) * 4
    assert not job.settled


@pytest.mark.parametrize(
    "changes",
    [
        {"id": OTHER_JOB_ID},
        {"attempts": True},
        {"attempts": -1},
        {"attempts": "1"},
        {"accepted_at": "yesterday"},
        {"started_at": 5},
        {"error": "failed"},
        {"error": {"code": "a", "type": 1}},
        {"sealed_result": "%%%%"},
        {"sealed_result": 5},
    ],
)
def test_an_answer_of_another_form_is_refused(
    client: Client, gateway: FakeGateway, changes: dict[str, Any]
) -> None:
    gateway.will(Reply(document=job_document(**changes)))
    with pytest.raises(TransportError, match="not of its form") as caught:
        client.status(JOB_ID)
    assert caught.value.code == "answer_invalid"


@pytest.mark.parametrize("job_id", ["", "../tasks", JOB_ID.upper(), f"{JOB_ID}?wait=60"])
def test_only_a_job_id_becomes_a_path(client: Client, gateway: FakeGateway, job_id: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: client.status(job_id),
        lambda: client.wait(job_id, timeout=1),
        lambda: client.cancel(job_id),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="not a job id"):
            call()
    assert gateway.received == []


@pytest.mark.parametrize("wait", [-1, 61])
def test_a_request_is_held_a_minute_at_most(client: Client, wait: int) -> None:
    with pytest.raises(ValueError, match="from 0 to 60"):
        client.status(JOB_ID, wait=wait)


def test_a_held_request_signs_its_query(client: Client, gateway: FakeGateway) -> None:
    gateway.will(SETTLED)
    assert client.status(JOB_ID, wait=5).settled
    assert gateway.lines == [f"{PATH}?wait=5"]


def test_waiting_asks_until_the_job_settles(
    client: Client, gateway: FakeGateway, machine: Machine
) -> None:
    def held(_received: Received) -> Reply:
        machine.now += 60
        return RUNNING

    gateway.will(held, held, SETTLED)
    assert client.wait(JOB_ID, timeout=150.5).status == "succeeded"
    assert gateway.lines == [f"{PATH}?wait=60", f"{PATH}?wait=60", f"{PATH}?wait=30"]
    assert machine.sleeps == [0.0, 0.0]


def test_waiting_may_have_no_end_but_needs_a_number(client: Client, gateway: FakeGateway) -> None:
    gateway.will(RUNNING, SETTLED)
    assert client.wait(JOB_ID, timeout=float("inf")).settled
    assert gateway.lines == [f"{PATH}?wait=60"] * 2
    with pytest.raises(ValueError, match="number of seconds"):
        client.wait(JOB_ID, timeout=float("nan"))


def test_waiting_ends_in_time_and_does_not_hurry(
    client: Client, gateway: FakeGateway, machine: Machine
) -> None:
    gateway.will(RUNNING)
    with pytest.raises(NotSettled) as caught:
        client.wait(JOB_ID, timeout=1.25)
    assert caught.value.job.status == "running"
    assert machine.sleeps == [0.5, 0.5, 0.25]
    assert gateway.lines == [f"{PATH}?wait=1", PATH, PATH, PATH]


def test_waiting_outlasts_a_gateway_that_is_away(
    client: Client, gateway: FakeGateway, machine: Machine
) -> None:
    gateway.will(BROKEN, problem(503, "ledger_unavailable", {"retry-after": "2"}), SETTLED)
    assert client.wait(JOB_ID, timeout=20).settled
    assert machine.sleeps == [0.125, 2.0]


def test_waiting_for_an_unknown_job_ends_at_once(client: Client, gateway: FakeGateway) -> None:
    gateway.will(problem(404, "job_not_found"))
    with pytest.raises(ProblemError) as caught:
        client.wait(JOB_ID, timeout=60)
    assert caught.value.code == "job_not_found"


def test_a_job_is_cancelled(client: Client, gateway: FakeGateway) -> None:
    gateway.will(Reply(document={"id": JOB_ID, "status": "cancelled"}))
    client.cancel(JOB_ID)
    assert gateway.lines == [f"DELETE /v1/jobs/{JOB_ID}"]


def test_a_job_that_the_lost_try_cancelled_is_cancelled(
    client: Client, gateway: FakeGateway
) -> None:
    document = job_document(status="cancelled")
    gateway.will(BROKEN, problem(409, "not_cancellable"), Reply(document=document))
    client.cancel(JOB_ID)
    assert gateway.lines[-1] == PATH


@pytest.mark.parametrize(
    ("replies", "code"),
    [
        ((problem(409, "not_cancellable"), RUNNING), "not_cancellable"),
        ((problem(404, "job_not_found"),), "job_not_found"),
    ],
)
def test_a_job_that_has_started_is_not_cancelled(
    client: Client, gateway: FakeGateway, replies: tuple[Reply, ...], code: str
) -> None:
    gateway.will(*replies)
    with pytest.raises(ProblemError) as caught:
        client.cancel(JOB_ID)
    assert caught.value.code == code


TASK = {
    "name": "payments.capture",
    "description": "Capture.",
    "queue": "fast",
    "schema": {"type": "object"},
    "max_attempts": 5,
    "time_limit": 700,
    "soft_time_limit": 600,
}


def test_tasks_are_listed(client: Client, gateway: FakeGateway) -> None:
    gateway.will(Reply(document={"tasks": [TASK, {**TASK, "name": "b", "description": ""}]}))
    first, second = client.tasks()
    assert (first.name, first.description, first.queue) == ("payments.capture", "Capture.", "fast")
    assert first.schema == {"type": "object"}
    assert (second.name, second.description) == ("b", "")
    assert gateway.lines == ["GET /v1/tasks"]


@pytest.mark.parametrize("tasks", [None, ["a"], [{**TASK, "schema": True}], [accepted()]])
def test_a_list_of_another_form_is_refused(
    client: Client, gateway: FakeGateway, tasks: Any
) -> None:
    gateway.will(Reply(document={"tasks": tasks}))
    with pytest.raises(TransportError, match="not of its form"):
        client.tasks()
