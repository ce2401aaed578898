"""A fake gateway, a client of it, and time that passes only in sleeps."""

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from gateway.client import Client, ClientError, System
from signing.jwk import to_jwks
from signing.keyring import Keyring
from signing.seals import unsigned_result
from tests.gateway.client.server import KEY_ID, FakeGateway, fake_gateway, write_certificates
from tests.signing.builders import JOB_ID, NOW, private_key, result_claims, seal_key, sealed

WORKER_KID = "countersign-result:1"
SEAL = "sha-256:00"


@dataclass
class Machine:
    """Its `system` is what a client takes for the machine; `rate` seconds pass at each look."""

    now: float = 1000.0
    rate: float = 0.0
    sleeps: list[float] = field(default_factory=list)
    retried: list[tuple[str, float]] = field(default_factory=list)
    made: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    jitter: int | None = 0

    @property
    def system(self) -> System:
        return System(lambda: NOW, self.monotonic, self.sleep, self.random)

    def monotonic(self) -> float:
        self.now += self.rate
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds

    def random(self, size: int) -> bytes:
        number = self.jitter if size == 2 and self.jitter is not None else next(self.made)
        return number.to_bytes(size, "big")

    def on_retry(self, error: ClientError, delay: float) -> None:
        self.retried.append((error.code, delay))


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("certificates")
    write_certificates(directory)
    return directory


@pytest.fixture
def gateway(certificates: Path) -> Iterator[FakeGateway]:
    with fake_gateway(certificates) as serving:
        yield serving


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key.pem"
    path.write_bytes(key_pem())
    return path


@pytest.fixture
def client(gateway: FakeGateway, machine: Machine, certificates: Path) -> Iterator[Client]:
    with make_client(gateway, machine, certificates) as made:
        yield made


MakeClient = Callable[..., Client]


def make_client(
    gateway: FakeGateway, machine: Machine, certificates: Path, **changes: Any
) -> Client:
    options: dict[str, Any] = {
        "key_id": KEY_ID,
        "private_key": key_pem(),
        "ca": certificates / "ca.crt",
        "on_retry": machine.on_retry,
        "system": machine.system,
    }
    options |= changes
    return Client(options.pop("url", gateway.url), **options)


def key_pem(seed: int = 7) -> bytes:
    return private_key(seed).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def accepted(**changes: Any) -> dict[str, Any]:
    """The document of a 202."""
    return {
        "id": JOB_ID,
        "status": "queued",
        "task": "payments.capture",
        "secrets": ["/args/card"],
        **changes,
    }


def job_document(**changes: Any) -> dict[str, Any]:
    """The document of a job's status, as `gateway.status.job_view` gives it."""
    return {
        "id": JOB_ID,
        "status": "running",
        "task": "payments.capture",
        "attempts": 1,
        "max_attempts": 5,
        "accepted_at": "2026-11-22T10:00:00.000Z",
        "due_at": "2026-11-22T10:00:00.000Z",
        "expires_at": "2026-11-22T11:00:00.000Z",
        "started_at": None,
        "finished_at": None,
        "seal": SEAL,
        "result": None,
        "error": None,
        "sealed_result": None,
        **changes,
    }


def settled(
    claims: dict[str, Any] | None = None, seed: int = 3, kid: str = WORKER_KID, **changes: Any
) -> dict[str, Any]:
    """The document of a job that settled, with a result that a worker sealed."""
    made = result_claims(**(claims or {}))
    told = None if made.error is None else {"code": made.error, "type": made.error_type}
    document = job_document(
        status=made.state,
        started_at="2026-11-22T10:00:00.000Z",
        finished_at="2026-11-22T10:00:00.250Z",
        result=made.result,
        error=told,
        sealed_result=json.loads(sealed(unsigned_result(made), kid, seed)),
    )
    return document | changes


def jwks(seed: int = 3, kid: str = WORKER_KID, role: Any = "worker") -> dict[str, Any]:
    return dict(to_jwks(Keyring([seal_key(kid, seed, role=role)]), now=NOW))
