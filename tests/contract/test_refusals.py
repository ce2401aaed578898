"""Every row of the contract's error table but the 503s, asked for over HTTPS."""

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from gateway.errors import PROBLEMS
from tests.contract.support import (
    CANARY,
    HEADERS,
    HOOK,
    NO_JOB,
    REFUND,
    STRIPE_KEY,
    Partners,
    altered,
    get,
    job,
    post,
    refused,
)
from tests.servers.stack import Answer, Producer
from tests.signing.builders import private_key

pytestmark = pytest.mark.servers

OUTAGES = {"ledger_unavailable", "vault_unavailable", "overloaded"}  # test_outages.py
Case = Callable[[Partners], Answer]


def _without(name: str) -> Case:
    return lambda p: altered(p.acme, lambda sent: {k: v for k, v in sent.items() if k != name})


def _with(name: str, value: str) -> Case:
    return lambda p: altered(p.acme, lambda sent: sent | {name: value})


def _created(seconds: int) -> Case:
    return lambda p: post(p.acme, job(), created=int(time.time()) + seconds)


def _body(body: object) -> Case:
    return lambda p: post(p.acme, body)


def _other_body(p: Partners) -> Answer:
    fields, data = p.acme.signed("POST", "/v1/jobs", job())
    return p.acme.send("POST", "/v1/jobs", fields | HEADERS, data.replace(b"demo", b"dema"))


def _later_query(p: Partners) -> Answer:
    fields, data = p.acme.signed("POST", "/v1/jobs", job())
    return p.acme.send("POST", f"/v1/jobs?{CANARY}", fields, data)


def _later_body(p: Partners) -> Answer:
    fields, _ = p.acme.signed("POST", "/v1/jobs")
    fields["content-type"] = "application/json"
    return p.acme.send("POST", "/v1/jobs", fields | HEADERS, CANARY.encode())


def _with_key(producer: Producer, seed: int) -> Producer:
    return replace(producer, signer=replace(producer.signer, key=private_key(seed)))


def _unknown_key(p: Partners) -> Answer:
    return post(replace(p.acme, signer=replace(p.acme.signer, keyid=CANARY)), job())


def _others_job(method: str) -> Case:
    def ask(p: Partners) -> Answer:
        accepted = post(p.beta, job())
        assert accepted.status == 202
        return get(p.acme, accepted.headers["location"], method)

    return ask


def _twice(p: Partners) -> Answer:
    path = "/v1/jobs"
    fields, data = p.acme.signed("POST", path, job(), headers=HEADERS)
    assert p.acme.send("POST", path, fields, data).status == 202
    return p.acme.send("POST", path, fields, data)


def _read_twice(p: Partners) -> Answer:
    fields, data = p.acme.signed("GET", "/v1/tasks", headers=HEADERS)
    assert p.acme.send("GET", "/v1/tasks", fields, data).status == 200
    return p.acme.send("GET", "/v1/tasks", fields, data)


def _nonce_of_a_read_for_a_job(p: Partners) -> Answer:
    nonce = f"{CANARY}-{time.time_ns()}"
    assert p.acme.call("GET", "/v1/tasks", nonce=nonce).status == 200
    return post(p.acme, job(), nonce=nonce)


def _another_body_for_a_key(p: Partners) -> Answer:
    key = {"idempotency-key": f"{CANARY}-{time.time_ns()}"}
    assert post(p.acme, job(), key).status == 202
    return post(p.acme, job(priority=1), key)


def _cancel_settled(p: Partners) -> Answer:
    accepted = post(p.acme, job())
    assert get(p.acme, accepted.headers["location"], "DELETE").status == 200
    return get(p.acme, accepted.headers["location"], "DELETE")


def _replay_succeeded(p: Partners) -> Answer:
    job_id = p.acme.run("demo.noop", {})["id"]
    return p.acme.call("POST", f"/v1/jobs/{job_id}/replay")


def _chunked(p: Partners) -> Answer:
    """Too large without an announced length."""
    fields, data = p.acme.signed("POST", "/v1/jobs", job(args={"value": CANARY * 30_000}))
    parts = (data[start : start + 60_000] for start in range(0, len(data), 60_000))
    answer = p.acme.http.request("POST", p.acme.base + "/v1/jobs", headers=fields, body=parts)
    return Answer(answer.status, dict(answer.headers), answer.data)


