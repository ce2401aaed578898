"""Step 2: media type, grant, references, schema, secrets; in this order, and nothing echoed."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.admit import admit
from gateway.authenticate import authenticate
from gateway.errors import Refused
from gateway.types import Admitted
from signing.errors import CountersignError
from tests.gateway.fakes import BOOK, NOW, STRIPE_KEY, directory, raw_request
from tests.signing.builders import JOB_ID

GRANTED = {"$secret": "vault:countersign-secrets/producers/shop/card#number@1"}
CANARY = "hunter2"


def admitted(body: Any, **parts: Any) -> Admitted:
    authenticated = authenticate(raw_request(body, **parts), directory())
    return admit(authenticated, BOOK, job_id=JOB_ID, max_bytes=10_000)


def refusal(body: Any, **parts: Any) -> CountersignError:
    with pytest.raises(CountersignError) as refused:
        admitted(body, **parts)
    members = refused.value.members if isinstance(refused.value, Refused) else ()
    told = f"{refused.value.message} {[member.value for member in members]}"
    assert CANARY not in told
    assert STRIPE_KEY not in told
    return refused.value


def capture(**args: Any) -> dict[str, Any]:
    return {"task": "payments.capture", "args": args}


def errors_of(refused: CountersignError) -> Any:
    assert isinstance(refused, Refused)
    return {member.name: member.value for member in refused.members}["errors"]


def test_a_job_that_fits_is_admitted_with_all_that_was_asked() -> None:
    job = admitted(
        {**capture(amount=5), "delay": 60, "expires": 90, "priority": 9},
        headers={"content-type": "application/json", "idempotency-key": "k"},
    )
    assert (job.job_id, job.task.name, job.args) == (JOB_ID, "payments.capture", {"amount": 5})
    assert (job.not_before, job.expires_at, job.priority) == (NOW + 60_000, NOW + 90_000, 9)
    assert (job.idempotency_key, job.trace, job.secret_places) == ("k", None, ())


def test_a_job_has_at_most_256_secrets() -> None:
    def body(count: int) -> dict[str, Any]:
        return {"task": "demo.echo", "args": {"value": [STRIPE_KEY] * count}}

    assert len(admitted(body(256)).secret_places) == 256
    refused = refusal(body(257))
    assert (refused.code, refused.message) == ("secret_refused", "too many secrets: 256 at most")


@pytest.mark.parametrize("signed", [True, False])
def test_a_trace_is_taken_where_it_was_signed(signed: bool) -> None:
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    headers = {"content-type": "application/json", "traceparent": trace}
    authenticated = authenticate(raw_request({"task": "demo.echo"}, headers=headers), directory())
    assert "traceparent" not in authenticated.covered
    if signed:
        authenticated = replace(authenticated, covered=authenticated.covered | {"traceparent"})
    job = admit(authenticated, BOOK, job_id=JOB_ID, max_bytes=10_000)
    assert job.trace == (trace if signed else None)


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=UTF-8",
        "application/json;",
    ],
)
def test_json_in_utf_8_is_taken(media_type: str) -> None:
    assert admitted(capture(), headers={"content-type": media_type}).args == {}


@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain",
        "application/json; charset=latin-1",
        "application/json; profile=x",
        "application/vnd.hunter2+json",
        "application/x-python-serialize",
        "application/json, text/plain",
    ],
)
def test_every_other_media_type_is_refused_before_the_body_is_read(media_type: str) -> None:
    refused = refusal(b"no json", headers={"content-type": media_type})
    assert refused.code == "unsupported_media_type"


def test_a_body_without_media_type_is_refused() -> None:
    refused = refusal(b"", headers={})
    assert refused.code == "unsupported_media_type"


def test_what_is_not_json_is_refused() -> None:
    assert refusal(b'{"task": "hunter2"').code == "malformed_json"
    assert refusal({"task": "demo.echo", CANARY: 1}).code == "malformed_request"


def test_a_task_that_is_not_in_the_catalog_is_unknown() -> None:
    assert refusal({"task": CANARY}).code == "task_unknown"


def test_a_task_outside_of_the_grant_is_refused() -> None:
    assert refusal({"task": "admin.wipe"}).code == "task_not_granted"


def test_an_idempotency_key_that_is_too_long_is_refused() -> None:
    headers = {"content-type": "application/json", "idempotency-key": CANARY * 40}
    assert refusal(capture(), headers=headers).code == "malformed_request"


def test_a_granted_reference_stands_where_a_secret_may() -> None:
    job = admitted(capture(card=GRANTED))
    assert job.args == {"card": GRANTED}
    assert job.secret_places == ()


@pytest.mark.parametrize(
    "reference",
    [
        {"$secret": "vault:countersign-secrets/producers/other/card#number@1"},
        {"$secret": "vault:countersign-secrets/producers/shop/../other/card#number@1"},
        {"$secret": "vault:countersign-secrets/jobs/fast/payments.capture/x#s0@1"},
        {"$secret": "vault:secret/producers/shop/card#number@1"},
        {"$secret": "hunter2"},
        {"$secret": 5},
        {"$secret": None},
        {**GRANTED, "more": 1},
    ],
)
def test_every_other_reference_is_refused_with_its_place(reference: dict[str, Any]) -> None:
    refused = refusal({"task": "demo.echo", "args": {"value": [{"deep": reference}]}})
    assert refused.code == "reference_not_granted"
    assert isinstance(refused, Refused)
    assert [(m.name, m.value) for m in refused.members] == [("pointer", "/args/value/0/deep")]


def test_arguments_that_break_the_schema_are_refused_with_places_and_rules() -> None:
    refused = refusal(capture(amount=CANARY, card=5))
    assert refused.code == "schema_invalid"
    assert errors_of(refused) == [
        {"pointer": "/args/amount", "rule": "type", "schema": "/properties/amount/type"},
        {"pointer": "/args/card", "rule": "anyOf", "schema": "/properties/card/anyOf"},
    ]


def test_a_declared_secret_is_found_by_its_place() -> None:
    assert admitted(capture(card="not detectable")).secret_places == ("/card",)


def test_an_undeclared_secret_is_stripped_where_the_task_says_so() -> None:
    job = admitted({"task": "demo.echo", "args": {"value": {"a": [STRIPE_KEY]}}})
    assert job.secret_places == ("/value/a/0",)


def test_a_secret_at_a_declared_place_is_found_once() -> None:
    assert admitted(capture(card=STRIPE_KEY)).secret_places == ("/card",)


def test_an_undeclared_secret_is_refused_where_the_task_says_so() -> None:
    body = {"task": "payments.refund", "args": {"card": STRIPE_KEY, "note": STRIPE_KEY}}
    refused = refusal(body)
    assert refused.code == "secret_refused"
    assert [error["pointer"] for error in errors_of(refused)] == ["/args/note"]
    assert admitted({"task": "payments.refund", "args": {"card": STRIPE_KEY}}).secret_places


@pytest.mark.parametrize("inside", [5, "x", {"$secret": "hunter2"}, GRANTED])
def test_a_secret_as_a_key_is_refused_before_any_place_is_told(inside: Any) -> None:
    """A place's pointer would quote it."""
    refused = refusal({"task": "demo.echo", "args": {"value": {STRIPE_KEY: inside}}})
    assert refused.code == "secret_refused"


def test_more_places_than_can_be_listed_are_too_large() -> None:
    long_key = "k" * 40_000
    value = {long_key: [{"$secret": 1}] * 10}
    authenticated = authenticate(
        raw_request({"task": "demo.echo", "args": {"value": value}}), directory()
    )
    with pytest.raises(CountersignError) as refused:
        admit(authenticated, BOOK, job_id=JOB_ID, max_bytes=100_000)
    assert refused.value.code == "too_large"
