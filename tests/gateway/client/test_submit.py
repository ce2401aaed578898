from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.client import Client, ProblemError, SubmittedJob, TransportError
from tests.gateway.client.fixtures import Machine, accepted
from tests.gateway.client.server import BROKEN, FakeGateway, Received, Reply, problem
from tests.signing.builders import JOB_ID

ARGS: dict[str, Any] = {"invoice": "2026-17", "card": "tok_secret_4242"}
ACCEPTED = Reply(202, accepted(), {"location": f"/v1/jobs/{JOB_ID}"})


def test_a_job_is_signed_sent_and_told(client: Client, gateway: FakeGateway) -> None:
    gateway.will(ACCEPTED)
    job = client.submit("payments.capture", ARGS, idempotency_key="order 17")
    assert job == SubmittedJob(
        JOB_ID, "payments.capture", ("/args/card",), f"/v1/jobs/{JOB_ID}", "order 17"
    )
    [received] = gateway.received
    assert received.line == "POST /v1/jobs"
    assert received.document == {"task": "payments.capture", "args": ARGS}
    assert received.http.fields["idempotency-key"] == "order 17"
    assert received.http.fields["content-type"] == "application/json"
    assert received.host == gateway.authority


def test_a_key_is_made_where_none_is_given(client: Client, gateway: FakeGateway) -> None:
    gateway.will(Reply(202, accepted()))
    first, second = (client.submit("payments.capture", ARGS) for _ in range(2))
    keys = [each.http.fields["idempotency-key"] for each in gateway.received]
    assert keys == [first.idempotency_key, second.idempotency_key]
    assert keys[0] != keys[1]
    assert len(keys[0]) == 32
    assert first.location == f"/v1/jobs/{JOB_ID}"


def test_times_are_written_as_the_contract_has_them(client: Client, gateway: FakeGateway) -> None:
    gateway.will(ACCEPTED)
    moment = datetime(2026, 11, 22, 10, 0, 0, 250_000, UTC)
    client.submit("a.b", {}, not_before=moment, expires=timedelta(hours=1), priority=0)
    client.submit("a.b", {}, delay=timedelta(seconds=1.5), expires=moment)
    client.submit("a.b", {}, delay=2, expires="2026-11-22T11:00:00Z")
    written = [
        {name: value for name, value in each.document.items() if name not in ("task", "args")}
        for each in gateway.received
    ]
    assert written == [
        {"not_before": "2026-11-22T10:00:00.250Z", "expires": 3600.0, "priority": 0},
        {"delay": 1.5, "expires": "2026-11-22T10:00:00.250Z"},
        {"delay": 2, "expires": "2026-11-22T11:00:00Z"},
    ]


@pytest.mark.parametrize("value", [float("nan"), "\ud800 canary", {1, 2}, b"canary"])
def test_what_json_cannot_carry_is_refused_here(
    client: Client, gateway: FakeGateway, value: Any
) -> None:
    with pytest.raises(ValueError, match="JSON cannot carry") as caught:
        client.submit("a.b", {"x": value})
    assert caught.value.__cause__ is None
    assert "canary" not in str(caught.value)
    assert gateway.received == []


@pytest.mark.parametrize("key", ["", "k" * 256, "a\r\nx: y", "schlüssel", " k"])
def test_a_key_that_no_header_carries_is_refused_here(client: Client, key: str) -> None:
    with pytest.raises(ValueError, match="an idempotency key has"):
        client.submit("a.b", {}, idempotency_key=key)


def test_a_time_without_its_zone_is_refused_here(client: Client) -> None:
    with pytest.raises(ValueError, match="time zone"):
        client.submit("a.b", {}, not_before=datetime(2026, 11, 22))  # noqa: DTZ001


PASSING = [
    (BROKEN, "interrupted"),
    (Reply(raw=b"HTTP/1.1 202 X\r\ncontent-length: 99\r\n\r\n{"), "interrupted"),
    (Reply(raw=b"HTTP/1.1 202 X\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"), "interrupted"),
    (problem(429, "rate_limited"), "rate_limited"),
    (problem(503, "ledger_unavailable"), "ledger_unavailable"),
    (problem(409, "replayed"), "replayed"),
    (Reply(502, body=b"<html>", media_type="text/html"), "http_502"),
]