def _again(producer: Callable[[Partners], Producer], code: str) -> Case:
    def ask(p: Partners) -> Answer:
        for _ in range(3):
            answer = post(producer(p), job())
            if answer.status != 202:
                break
        assert answer.json["code"] == code
        return answer

    return ask


CASES: dict[str, dict[str, Case]] = {
    "malformed_json": {
        "cut off": _body(b'{"task": "' + CANARY.encode()),
        "empty": lambda p: post(p.acme, b" "),
        "a key twice": _body(b'{"task": "%b", "task": "b"}' % CANARY.encode()),
        "NaN": _body(b'{"task": "demo.echo", "args": {"value": NaN}}'),
        "a byte order mark": _body(b'\xef\xbb\xbf{"task": "demo.echo"}'),
        "not UTF-8": _body(b'{"task": "\xff"}'),
        "nested deeply": _body(b'{"task":"demo.echo","args":{"value":' + b"[" * 99),
        "not an object": _body([CANARY]),
    },
    "malformed_request": {
        "an unknown member": _body(job() | {CANARY: 1}),
        "a task that is no text": _body({"task": [CANARY]}),
        "a delay beyond numbers": _body(job(delay=1e306)),
        "both delay and not_before": _body(job(not_before="2099-01-01T00:00:00Z")),
        "expires that is no time": _body(job(expires=CANARY)),
        "a priority of 10": _body(job(priority=10)),
        "wait of a word": lambda p: get(p.acme, f"/v1/jobs/{NO_JOB}?wait={CANARY}"),
        "wait without end": lambda p: get(p.acme, f"/v1/jobs/{NO_JOB}?wait=61"),
        "an idempotency key too long": lambda p: post(
            p.acme, job(), {"idempotency-key": CANARY * 30}
        ),
        "Signature-Input of no form": _with("signature-input", f"{CANARY}=("),
        "a field that is not ASCII": _with("x-canary", "ü"),
    },
    "signature_missing": {
        "no Signature": _without("signature"),
        "no Signature-Input": _without("signature-input"),
        "another tag": lambda p: altered(
            p.acme,
            lambda sent: (
                sent
                | {
                    "signature-input": sent["signature-input"].replace(
                        'tag="countersign"', f'tag="{CANARY}"'
                    )
                }
            ),
        ),
    },
    "signature_invalid": {
        "another key": lambda p: post(_with_key(p.acme, 9), job()),
        "another producer's key id": lambda p: post(
            replace(p.acme, signer=replace(p.acme.signer, keyid="ct-beta-1")), job()
        ),
        "another media type than signed": _with("content-type", f"application/{CANARY}"),
        "another nonce than signed": lambda p: altered(
            p.acme,
            lambda sent: (
                sent | {"signature-input": sent["signature-input"].replace('nonce="', 'nonce="0')}
            ),
        ),
        "an algorithm of the message's choice": lambda p: altered(
            p.acme,
            lambda sent: sent | {"signature-input": sent["signature-input"] + ';alg="hmac-sha256"'},
        ),
    },
    "signature_expired": {"too old": _created(-302), "from the future": _created(60)},
    "signature_coverage": {
        "an idempotency key that is not covered": _with("idempotency-key", CANARY),
        "a query that is not covered": _later_query,
        "a body that is not covered": _later_body,
    },
    "digest_mismatch": {"another body than signed": _other_body},
    "key_unknown": {"a key that nobody registered": _unknown_key},
    "key_revoked": {"a revoked key": lambda p: post(p.revoked, job())},
    "task_not_granted": {
        "a task outside of the grant": lambda p: post(p.narrow, job("payments.capture"))
    },
    "address_not_allowed": {
        "a job from elsewhere": lambda p: post(p.far, job()),
        "a question from elsewhere": lambda p: get(p.far, "/v1/tasks"),
    },
    "reference_not_granted": {
        "another producer's secret": lambda p: post(
            p.acme,
            job(
                "webhooks.deliver",
                args=HOOK
                | {
                    "signing_secret": {
                        "$secret": "vault:countersign-secrets/producers/ct-holder/hook#key@1"
                    }
                },
            ),
        ),
        "no reference at all": _body(job(args={"value": {"$secret": CANARY}})),
        "a job's own secrets": _body(
            job(args={"value": {"$secret": f"vault:countersign-secrets/jobs/fast/a/{NO_JOB}#s0@1"}})
        ),
    },
    "job_not_found": {
        "no such job": lambda p: get(p.acme, f"/v1/jobs/{NO_JOB}"),
        "no id": lambda p: get(p.acme, f"/v1/jobs/{CANARY}"),
        "no such job to cancel": lambda p: get(p.acme, f"/v1/jobs/{NO_JOB}", "DELETE"),
        "no id to cancel": lambda p: get(p.acme, f"/v1/jobs/{CANARY}", "DELETE"),
        "another producer's job": _others_job("GET"),
        "another producer's job to cancel": _others_job("DELETE"),
    },
    "task_unknown": {"a task that is not in the catalog": _body(job(CANARY))},
    "not_found": {"another path": lambda p: get(p.acme, f"/v1/{CANARY}")},
    "method_not_allowed": {"another method": lambda p: get(p.acme, "/v1/tasks", "DELETE")},
    "replayed": {
        "a job twice": _twice,
        "a question twice": _read_twice,
        "a question's nonce for a job": _nonce_of_a_read_for_a_job,
    },
    "idempotency_mismatch": {"another body for a key": _another_body_for_a_key},
    "not_cancellable": {"a job that has settled": _cancel_settled},
    "not_replayable": {"a job that has succeeded": _replay_succeeded},
    "too_large": {
        "announced": _body(job(args={"value": CANARY * 30_000})),
        "in chunks": _chunked,
    },
    "unsupported_media_type": {
        "another media type": lambda p: post(p.acme, job(), {"content-type": f"text/{CANARY}"}),
        "another character set": lambda p: post(
            p.acme, job(), {"content-type": "application/json; charset=latin-1"}
        ),
        "a pickle": lambda p: post(
            p.acme, job(), {"content-type": "application/x-python-serialize"}
        ),
    },
    "schema_invalid": {
        "a value of another type": _body(job("demo.flaky", args={"until": CANARY})),
        "an argument that there is not": _body(job("demo.noop", args={"value": CANARY})),
        "an argument that is missing": _body(job("webhooks.deliver", args={})),
    },
    "secret_refused": {
        "where the task takes none": _body(job("payments.refund", args=REFUND)),
        "as a key": _body(job(args={"value": {STRIPE_KEY: CANARY}})),
    },
    "rate_limited": {"three jobs at once": _again(lambda p: p.hasty, "rate_limited")},
    "quota_exceeded": {"three open jobs": _again(lambda p: p.many, "quota_exceeded")},
}


