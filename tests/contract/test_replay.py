"""A replay on the real stack: a failed job runs again as a new one, and nothing else does."""

from typing import Any

import pytest

from signing.ledger.keys import kept
from signing.times import from_rfc3339
from tests.contract.support import NO_JOB, STRIPE_KEY, Partners, get, job, post, refused
from tests.servers.stack import Answer, Producer

pytestmark = pytest.mark.servers


def replay(producer: Producer, job_id: str, **parts: Any) -> Answer:
    return producer.call("POST", f"/v1/jobs/{job_id}/replay", **parts)


def failed(producer: Producer, reason: str = "asked to") -> str:
    status = producer.run("demo.fail", {"reason": reason})
    assert status["status"] == "failed"
    return str(status["id"])


def test_a_failed_job_runs_again_as_a_new_one(partners: Partners) -> None:
    before = failed(partners.acme)
    answer = replay(partners.acme, before)
    after = answer.json["id"]
    assert answer.status == 202
    assert answer.json == {"id": after, "status": "queued", "task": "demo.fail", "secrets": []}
    assert answer.headers["location"] == f"/v1/jobs/{after}"
    assert after > before
    status = partners.acme.settled(after)
    assert (status["status"], status["attempts"]) == ("failed", 1)
    old = get(partners.acme, f"/v1/jobs/{before}").json
    assert (old["status"], old["attempts"]) == ("failed", 1)
    assert old["seal"] != status["seal"]


def test_an_expired_job_runs_again_for_as_long_as_it_had(partners: Partners) -> None:
    before = partners.acme.run("demo.noop", {}, delay=1, expires=1.001)
    assert before["status"] == "expired"
    after = replay(partners.acme, before["id"]).json["id"]
    status = get(partners.acme, f"/v1/jobs/{after}").json
    life = from_rfc3339(status["expires_at"]) - from_rfc3339(status["due_at"])
    # It may have been due by the time that the ledger took it in, and that is told from days.
    assert -15_000 < life <= 1


def test_a_job_that_had_secrets_says_how_to_mend_it(partners: Partners) -> None:
    body = refused(replay(partners.acme, failed(partners.acme, STRIPE_KEY)), 409, "not_replayable")
    assert "submit it again with its secrets" in body["detail"]


def test_what_has_not_failed_is_not_run_again(partners: Partners) -> None:
    done = partners.acme.run("demo.noop", {})["id"]
    refused(replay(partners.acme, done), 409, "not_replayable")
    waiting = post(partners.acme, job()).json["id"]
    refused(replay(partners.acme, waiting), 409, "not_replayable")


def test_nobody_runs_anothers_job_again(partners: Partners) -> None:
    job_id = failed(partners.acme)
    refused(replay(partners.beta, job_id), 404, "job_not_found")
    refused(replay(partners.beta, NO_JOB), 404, "job_not_found")
    refused(replay(partners.beta, "x"), 404, "job_not_found")


def test_a_recorded_request_starts_nothing(partners: Partners) -> None:
    path = f"/v1/jobs/{failed(partners.acme)}/replay"
    fields, data = partners.acme.signed("POST", path)
    assert partners.acme.send("POST", path, fields, data).status == 202
    refused(partners.acme.send("POST", path, fields, data), 409, "replayed")


def test_a_refused_one_starts_nothing_later(partners: Partners) -> None:
    waiting = post(partners.acme, job()).json["id"]
    path = f"/v1/jobs/{waiting}/replay"
    fields, data = partners.acme.signed("POST", path)
    refused(partners.acme.send("POST", path, fields, data), 409, "not_replayable")
    refused(partners.acme.send("POST", path, fields, data), 409, "replayed")


def test_an_idempotency_key_makes_one_job_of_two_tries(partners: Partners) -> None:
    job_id, other = failed(partners.acme), failed(partners.acme)
    key = {"idempotency-key": f"replay-{job_id}"}
    first, again = (replay(partners.acme, job_id, headers=key) for _ in range(2))
    assert (first.status, again.status) == (202, 202)
    assert first.json["id"] == again.json["id"]
    refused(replay(partners.acme, other, headers=key), 409, "idempotency_mismatch")


def test_a_body_is_refused(partners: Partners) -> None:
    job_id = failed(partners.acme)
    refused(replay(partners.acme, job_id, body={}), 400, "malformed_request")


def test_another_jobs_seal_in_its_place_starts_nothing(partners: Partners) -> None:
    job_id, other = failed(partners.acme), failed(partners.acme)
    superuser: Any = partners.stack.servers.redis("superuser")
    for wrong in (superuser.get(kept(other)), b"\0", b"x"):
        superuser.set(kept(job_id), wrong, ex=60)
        answer = replay(partners.acme, job_id)
        assert (answer.status, answer.json["code"]) == (409, "not_replayable")
