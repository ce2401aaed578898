"""The client reads what the gateway's own code writes, so that the two cannot drift apart."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from gateway.client.problems import document_of, problem_of
from gateway.client.transport import Answer
from gateway.client.types import read_page, read_status, read_submitted, read_tasks
from gateway.endpoints import _task_view
from gateway.errors import PROBLEMS, ProblemMember, Refused
from gateway.ledger import JobState
from gateway.listing import Page, page_view
from gateway.problems import problem_response
from gateway.status import job_view
from gateway.types import Receipt
from signing.catalog import TaskSpec
from signing.dsse import parse_envelope
from signing.keyring import Keyring
from signing.ledger.record import Record
from signing.ledger.states import STATES, TERMINAL
from signing.seals import unsigned_result
from signing.strict_json import JsonObject, canonical
from tests.signing.builders import AUDIENCE, JOB_ID, NOW, result_claims, seal_key, sealed

KEYRING = Keyring([seal_key("w:1", 3, role="worker")])


def record(**changes: Any) -> Record:
    fields: dict[str, Any] = {
        "job_id": JOB_ID,
        "state": "queued",
        "producer": "shop",
        "task": "payments.capture",
        "queue": "fast",
        "priority": 5,
        "attempt": 0,
        "max_attempts": 5,
        "on_lost": "hold",
        "has_secret": False,
        "seal_digest": "sha-256:00",
        "accepted": NOW,
        "due": NOW,
        "expires": NOW + 1,
        "started": None,
        "finished": None,
        "worker": None,
        "error": None,
    }
    return Record(**(fields | changes))


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, "application/json", headers or {}, canonical(body))


def answer_of(response: Response) -> Answer:
    media_type = response.headers["content-type"]
    return Answer(response.status_code, media_type, response.headers, bytes(response.body))


def test_every_state_of_a_job_is_read() -> None:
    for state in STATES:
        view = job_view(JobState(record(state=state), None), KEYRING, audience=AUDIENCE, now=NOW)
        job = read_status(document_of(answer(view), now=NOW), JOB_ID)
        assert (job.status, job.settled) == (state, state in TERMINAL)


def test_a_sealed_result_and_its_error_are_read() -> None:
    claims = result_claims(
        state="failed", result=None, error="task_failed", error_type="ValueError"
    )
    seal = sealed(unsigned_result(claims), "w:1", 3)
    state = JobState(record(state="failed", started=NOW, finished=NOW), seal)
    view = job_view(state, KEYRING, audience=AUDIENCE, now=NOW)
    job = read_status(document_of(answer(view), now=NOW), JOB_ID)
    assert job.sealed_result is not None
    assert parse_envelope(job.sealed_result) == parse_envelope(seal)
    assert job.error is not None
    assert (job.error.code, job.error.type) == ("task_failed", "ValueError")


def test_a_result_that_the_gateway_does_not_pass_on_is_read() -> None:
    state = JobState(record(state="succeeded"), b"{}")
    view = job_view(state, KEYRING, audience=AUDIENCE, now=NOW)
    job = read_status(document_of(answer(view), now=NOW), JOB_ID)
    assert job.error is not None
    assert (job.error.code, job.error.reason) == ("result_unverified", "seal_malformed")


def test_a_receipt_is_read() -> None:
    receipt = Receipt(JOB_ID, "payments.capture", ("/args/card",), repeated=False)
    job = read_submitted(document_of(answer(receipt.as_json(), 202), now=NOW), "", "k-1")
    assert (job.id, job.task, job.secrets) == (JOB_ID, "payments.capture", ("/args/card",))


def test_a_page_of_jobs_is_read() -> None:
    held = record(state="held", error="worker_lost", started=NOW)
    read = read_page(document_of(answer(page_view(Page((held,), JOB_ID))), now=NOW))
    [job] = read.jobs
    assert (job.id, job.status, job.task, job.finished_at) == (JOB_ID, "held", held.task, None)
    assert job.error is not None
    assert job.error.code == "worker_lost"
    assert read.next == JOB_ID
    assert read_page(document_of(answer(page_view(Page((), None))), now=NOW)).next is None


def test_the_list_of_tasks_is_read() -> None:
    schema: JsonObject = {"type": "object", "additionalProperties": False}
    spec = TaskSpec(name="demo.noop", queue="fast", schema=schema)
    [task] = read_tasks(document_of(answer({"tasks": [_task_view(spec)]}), now=NOW))
    assert (task.name, task.queue, task.schema) == ("demo.noop", "fast", schema)


def test_every_problem_is_read() -> None:
    for code, (status, title) in PROBLEMS.items():
        refused = Refused(code, "said so", ProblemMember("errors", [1]))
        problem = problem_of(answer_of(problem_response(refused)), now=NOW)
        assert (problem.code, problem.status, problem.title) == (code, status, title)
        assert problem.detail == "said so"
        assert problem.members == {"errors": [1]}
        assert problem.retry_after == refused.retry_after_s
