import base64
import json
from typing import Any

import pytest

from gateway.client import Client, JobFailed, NotSettled, ResultUnverified, TransportError
from signing.claims import JOB_TYPE
from signing.seals import Unsigned
from signing.strict_json import canonical
from tests.gateway.client.fixtures import (
    WORKER_KID,
    Machine,
    job_document,
    jwks,
    settled,
)
from tests.gateway.client.server import FakeGateway, Received, Reply
from tests.signing.builders import JOB_ID, OTHER_JOB_ID, result_claims, sealed

FAILED = {"state": "failed", "result": None, "error": "task_failed", "error_type": "ValueError"}


@pytest.fixture(autouse=True)
def keys(gateway: FakeGateway) -> None:
    gateway.jwks = jwks()


def test_a_result_is_verified(client: Client, gateway: FakeGateway) -> None:
    gateway.will(Reply(document=settled()))
    claims = client.verified_result(client.status(JOB_ID))
    assert claims == result_claims()
    assert client.result(JOB_ID, timeout=1) == {"receipt": "r-1"}
    assert gateway.jwks_fetched == 1


def test_it_is_the_seal_that_counts_and_not_what_is_told(
    client: Client, gateway: FakeGateway
) -> None:
    gateway.will(Reply(document=settled(result={"receipt": "r-2"})))
    assert client.result(JOB_ID, timeout=1) == {"receipt": "r-1"}


def test_a_failure_is_verified_and_raised(client: Client, gateway: FakeGateway) -> None:
    gateway.will(Reply(document=settled(FAILED)))
    assert client.verified_result(client.status(JOB_ID)).error_type == "ValueError"
    with pytest.raises(JobFailed) as caught:
        client.result(JOB_ID, timeout=1)
    assert caught.value.job.error is not None
    assert caught.value.job.error.code == "task_failed"


@pytest.mark.parametrize("status", ["cancelled", "expired", "failed"])
def test_a_job_that_no_worker_ended_failed(
    client: Client, gateway: FakeGateway, status: str
) -> None:
    gateway.will(Reply(document=job_document(status=status, error={"code": status})))
    with pytest.raises(JobFailed) as caught:
        client.result(JOB_ID, timeout=1)
    assert caught.value.job.status == status
    assert gateway.jwks_fetched == 0


def test_a_result_is_waited_for_in_time(client: Client, gateway: FakeGateway) -> None:
    gateway.will(Reply(document=job_document()))
    with pytest.raises(NotSettled):
        client.result(JOB_ID, timeout=0)


def altered() -> dict[str, Any]:
    document = settled()
    payload = json.loads(base64.b64decode(document["sealed_result"]["payload"]))
    payload["result"] = {"receipt": "r-9"}
    encoded = base64.b64encode(canonical(payload)).decode()
    return document | {"sealed_result": {**document["sealed_result"], "payload": encoded}}


def of_a_job() -> dict[str, Any]:
    unsigned = Unsigned(JOB_TYPE, result_claims().to_payload())
    return settled(sealed_result=json.loads(sealed(unsigned, WORKER_KID, 3)))


BAD = {
    "no seal": (settled(sealed_result=None), "result_missing"),
    "another key under the worker's id": (settled(seed=4), "seal_signature_invalid"),
    "a key that nobody knows": (settled(kid="countersign-result:9"), "key_unknown"),
    "bytes changed": (altered(), "seal_signature_invalid"),
    "no envelope": (settled(sealed_result={}), "seal_malformed"),
    "another payload type": (of_a_job(), "payload_type_mismatch"),
    "another job's": (settled({"id": OTHER_JOB_ID}), "result_mismatch"),
    "of another seal": (settled({"job_seal": "sha-256:11"}), "result_mismatch"),
    "for another audience": (settled({"audience": "other"}), "audience_mismatch"),
    "failure told as success": (settled(FAILED, status="succeeded"), "result_mismatch"),
}


@pytest.mark.parametrize(("document", "code"), BAD.values(), ids=BAD.keys())
def test_a_bad_result_is_refused(
    client: Client, gateway: FakeGateway, document: dict[str, Any], code: str
) -> None:
    gateway.will(Reply(document=document))
    job = client.status(JOB_ID)
    with pytest.raises(ResultUnverified) as caught:
        client.verified_result(job)
    assert caught.value.code == code
    assert "receipt" not in f"{caught.value!r}"
    with pytest.raises(ResultUnverified):
        client.result(JOB_ID, timeout=1)


def test_a_gateways_key_seals_no_result(client: Client, gateway: FakeGateway) -> None:
    gateway.jwks = jwks(role="gateway")
    gateway.will(Reply(document=settled()))
    with pytest.raises(ResultUnverified) as caught:
        client.result(JOB_ID, timeout=1)
    assert caught.value.code == "key_unknown"


def test_keys_are_fetched_anew_for_an_unknown_id(
    client: Client, gateway: FakeGateway, machine: Machine
) -> None:
    gateway.will(Reply(document=settled()), Reply(document=settled(kid="w:2", seed=5)))
    client.result(JOB_ID, timeout=1)
    gateway.jwks = jwks(seed=5, kid="w:2")
    assert client.result(JOB_ID, timeout=1) == {"receipt": "r-1"}
    assert gateway.jwks_fetched == 2


def test_a_wrong_seal_by_a_known_key_fetches_nothing(client: Client, gateway: FakeGateway) -> None:
    gateway.will(Reply(document=settled()), Reply(document=settled(seed=4)))
    client.result(JOB_ID, timeout=1)
    with pytest.raises(ResultUnverified):
        client.result(JOB_ID, timeout=1)
    assert gateway.jwks_fetched == 1


def test_a_revoked_key_stops_counting_in_seconds(
    client: Client, gateway: FakeGateway, machine: Machine
) -> None:
    gateway.will(Reply(document=settled()))
    client.result(JOB_ID, timeout=1)
    gateway.jwks = {"keys": []}
    client.result(JOB_ID, timeout=1)
    machine.now += 5
    with pytest.raises(ResultUnverified) as caught:
        client.result(JOB_ID, timeout=1)
    assert caught.value.code == "key_unknown"


def test_keys_that_another_thread_fetched_are_not_fetched_again(
    client: Client, gateway: FakeGateway
) -> None:
    cache = client._keys
    old = cache.current()
    newer = cache.newer(old)
    assert cache.newer(old) is newer
    assert gateway.jwks_fetched == 2


@pytest.mark.parametrize("document", [{}, {"keys": [{**jwks()["keys"][0], "x": "AA"}]}])
def test_keys_that_cannot_be_read_are_said(
    client: Client, gateway: FakeGateway, document: Any
) -> None:
    gateway.jwks = document
    gateway.will(Reply(document=settled()))
    with pytest.raises(TransportError, match="the keys: ") as caught:
        client.result(JOB_ID, timeout=1)
    assert caught.value.code == "answer_invalid"


def test_keys_are_asked_for_unsigned(client: Client, gateway: FakeGateway) -> None:
    answer, seen = gateway.answer, []

    def watch(http: Any, host: str) -> Reply:
        seen.append((http.path, "signature" in http.fields))
        return answer(http, host)

    gateway.answer = watch  # type: ignore[method-assign]

    def settle(_received: Received) -> Reply:
        return Reply(document=settled())

    gateway.will(settle)
    client.result(JOB_ID, timeout=1)
    assert seen == [(f"/v1/jobs/{JOB_ID}", True), ("/.well-known/jwks.json", False)]
