"""What every contract test needs: a canary in each request, and the form of a refusal."""

import json
import ssl
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPSConnection
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.errors import PROBLEMS
from tests.servers.stack import Answer, Producer, Stack

#: Stands somewhere in every request that is refused, and must be nowhere in the answer.
CANARY = "canary-5f1e3c"
HEADERS = {"x-canary": CANARY, "user-agent": CANARY}
#: What the detector takes for a secret.
STRIPE_KEY = "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"
ACCESS_KEY = "AKIA" + "Z7QW3ERTY5UIOP2A"
NO_JOB = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
FAR_AWAY_S = 3600
CAPTURE = {
    "invoice": "A-1",
    "amount": 5,
    "currency": "CHF",
    "card_token": "4111 1111 1111 1111",
}
REFUND = {"invoice": ACCESS_KEY, "amount": 5, "card_token": STRIPE_KEY}
HOOK = {"url": "https://partner.example/hook", "event": "paid", "body": {}}


@dataclass(frozen=True, slots=True)
class Partners:
    """Producers with different rights on one running stack, registered all at once."""

    stack: Stack
    #: granted every task
    acme: Producer
    #: likewise, and not acme
    beta: Producer
    #: granted `demo.*` alone
    narrow: Producer
    #: may call from another network
    far: Producer
    #: its key is revoked
    revoked: Producer
    #: two jobs at once, then one in 20 s
    hasty: Producer
    #: two jobs that have not settled
    many: Producer
    #: may use the secrets stored for it
    holder: Producer
    #: its jobs are those of the tests of lists
    lister: Producer


def refused(answer: Answer, status: int, code: str) -> Any:
    """Hold an answer to the form of a refusal, and give its body."""
    assert (answer.status, answer.json.get("code")) == (status, code), answer.data
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json
    assert body["type"].endswith(code)
    assert body["status"] == status
    assert body["title"] == PROBLEMS[code][1]
    assert isinstance(body["detail"], str)
    whole = json.dumps(dict(answer.headers)) + answer.data.decode()
    assert CANARY not in whole
    assert STRIPE_KEY not in whole
    assert ACCESS_KEY not in whole
    return body


def post(
    producer: Producer, body: Any, headers: Mapping[str, str] | None = None, **parts: Any
) -> Answer:
    """Submit with a canary in the fields and in the query."""
    fields = HEADERS | dict(headers or {})
    return producer.call("POST", f"/v1/jobs?{CANARY}", body, headers=fields, **parts)


def get(producer: Producer, path: str, method: str = "GET") -> Answer:
    """Read with a canary in the fields."""
    return producer.call(method, path, headers=HEADERS)


def send_raw(stack: Stack, method: str, target: str, fields: Mapping[str, str]) -> Answer:
    """Send a target as it is written: other clients tidy it up."""
    context = ssl.create_default_context(cafile=str(stack.servers.paths.certs.authority))
    with closing(
        HTTPSConnection("localhost", stack.servers.ports.gateway, context=context)
    ) as http:
        http.request(method, target, headers=dict(fields))
        answer = http.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, headers, answer.read())


def job(task: str = "demo.echo", **members: Any) -> dict[str, Any]:
    """A job with the canary among its arguments, due far in the future."""
    return {"task": task, "args": {"value": CANARY}, "delay": FAR_AWAY_S} | members


def altered(
    producer: Producer, alter: Callable[[dict[str, str]], Mapping[str, str]], **parts: Any
) -> Answer:
    """Sign a job, alter the fields, send it."""
    path = f"/v1/jobs?{CANARY}"
    fields, data = producer.signed("POST", path, job(), headers=HEADERS, **parts)
    lower = {name.lower(): value for name, value in fields.items()}
    return producer.send("POST", path, alter(lower), data)


def public_pem(key: Any) -> str:
    """A public key as a registration holds it."""
    pem: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem.decode()