@pytest.mark.parametrize(
    ("code", "name"), [(code, name) for code, named in CASES.items() for name in named]
)
def test_a_request_is_refused_as_the_contract_says(
    partners: Partners, code: str, name: str
) -> None:
    answer = CASES[code][name](partners)
    refused(answer, PROBLEMS[code][0], code)
    if answer.status == 401:
        assert answer.headers["www-authenticate"] == "Signature"
    if answer.status == 429:
        assert int(answer.headers["retry-after"]) >= 1
        assert ";r=0;t=" in answer.headers["ratelimit"]
        assert ";q=2" in answer.headers["ratelimit-policy"]


def test_every_row_of_the_table_is_asked_for() -> None:
    assert set(CASES) | OUTAGES == set(PROBLEMS)


def test_schema_problems_name_places_and_rules_and_no_values(partners: Partners) -> None:
    answer = post(partners.acme, job("demo.flaky", args={"until": CANARY}))
    body = refused(answer, 422, "schema_invalid")
    assert body["errors"] == [
        {"pointer": "/args/until", "rule": "type", "schema": "/properties/until/type"}
    ]


def test_a_reference_that_is_not_granted_is_named_by_its_place(partners: Partners) -> None:
    answer = post(partners.acme, job(args={"value": [{"$secret": CANARY}]}))
    assert refused(answer, 403, "reference_not_granted")["pointer"] == "/args/value/0"


def test_a_job_that_is_there_is_not_told_from_one_that_is_not(partners: Partners) -> None:
    """To whom it does not belong: the answers are the same but for their length of time."""
    there = _others_job("GET")(partners)
    away = get(partners.acme, f"/v1/jobs/{NO_JOB}")
    assert there.data == away.data
