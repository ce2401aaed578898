"""A job as its producer sees it: taken in, waited for, timed, cancelled."""

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from signing.ids import is_job_id
from signing.jwk import from_jwks
from signing.seals import verify_job
from signing.strict_json import parse_object
from signing.times import from_rfc3339, to_rfc3339
from tests.contract.support import CAPTURE, HOOK, STRIPE_KEY, Partners, get, job, post, refused

pytestmark = pytest.mark.servers


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def test_202_names_the_job_its_place_and_where_its_secrets_were(partners: Partners) -> None:
    answer = post(partners.acme, job("payments.capture", args=CAPTURE))
    assert answer.status == 202
    body = answer.json
    assert is_job_id(body["id"])
    assert body == {
        "id": body["id"],
        "status": "queued",
        "task": "payments.capture",
        "secrets": ["/args/card_token"],
    }
    assert answer.headers["location"] == f"/v1/jobs/{body['id']}"
    assert get(partners.acme, answer.headers["location"]).json["id"] == body["id"]


def test_what_is_accepted_is_sealed_under_the_published_keys(partners: Partners) -> None:
    job_id = post(partners.acme, job(priority=7)).json["id"]
    jwks = partners.stack.http.request("GET", f"{partners.stack.base}/.well-known/jwks.json")
    assert jwks.headers["content-type"] == "application/jwk-set+json"
    seal = partners.stack.servers.seal(job_id)
    keyring = from_jwks(parse_object(jwks.data))
    claims = verify_job(seal, keyring, audience="countersign", now=now_ms()).claims
    assert (claims.id, claims.producer, claims.task) == (job_id, "acme", "demo.echo")
    assert claims.priority == 7
    assert {key.role for key in keyring.keys} == {"gateway", "worker"}


def test_waiting_returns_when_the_job_settles(partners: Partners) -> None:
    place = post(partners.acme, job()).headers["location"]
    with ThreadPoolExecutor(1) as pool:
        began = time.monotonic()
        waiting = pool.submit(get, partners.acme, f"{place}?wait=60")
        assert get(partners.acme, place, "DELETE").json["status"] == "cancelled"
        told = waiting.result(timeout=30)
    assert time.monotonic() - began < 20
    assert (told.status, told.json["status"]) == (200, "cancelled")


def test_waiting_ends_with_its_time(partners: Partners) -> None:
    place = post(partners.acme, job()).headers["location"]
    began = time.monotonic()
    told = get(partners.acme, f"{place}?wait=1")
    assert 1 <= time.monotonic() - began < 10
    assert told.json["status"] == "queued"


def test_a_delayed_job_does_not_start_before_its_time(partners: Partners) -> None:
    due = now_ms() + 1_000
    jobs = [
        partners.acme.submit("demo.echo", {"value": 1}, delay=1).json["id"],
        partners.acme.submit("demo.echo", {"value": 2}, not_before=to_rfc3339(due)).json["id"],
    ]
    for job_id in jobs:
        status = partners.acme.settled(job_id)
        assert status["status"] == "succeeded"
        assert from_rfc3339(status["due_at"]) >= due
        assert from_rfc3339(status["started_at"]) >= from_rfc3339(status["due_at"])
        assert from_rfc3339(status["finished_at"]) >= from_rfc3339(status["started_at"])


def test_what_expires_before_it_starts_does_not_run(partners: Partners) -> None:
    status = partners.acme.run("demo.echo", {"value": 1}, expires=0.001)
    assert (status["status"], status["attempts"]) == ("expired", 0)
    assert (status["result"], status["error"]) == (None, {"code": "expired"})


def test_times_are_told_as_they_were_asked_for(partners: Partners) -> None:
    expires = now_ms() + 7_200_000
    answer = post(partners.acme, job(delay=60, expires=to_rfc3339(expires)))
    status = get(partners.acme, answer.headers["location"]).json
    assert from_rfc3339(status["expires_at"]) == expires
    assert 30_000 < from_rfc3339(status["due_at"]) - from_rfc3339(status["accepted_at"]) <= 60_000
    assert (status["started_at"], status["finished_at"], status["attempts"]) == (None, None, 0)


def test_a_cancelled_job_is_settled(partners: Partners) -> None:
    place = post(partners.acme, job()).headers["location"]
    answer = get(partners.acme, place, "DELETE")
    assert (answer.status, answer.json) == (
        200,
        {"id": place.rpartition("/")[2], "status": "cancelled"},
    )
    status = get(partners.acme, place).json
    assert (status["status"], status["error"]) == ("cancelled", {"code": "cancelled"})


def test_what_has_run_is_not_cancelled(partners: Partners) -> None:
    status = partners.acme.run("demo.noop", {})
    refused(get(partners.acme, f"/v1/jobs/{status['id']}", "DELETE"), 409, "not_cancellable")


def test_an_open_job_that_ends_makes_room_for_another(partners: Partners) -> None:
    while (answer := post(partners.many, job())).status == 202:
        pass
    refused(answer, 429, "quota_exceeded")
    superuser = partners.stack.servers.redis("superuser")
    due: Any = superuser.zrange("cs:due", 0, -1)
    ids = [job_id.decode() for job_id in due]
    own = next(i for i in ids if superuser.hget(f"cs:job:{i}", "producer") == b"ct-many")
    assert get(partners.many, f"/v1/jobs/{own}", "DELETE").status == 200
    key = {"idempotency-key": secrets.token_hex(8)}  # one only, however often it has to ask
    assert post(partners.many, job(), key).status == 202


def test_a_granted_secret_is_used_by_reference(partners: Partners) -> None:
    partners.stack.servers.vault("security").secrets.kv.v2.create_or_update_secret(
        path="producers/ct-holder/hook",
        mount_point="countersign-secrets",
        secret={"key": "a signing key"},
    )
    reference = {"$secret": "vault:countersign-secrets/producers/ct-holder/hook#key@1"}
    answer = post(
        partners.holder,
        {"task": "webhooks.deliver", "args": HOOK | {"signing_secret": reference}},
    )
    assert (answer.status, answer.json["secrets"]) == (202, [])
    assert partners.holder.settled(answer.json["id"])["status"] == "succeeded"


def test_an_undeclared_secret_is_stripped_and_told_by_its_place(partners: Partners) -> None:
    answer = post(partners.acme, job(args={"value": {"deep": [STRIPE_KEY]}}))
    assert answer.json["secrets"] == ["/args/value/deep/0"]
    job_id = answer.json["id"]
    seal = partners.stack.servers.seal(job_id)
    assert STRIPE_KEY.encode() not in seal


def test_the_tasks_told_are_those_granted(partners: Partners) -> None:
    every = {task["name"] for task in get(partners.acme, "/v1/tasks").json["tasks"]}
    told = get(partners.narrow, "/v1/tasks").json["tasks"]
    assert {task["name"] for task in told} == {n for n in every if n.startswith("demo.")}
    assert every > {task["name"] for task in told}
    schemas = {task["name"]: task["schema"] for task in told}
    assert schemas["demo.noop"]["additionalProperties"] is False


def test_health_and_readiness_are_told_to_anybody(partners: Partners) -> None:
    stack = partners.stack
    alive = stack.http.request("GET", f"{stack.base}/healthz")
    assert (alive.status, alive.json()) == (200, {"status": "ok"})
    ready = stack.http.request("GET", f"{stack.base}/readyz")
    assert ready.status == 200
    assert ready.json() == {"status": "ready", "parts": {"ledger": "ok", "vault": "ok"}}
