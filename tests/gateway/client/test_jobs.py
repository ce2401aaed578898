"""Lists and replays, as a producer's code asks for them."""

from typing import Any

import pytest

from gateway.client import Client, ProblemError, TransportError
from tests.gateway.client.fixtures import accepted, job_document
from tests.gateway.client.server import BROKEN, FakeGateway, Reply, problem
from tests.signing.builders import JOB_ID, OTHER_JOB_ID

LONG = ("seal", "result", "sealed_result")


def page(next_: str | None, *ids: str, **changes: Any) -> Reply:
    jobs = [job_document(id=job_id, **changes) for job_id in ids]
    short = [{key: value for key, value in job.items() if key not in LONG} for job in jobs]
    return Reply(document={"jobs": short, "next": next_})


def test_pages_are_fetched_as_they_are_needed(client: Client, gateway: FakeGateway) -> None:
    gateway.will(page("c-1", OTHER_JOB_ID), page("c-2"), page(None, JOB_ID))
    jobs = client.jobs(status="held", task="a b&c")
    assert gateway.lines == []
    assert next(jobs).id == OTHER_JOB_ID
    assert gateway.lines == ["GET /v1/jobs?status=held&task=a+b%26c&limit=100"]
    assert [job.id for job in jobs] == [JOB_ID]
    assert gateway.lines[1:] == [
        f"GET /v1/jobs?status=held&task=a+b%26c&limit=100&cursor={cursor}"
        for cursor in ("c-1", "c-2")
    ]


def test_no_more_are_asked_for_than_wanted(client: Client, gateway: FakeGateway) -> None:
    gateway.will(page("c-1", *[JOB_ID] * 100), page("c-2", *[JOB_ID] * 20))
    assert len(list(client.jobs(limit=120))) == 120
    assert gateway.lines == ["GET /v1/jobs?limit=100", "GET /v1/jobs?limit=20&cursor=c-1"]


def test_a_job_of_a_list_is_read(client: Client, gateway: FakeGateway) -> None:
    gateway.will(page(None, JOB_ID, status="held", error={"code": "worker_lost"}))
    [job] = client.jobs(limit=1)
    assert (job.status, job.settled, job.attempts) == ("held", False, 1)
    assert job.error is not None
    assert job.error.code == "worker_lost"


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_is_above_0(client: Client, limit: int) -> None:
    with pytest.raises(ValueError, match="limit"):
        client.jobs(limit=limit)


@pytest.mark.parametrize(
    "document",
    [{}, {"jobs": {}}, {"jobs": ["a"], "next": None}, {"jobs": [{}]}, {"jobs": [], "next": 1}],
)
def test_a_list_of_another_form_is_refused(
    client: Client, gateway: FakeGateway, document: Any
) -> None:
    gateway.will(Reply(document=document))
    with pytest.raises(TransportError, match="not of its form"):
        list(client.jobs())


def test_a_list_that_never_ends_ends(client: Client, gateway: FakeGateway) -> None:
    gateway.will(page("c-1"))
    with pytest.raises(TransportError, match="does not go on"):
        list(client.jobs())
    assert len(gateway.lines) == 2


def test_a_replay_is_a_new_job(client: Client, gateway: FakeGateway) -> None:
    gateway.will(Reply(202, accepted(id=OTHER_JOB_ID, secrets=[])))
    assert client.replay(JOB_ID).id == OTHER_JOB_ID
    [received] = gateway.received
    assert received.line == f"POST /v1/jobs/{JOB_ID}/replay"
    assert received.http.body == b""
    assert received.http.fields["idempotency-key"]


def test_a_replay_whose_answer_was_lost_is_asked_for_under_the_same_key(
    client: Client, gateway: FakeGateway
) -> None:
    gateway.will(BROKEN, Reply(202, accepted(secrets=[])))
    assert client.replay(JOB_ID, idempotency_key="again-1").idempotency_key == "again-1"
    assert [each.http.fields["idempotency-key"] for each in gateway.received] == ["again-1"] * 2
    assert len({each.nonce for each in gateway.received}) == 2


def test_a_job_that_cannot_be_run_again_says_so(client: Client, gateway: FakeGateway) -> None:
    gateway.will(problem(409, "not_replayable"))
    with pytest.raises(ProblemError) as caught:
        client.replay(JOB_ID)
    assert caught.value.code == "not_replayable"
    assert caught.value.idempotency_key is not None


@pytest.mark.parametrize("job_id", ["", "x", f"{JOB_ID}/..", JOB_ID.upper()])
def test_only_a_job_id_is_replayed(client: Client, gateway: FakeGateway, job_id: str) -> None:
    with pytest.raises(ValueError, match="not a job id"):
        client.replay(job_id)
    assert gateway.lines == []
