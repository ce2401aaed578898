"""A producer's list of its own jobs: in order, whole, filtered, and nobody else's."""

import secrets

import pytest

from tests.contract.support import CANARY, NO_JOB, Partners, get, job, post, refused
from tests.servers.stack import Producer

pytestmark = pytest.mark.servers


def listed(producer: Producer, query: str = "") -> tuple[list[str], str | None]:
    """The ids of one page, and the cursor to the next."""
    answer = get(producer, f"/v1/jobs{query}")
    assert answer.status == 200, answer.data
    return [each["id"] for each in answer.json["jobs"]], answer.json["next"]


def all_listed(producer: Producer, query: str) -> list[str]:
    found, cursor = listed(producer, f"?{query}")
    while cursor is not None:
        more, cursor = listed(producer, f"?{query}&cursor={cursor}")
        found += more
    return found


def submitted(producer: Producer, task: str = "demo.echo") -> str:
    # One job only, however often it has to ask.
    answer = post(producer, job(task, args={}), {"idempotency-key": secrets.token_hex(8)})
    assert answer.status == 202
    return str(answer.json["id"])


def test_every_job_is_listed_once_newest_first_while_others_are_accepted(
    partners: Partners,
) -> None:
    ids = [submitted(partners.lister) for _ in range(23)]
    found, cursor = listed(partners.lister, "?limit=5")
    assert found == sorted(ids[-5:], reverse=True)
    while cursor is not None:
        submitted(partners.lister)
        more, cursor = listed(partners.lister, f"?limit=5&cursor={cursor}")
        found += more
    assert [each for each in found if each in ids] == sorted(ids, reverse=True)
    assert len(found) == len(set(found))


def test_filters_choose_by_status_and_task(partners: Partners) -> None:
    waiting, cancelled = submitted(partners.lister, "demo.noop"), submitted(partners.lister)
    assert get(partners.lister, f"/v1/jobs/{cancelled}", "DELETE").status == 200
    assert waiting in all_listed(partners.lister, "status=queued&task=demo.noop&limit=100")
    assert cancelled not in all_listed(partners.lister, "status=queued&limit=100")
    assert cancelled in all_listed(partners.lister, "status=cancelled")
    assert all_listed(partners.lister, "task=demo.nothing") == []


def test_a_list_tells_in_short_what_the_job_itself_tells(partners: Partners) -> None:
    job_id = partners.lister.run("demo.fail", {})["id"]
    whole = get(partners.lister, f"/v1/jobs/{job_id}").json
    short = get(partners.lister, "/v1/jobs?status=failed&limit=1").json["jobs"][0]
    assert short == {name: whole[name] for name in short} | {"error": {"code": "task_error"}}
    assert whole.keys() - short.keys() == {"seal", "result", "sealed_result"}


def test_nobody_sees_anothers_jobs(partners: Partners) -> None:
    own, theirs = submitted(partners.lister), submitted(partners.beta)
    assert theirs not in all_listed(partners.lister, "limit=100")
    assert own not in all_listed(partners.beta, "limit=100")
    after_theirs, _ = listed(partners.lister, f"?limit=1&cursor={theirs}")
    assert after_theirs == [own]


@pytest.mark.parametrize(
    "query",
    [
        f"status={CANARY}",
        f"cursor={CANARY}",
        f"{CANARY}=1",
        "limit=0",
        "limit=101",
        "limit=1&limit=1",
        f"cursor={NO_JOB}&cursor={NO_JOB}",
    ],
)
def test_a_query_of_another_form_is_refused(partners: Partners, query: str) -> None:
    refused(get(partners.lister, f"/v1/jobs?{query}"), 400, "malformed_request")


def test_the_query_is_signed(partners: Partners) -> None:
    fields, _ = partners.lister.signed("GET", "/v1/jobs?limit=1")
    answer = partners.lister.send("GET", "/v1/jobs?limit=2", fields, b"")
    refused(answer, 401, "signature_invalid")
    fields, _ = partners.lister.signed("GET", "/v1/jobs")
    answer = partners.lister.send("GET", "/v1/jobs?limit=2", fields, b"")
    refused(answer, 401, "signature_coverage")


def test_a_list_is_asked_for_once_with_a_nonce(partners: Partners) -> None:
    fields, data = partners.lister.signed("GET", "/v1/jobs")
    assert partners.lister.send("GET", "/v1/jobs", fields, data).status == 200
    refused(partners.lister.send("GET", "/v1/jobs", fields, data), 409, "replayed")
