import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
import urllib3

from gateway.client import Client, ProblemError, TransportError
from gateway.client.errors import ClientError
from gateway.client.retries import Backoff, is_passing
from gateway.client.transport import MAX_ANSWER, _transport_error
from tests.gateway.client.fixtures import Machine, job_document, make_client
from tests.gateway.client.server import PROBLEM_TYPE, FakeGateway, Reply, fake_gateway, problem
from tests.signing.builders import JOB_ID


def refused(client: Client) -> TransportError:
    with pytest.raises(TransportError) as caught:
        client.status(JOB_ID)
    return caught.value


def test_an_answer_larger_than_allowed_is_not_read(client: Client, gateway: FakeGateway) -> None:
    gateway.will(Reply(body=b" " * (MAX_ANSWER + 1)))
    assert refused(client).code == "answer_too_large"


def test_an_answer_as_large_as_allowed_is_read(client: Client, gateway: FakeGateway) -> None:
    gateway.will(Reply(document=job_document(result="x" * (MAX_ANSWER - 2000))))
    assert len(str(client.status(JOB_ID).result)) == MAX_ANSWER - 2000


def test_an_answer_without_an_end_is_left(
    client: Client, gateway: FakeGateway, machine: Machine
) -> None:
    gateway.will(Reply(body=b" " * 1_000_000))
    machine.rate = 9.0
    assert refused(client).code == "timed_out"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(client: Client, gateway: FakeGateway, status: int) -> None:
    gateway.will(Reply(status, headers={"location": f"{gateway.url}/v1/tasks"}))
    assert refused(client).code == "redirected"
    assert len(gateway.received) == 1


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b"<html>", media_type="text/html"),
        Reply(body=b"{'a': 1}"),
        Reply(body=b'{"id": 1, "id": 2}'),
        Reply(body=b"[]"),
        Reply(body=b"\xff"),
        Reply(body=b"", headers={"content-encoding": "gzip"}),
    ],
)
def test_what_is_not_strict_json_is_refused(
    client: Client, gateway: FakeGateway, reply: Reply
) -> None:
    gateway.will(reply)
    assert refused(client).code == "answer_invalid"
    assert len(gateway.received) == 1


def test_connections_are_used_again(client: Client, gateway: FakeGateway) -> None:
    gateway.will(Reply(document=job_document()), problem(404, "job_not_found"), Reply(raw=b""))
    pool: Any = client._transport._pool
    client.status(JOB_ID)
    with pytest.raises(ProblemError):
        client.status(JOB_ID)
    assert pool.num_connections == 1


def test_nobody_there_is_tried_again_and_said(
    machine: Machine, certificates: Path, gateway: FakeGateway
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    url = f"https://localhost:{port}"
    with make_client(gateway, machine, certificates, url=url, retry_for=3) as client:
        error = refused(client)
    assert (error.code, error.message) == ("unreachable", "the gateway cannot be reached")
    assert len(machine.sleeps) == 4


def test_a_certificate_of_another_authority_is_refused_at_once(
    machine: Machine, gateway: FakeGateway
) -> None:
    with make_client(gateway, machine, Path(), ca=None) as client:
        assert refused(client).code == "certificate_refused"
    assert machine.sleeps == []


def test_a_certificate_for_another_name_is_refused_at_once(
    machine: Machine, gateway: FakeGateway, certificates: Path, tmp_path: Path
) -> None:
    for suffix in ("crt", "key"):
        content = (certificates / f"other.{suffix}").read_bytes()
        (tmp_path / f"server.{suffix}").write_bytes(content)
    with (
        fake_gateway(tmp_path) as other,
        make_client(other, machine, certificates) as client,
    ):
        assert refused(client).code == "certificate_refused"
        assert other.received == []


def test_a_server_that_is_silent_is_left(
    machine: Machine, certificates: Path, gateway: FakeGateway
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"https://localhost:{listening.getsockname()[1]}"
        options = {"url": url, "timeout": 0.05, "retry_for": 0.1}
        with make_client(gateway, machine, certificates, **options) as client:
            assert refused(client).code == "timed_out"


def test_a_broken_handshake_may_pass() -> None:
    error = _transport_error(urllib3.exceptions.SSLError(ssl.SSLEOFError(8, "EOF")))
    assert (error.code, is_passing(error)) == ("unreachable", True)


def test_a_problem_is_read_whole(client: Client, gateway: FakeGateway) -> None:
    errors = [{"pointer": "/args/a", "rule": "type"}]
    gateway.will(problem(422, "schema_invalid", {"retry-after": " "}, errors=errors))
    with pytest.raises(ProblemError, match=r"schema_invalid \(422\): said so") as caught:
        client.status(JOB_ID)
    error = caught.value
    assert (error.code, error.status, error.detail) == ("schema_invalid", 422, "said so")
    assert error.members == {"errors": errors}
    assert error.retry_after is None
    assert error.problem.title == "T"


@pytest.mark.parametrize(
    ("reply", "code", "said"),
    [
        (Reply(404, body=b"<p>"), "http_404", "the gateway refused the request"),
        (Reply(404, media_type=PROBLEM_TYPE, body=b"{"), "http_404", "the gateway refused the"),
        (problem(404, "No Code"), "http_404", "said so"),
        (problem(404, "x", detail=7, title="\x1b[31mred"), "x", " [31mred"),
        (problem(404, "x", detail="d" * 9999), "x", "d" * 500),
    ],
)
def test_a_refusal_of_another_form_is_told_by_its_status(
    client: Client, gateway: FakeGateway, reply: Reply, code: str, said: str
) -> None:
    gateway.will(reply)
    with pytest.raises(ProblemError) as caught:
        client.status(JOB_ID)
    assert caught.value.code == code
    assert caught.value.message.startswith(f"{code} (404): {said.strip()}")
    assert len(caught.value.message) < 530
    assert caught.value.message.isprintable()


def test_a_delay_that_a_gateway_asks_for_is_bounded(client: Client, gateway: FakeGateway) -> None:
    gateway.will(problem(404, "x", {"retry-after": "9" * 40}))
    with pytest.raises(ProblemError) as caught:
        client.status(JOB_ID)
    assert caught.value.retry_after == 86_400


def test_delays_grow_to_a_bound_and_never_undercut_what_is_told() -> None:
    backoff = Backoff(first=1, longest=8)
    assert [backoff.delay(n, None, 0.0) for n in (1, 2, 3, 4, 5, 9999)] == [0.5, 1, 2, 4, 4, 4]
    assert [backoff.delay(n, None, 0.5) for n in (1, 2, 3)] == [0.75, 1.5, 3]
    assert backoff.delay(1, 60, 0.5) == 60.25


def test_other_errors_do_not_pass() -> None:
    assert not is_passing(ClientError("another"))
    assert not is_passing(TransportError("another", code="redirected"))
