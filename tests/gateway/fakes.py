"""What the ingress's stages need, small and in memory: a producer, a catalog, a store, a ledger."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from backends.transit import Signed
from gateway.admit import TaskBook
from gateway.pipeline import Ingress
from gateway.producers import ProducerDirectory
from gateway.registration import parse_registration
from gateway.types import KeptJob, RawRequest
from signing.catalog import Catalog, TaskSpec
from signing.errors import CountersignError
from signing.http_fields import HttpRequest
from signing.keyring import Keyring
from signing.ledger.record import Acceptance, Accepted
from signing.strict_json import JsonObject
from tests.signing.builders import private_key, seal_key
from tests.signing.http_requests import BARE, NOW_S, SIGNER, signed_request

NOW = NOW_S * 1000
CLIENT = "192.0.2.7"
#: What a detector takes for a secret wherever it stands.
STRIPE_KEY = "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"
SECRET_TEXT: JsonObject = {
    "x-secret": True,
    "writeOnly": True,
    "anyOf": [
        {"type": "string", "minLength": 4},
        {
            "type": "object",
            "properties": {"$secret": {"type": "string"}},
            "required": ["$secret"],
            "additionalProperties": False,
        },
    ],
}


def task(name: str, properties: JsonObject, **fields: Any) -> TaskSpec:
    """A task with these arguments, none of them required."""
    schema: JsonObject = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    return TaskSpec(name=name, queue=fields.pop("queue", "fast"), schema=schema, **fields)


CATALOG = Catalog(
    [
        task("demo.echo", {"value": {}}),
        task("payments.capture", {"amount": {"type": "integer"}, "card": SECRET_TEXT}),
        task("payments.refund", {"note": {}, "card": SECRET_TEXT}, undeclared_secrets="refuse"),
        task("admin.wipe", {}),
    ]
)
BOOK = TaskBook.compile(CATALOG)
KEYRING = Keyring([seal_key("countersign-job:1", 1), seal_key("countersign-result:1", 2)])


def registration(**changes: Any) -> dict[str, Any]:
    """The document of the producer `shop`, whose key is that of `SIGNER`."""
    pem = SIGNER.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    document: dict[str, Any] = {
        "name": "shop",
        "keys": [{"kid": "shop-1", "alg": "ed25519", "public_pem": pem.decode()}],
        "tasks": ["demo.*", "payments.*"],
        "secrets": ["countersign-secrets/producers/shop/*"],
    }
    return document | changes


def directory(**changes: Any) -> ProducerDirectory:
    """A directory with this one producer."""
    return ProducerDirectory([parse_registration(registration(**changes))])


def raw_request(body: Any = None, *, client: str = CLIENT, **parts: Any) -> RawRequest:
    """A signed request; a body that is not bytes is written as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    http = signed_request(body=data, **{"url": BARE, **parts})
    return RawRequest(http=http, client=client, received_at=NOW)


def with_http(raw: RawRequest, http: HttpRequest) -> RawRequest:
    """The same request with other HTTP parts."""
    return replace(raw, http=http)


@dataclass
class FakeStore:
    """Keeps what is written; raises what it is given instead."""

    written: dict[str, JsonObject] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    write_error: CountersignError | None = None
    delete_error: CountersignError | None = None

    async def write(self, path: str, values: JsonObject) -> None:
        if self.write_error is not None:
            raise self.write_error
        self.written[path] = values

    async def delete(self, path: str) -> None:
        if self.delete_error is not None:
            raise self.delete_error
        self.deleted.append(path)


@dataclass
class FakeSigner:
    """Signs with the key of seed 1."""

    error: Exception | None = None

    async def sign(self, message: bytes) -> Signed:
        if self.error is not None:
            raise self.error
        return Signed("countersign-job:1", private_key(1).sign(message))


@dataclass
class FakeLedger:
    """Answers as it is told; accepts where it is told nothing."""

    answer: Callable[[Acceptance], Accepted] = lambda item: Accepted("accepted", item.job_id)
    error: CountersignError | None = None
    seen: list[Acceptance] = field(default_factory=list)
    jobs: dict[str, KeptJob] = field(default_factory=dict)
    nonces: set[tuple[str, str]] = field(default_factory=set)

    async def accept(self, acceptance: Acceptance) -> Accepted:
        self.seen.append(acceptance)
        if self.error is not None:
            raise self.error
        return self.answer(acceptance)

    async def kept(self, job_id: str) -> KeptJob | None:
        return self.jobs.get(job_id)

    async def use_nonce(self, keyid: str, nonce: str) -> bool:
        new = (keyid, nonce) not in self.nonces
        self.nonces.add((keyid, nonce))
        return new


def answering(outcome: Any, job_id: str = "", wait_ms: int = 0) -> FakeLedger:
    """A ledger that gives every request the same answer."""
    return FakeLedger(lambda _: Accepted(outcome, job_id, wait_ms))


def ingress(
    *,
    store: FakeStore | None = None,
    signer: FakeSigner | None = None,
    ledger: FakeLedger | None = None,
    producers: Sequence[dict[str, Any]] = (),
) -> Ingress:
    """The pipeline over fakes, for the producer `shop` or those given."""
    known = ProducerDirectory(map(parse_registration, producers or [registration()]))
    return Ingress(
        directory=lambda: known,
        book=BOOK,
        store=store or FakeStore(),
        signer=signer or FakeSigner(),
        ledger=ledger or FakeLedger(),
        keyring=lambda: KEYRING,
        audience="countersign",
        max_bytes=10_000,
        random=bytes,
    )
