"""202 means durable: gateway, dispatcher and Redis are killed right after the last answer."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from signing.ledger.keys import seal as seal_key
from tests.contract.fragile import Fragile
from tests.contract.support import CAPTURE, get, refused
from tests.servers.stack import Answer

pytestmark = pytest.mark.servers

COUNT = 60
#: A disk that is slow for a second is answered with 503, and asked again as producers do.
TRIES = 5


@dataclass(frozen=True, slots=True)
class Sent:
    """A signed submission as it was recorded, and its answer."""

    fields: dict[str, str]
    data: bytes
    answer: Answer


@dataclass(frozen=True, slots=True)
class Crashed:
    """A stack that was killed and came back, and what it had promised before."""

    fragile: Fragile
    jobs: list[Sent]
    question: dict[str, str]


@pytest.fixture(scope="module")
def crashed(fragile_stack: Fragile) -> Crashed:
    """Accept jobs, some with a secret, some for later; kill; start again."""
    acme = fragile_stack.acme
    for _ in range(TRIES):
        question, _ = acme.signed("GET", "/v1/tasks")
        asked = acme.send("GET", "/v1/tasks", question, b"").status
        if asked != 503:
            break
    assert asked == 200

    def send(number: int) -> Sent:
        body = (
            {"task": "payments.capture", "args": CAPTURE | {"amount": number + 1}}
            if number % 3 == 0
            else {"task": "demo.echo", "args": {"value": number}, "delay": number % 2}
        )
        headers = {"idempotency-key": f"crash-{number}"}
        for _ in range(TRIES):
            fields, data = acme.signed("POST", "/v1/jobs", body, headers=headers)
            sent = Sent(fields, data, acme.send("POST", "/v1/jobs", fields, data))
            if sent.answer.status != 503:
                break
        return sent

    with ThreadPoolExecutor(6) as pool:
        jobs = list(pool.map(send, range(COUNT)))
    fragile_stack.crash()
    fragile_stack.restore()
    return Crashed(fragile_stack, jobs, question)


def _again(crashed: Crashed, method: str, path: str, fields: dict[str, str], data: bytes) -> Answer:
    """Send what was recorded, until the ledger answers in time."""
    for _ in range(TRIES):
        answer = crashed.fragile.acme.send(method, path, fields, data)
        if answer.status != 503:
            break
    return answer


def test_every_job_is_there(crashed: Crashed) -> None:
    assert [sent.answer.status for sent in crashed.jobs] == [202] * COUNT
    ids = [sent.answer.json["id"] for sent in crashed.jobs]
    assert len(set(ids)) == COUNT
    superuser = crashed.fragile.servers.redis("superuser")
    assert [superuser.exists(seal_key(job_id)) for job_id in ids] == [1] * COUNT
    for sent in crashed.jobs:
        assert get(crashed.fragile.acme, sent.answer.headers["location"]).json["status"] == "queued"


def test_a_recorded_request_is_refused(crashed: Crashed) -> None:
    for sent in crashed.jobs:
        refused(_again(crashed, "POST", "/v1/jobs", sent.fields, sent.data), 409, "replayed")
    refused(_again(crashed, "GET", "/v1/tasks", crashed.question, b""), 409, "replayed")


def test_an_idempotency_key_gives_the_first_answer(crashed: Crashed) -> None:
    for number in (0, 1):
        sent = crashed.jobs[number]
        headers = {"idempotency-key": f"crash-{number}"}
        again = crashed.fragile.acme.call("POST", "/v1/jobs", sent.data, headers=headers)
        assert (again.status, again.json) == (202, sent.answer.json)


def test_every_job_settles_once_a_worker_comes(crashed: Crashed) -> None:
    acme = crashed.fragile.acme
    places = [sent.answer.headers["location"] for sent in crashed.jobs]
    assert [get(acme, place).status for place in places] == [200] * COUNT
    crashed.fragile.stack.start("worker")
    for sent in crashed.jobs:
        status = acme.settled(sent.answer.json["id"], 40)
        assert (status["status"], status["attempts"]) == ("succeeded", 1)