@pytest.mark.parametrize(("reply", "code"), PASSING)
def test_what_passes_is_tried_again_and_is_the_same_job(
    client: Client, gateway: FakeGateway, machine: Machine, reply: Reply, code: str
) -> None:
    gateway.will(reply, reply, ACCEPTED)
    assert client.submit("payments.capture", ARGS, delay=5).id == JOB_ID
    assert machine.retried == [(code, 0.125), (code, 0.25)]
    assert machine.sleeps == [0.125, 0.25]
    assert len({each.http.body for each in gateway.received}) == 1
    assert len({each.http.fields["idempotency-key"] for each in gateway.received}) == 1
    assert len({each.nonce for each in gateway.received}) == 3


def test_retry_after_is_kept_to(client: Client, gateway: FakeGateway, machine: Machine) -> None:
    gateway.will(
        problem(429, "quota_exceeded", {"retry-after": "7"}),
        problem(503, "overloaded", {"retry-after": "Sun, 22 Nov 2026 10:00:09 GMT"}),
        problem(503, "overloaded", {"retry-after": "Sun, 22 Nov 2026 09:00:00 GMT"}),
        problem(503, "overloaded", {"retry-after": "soon"}),
        ACCEPTED,
    )
    client.submit("payments.capture", ARGS)
    assert machine.sleeps == [7.0, 9.0, 0.5, 1.0]


def test_tries_end_when_their_time_is_over(
    client: Client, gateway: FakeGateway, machine: Machine
) -> None:
    gateway.will(problem(503, "overloaded"))
    with pytest.raises(ProblemError) as caught:
        client.submit("payments.capture", ARGS, idempotency_key="k-1")
    assert caught.value.code == "overloaded"
    assert caught.value.idempotency_key == "k-1"
    assert 50 < sum(machine.sleeps) < 60
    assert max(machine.sleeps) == 5.0


def test_a_longer_wait_than_there_is_time_is_not_begun(
    client: Client, gateway: FakeGateway, machine: Machine
) -> None:
    gateway.will(problem(429, "rate_limited", {"retry-after": "3600"}))
    with pytest.raises(ProblemError) as caught:
        client.submit("payments.capture", ARGS)
    assert caught.value.retry_after == 3600
    assert machine.sleeps == []


def test_delays_are_jittered(client: Client, gateway: FakeGateway, machine: Machine) -> None:
    machine.jitter = 32768
    gateway.will(problem(429, "rate_limited", {"retry-after": "7"}), BROKEN, ACCEPTED)
    client.submit("payments.capture", ARGS)
    assert machine.sleeps == [7.0625, 0.375]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "malformed_json"),
        (401, "signature_invalid"),
        (403, "task_not_granted"),
        (404, "task_unknown"),
        (409, "idempotency_mismatch"),
        (413, "too_large"),
        (422, "secret_refused"),
        (500, "internal"),
    ],
)
def test_a_refusal_is_final(
    client: Client, gateway: FakeGateway, machine: Machine, status: int, code: str
) -> None:
    gateway.will(problem(status, code))
    with pytest.raises(ProblemError) as caught:
        client.submit("payments.capture", ARGS)
    assert (caught.value.code, caught.value.status) == (code, status)
    assert machine.sleeps == []
    assert len(gateway.received) == 1


def test_no_error_holds_an_argument(client: Client, gateway: FakeGateway) -> None:
    def refuse(received: Received) -> Reply:
        return problem(422, "schema_invalid", errors=[{"pointer": "/args/card", "rule": "type"}])

    gateway.will(refuse)
    with pytest.raises(ProblemError) as caught:
        client.submit("payments.capture", ARGS)
    error = caught.value
    assert "tok_secret_4242" not in f"{error!r} {error} {error.problem!r} {error.__cause__!r}"


@pytest.mark.parametrize(
    "document",
    [
        accepted(id="../healthz"),
        accepted(task=""),
        accepted(secrets="/args/card"),
        accepted(secrets=["/args/card", 7]),
        {},
    ],
)
def test_an_answer_of_another_form_is_said_with_the_key(
    client: Client, gateway: FakeGateway, document: Any
) -> None:
    gateway.will(Reply(202, document))
    with pytest.raises(TransportError, match="not of its form") as caught:
        client.submit("payments.capture", ARGS, idempotency_key="k-1")
    assert caught.value.code == "answer_invalid"
    assert caught.value.idempotency_key == "k-1"
