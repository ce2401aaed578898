"""`Idempotency-Key`: the first answer again, for the same body, and one job however often asked."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.contract.support import CAPTURE, FAR_AWAY_S, Partners, job, post, refused
from tests.servers.stack import Answer, Producer

pytestmark = pytest.mark.servers


def open_jobs_of(partners: Partners, name: str) -> int:
    count: Any = partners.stack.servers.redis("superuser").hget("cs:open", name)
    return int(count or 0)


def submit(producer: Producer, key: str, **members: Any) -> Answer:
    return post(producer, job(**members), {"idempotency-key": key})


def test_the_same_key_and_body_give_the_first_answer_again(partners: Partners) -> None:
    key = secrets.token_hex(8)
    first, again = (submit(partners.acme, key) for _ in range(2))
    assert (first.status, again.status) == (202, 202)
    assert first.json == again.json
    assert first.headers["location"] == again.headers["location"]


def test_another_body_under_the_key_is_refused_and_changes_nothing(partners: Partners) -> None:
    key = secrets.token_hex(8)
    first = submit(partners.acme, key)
    refused(submit(partners.acme, key, priority=9), 409, "idempotency_mismatch")
    assert submit(partners.acme, key).json["id"] == first.json["id"]


def test_a_key_is_its_producers_own(partners: Partners) -> None:
    key = secrets.token_hex(8)
    ours, theirs = submit(partners.acme, key), submit(partners.beta, key, priority=9)
    assert (ours.status, theirs.status) == (202, 202)
    assert ours.json["id"] != theirs.json["id"]


@pytest.mark.parametrize(
    ("task", "args"), [("demo.echo", {"value": 1}), ("payments.capture", CAPTURE)]
)
def test_twenty_at_once_are_one_job(partners: Partners, task: str, args: Any) -> None:
    before, key = open_jobs_of(partners, "ct-beta"), secrets.token_hex(8)
    with ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(submit, partners.beta, key, task=task, args=args) for _ in range(20)]
        answers = [future.result() for future in asked]
    assert [answer.status for answer in answers] == [202] * 20
    assert len({answer.json["id"] for answer in answers}) == 1
    assert open_jobs_of(partners, "ct-beta") == before + 1


def test_a_repeated_job_with_a_secret_keeps_the_first_ones_secret(partners: Partners) -> None:
    """The second write to Vault is taken back, and the job still finds the first."""
    args = CAPTURE
    key, body = secrets.token_hex(8), {"task": "payments.capture", "args": args, "delay": 1}
    first, again = (post(partners.acme, body, {"idempotency-key": key}) for _ in range(2))
    assert first.json == again.json
    assert first.json["secrets"] == ["/args/card_token"]
    assert partners.acme.settled(first.json["id"])["status"] == "succeeded"


def test_a_job_that_has_settled_is_still_the_first_answer(partners: Partners) -> None:
    key, body = secrets.token_hex(8), {"task": "demo.noop", "args": {}}
    first = post(partners.acme, body, {"idempotency-key": key})
    partners.acme.settled(first.json["id"])
    again = post(partners.acme, body, {"idempotency-key": key})
    assert (again.status, again.json) == (202, first.json)


def test_a_key_does_not_make_a_replay_acceptable(partners: Partners) -> None:
    headers = {"idempotency-key": secrets.token_hex(8)}
    fields, data = partners.acme.signed("POST", "/v1/jobs", job(), headers=headers)
    assert partners.acme.send("POST", "/v1/jobs", fields, data).status == 202
    refused(partners.acme.send("POST", "/v1/jobs", fields, data), 409, "replayed")


def test_without_a_key_each_request_is_a_job(partners: Partners) -> None:
    first, second = (post(partners.acme, job(delay=FAR_AWAY_S)) for _ in range(2))
    assert first.json["id"] != second.json["id"]
