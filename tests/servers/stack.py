"""The whole path for tests: servers, gateway, dispatcher, worker as processes, and producers."""

import base64
import json
import os
import secrets
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import urllib3
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deploy.local.process import Child, Program
from signing.http_signer import RequestSigner
from tests.servers.servers import Servers

ROOT = Path(__file__).parents[2]
READY_S = 30.0
#: Where a machine stands still for a second, the ledger was not away.
LEDGER_TIMEOUT_MS = 4_500


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gateway answered."""

    status: int
    headers: Mapping[str, str]
    data: bytes = field(repr=False)

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.data)


@dataclass(frozen=True, slots=True)
class Producer:
    """A registered producer that signs requests; every part can be overridden by a test.

    Attributes:
        patience_s: for how long it asks again where the ledger or Vault did not answer in time, as
            producers do: on a busy machine that happens. Zero where a test wants to see it.
    """

    base: str
    signer: RequestSigner
    http: urllib3.PoolManager
    patience_s: float = 15.0

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        created: int | None = None,
        nonce: str | None = None,
    ) -> Answer:
        """Sign and send one request; `body` is bytes as they are, or written as JSON.

        It is signed and sent again while it is refused with 503 and the patience lasts; not with a
        nonce of the test's own, which counts once.
        """
        deadline = time.monotonic() + (self.patience_s if nonce is None else 0.0)
        while True:
            fields, data = self.signed(
                method, path, body, headers=headers, created=created, nonce=nonce
            )
            answer = self.send(method, path, fields, data)
            if answer.status != 503 or time.monotonic() > deadline:
                return answer

    def signed(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        created: int | None = None,
        nonce: str | None = None,
    ) -> tuple[dict[str, str], bytes]:
        """Give the signed fields and the body of a request, for tests that alter them."""
        data = b"" if body is None else body if isinstance(body, bytes) else dump(body)
        fields = {"content-type": "application/json"} if data else {}
        signed = self.signer.sign(
            method=method,
            url=self.base + path,
            headers=fields | dict(headers or {}),
            body=data,
            created=int(time.time()) if created is None else created,
            nonce=secrets.token_hex(12) if nonce is None else nonce,
        )
        return signed, data

    def send(self, method: str, path: str, headers: Mapping[str, str], data: bytes) -> Answer:
        """Send a request as it is."""
        answer = self.http.request(
            method, self.base + path, headers=dict(headers), body=data or None, redirect=False
        )
        return Answer(answer.status, dict(answer.headers), answer.data)

    def submit(self, task: str, args: Any, **members: Any) -> Answer:
        """Submit one job; one only, however often it has to ask."""
        key = {"idempotency-key": secrets.token_hex(12)}
        return self.call("POST", "/v1/jobs", {"task": task, "args": args, **members}, headers=key)

    def settled(self, job_id: str, seconds: int = 60) -> Any:
        """Wait until a job has settled, and give its status."""
        deadline = time.monotonic() + seconds
        while True:
            answer = self.call("GET", f"/v1/jobs/{job_id}?wait=5")
            if answer.status == 200 and answer.json["status"] in (
                "succeeded",
                "failed",
                "expired",
                "cancelled",
            ):
                return answer.json
            if time.monotonic() > deadline:
                raise AssertionError(f"not settled: {answer.status} {answer.data[:500]!r}")

    def run(self, task: str, args: Any, **members: Any) -> Any:
        """Submit one job and give its status once it has settled."""
        answer = self.submit(task, args, **members)
        assert answer.status == 202, answer.data
        return self.settled(answer.json["id"])


def dump(body: Any) -> bytes:
    """Write JSON."""
    return json.dumps(body).encode()


class Stack:
    """Gateway, dispatcher and worker on running servers; parts can be started and stopped."""

    def __init__(self, servers: Servers, logs: Path) -> None:
        self.servers = servers
        self.logs = logs
        self.processes: dict[str, Child] = {}
        self.base = f"https://localhost:{servers.ports.gateway}"
        self.http = urllib3.PoolManager(
            ca_certs=str(servers.paths.certs.authority), retries=False, timeout=70.0, maxsize=64
        )

    def __enter__(self) -> Self:
        self.build_catalog()
        return self

    def __exit__(self, *_: object) -> None:
        self.http.clear()
        for name in list(self.processes):
            self.stop(name)

    def build_catalog(self, tasks: str = "examples.tasks") -> None:
        """Build the catalog of task modules (comma separated) where the roles look for it."""
        command = ["catalog", "build", "--output", str(self.servers.paths.catalog)]
        for module in tasks.split(","):
            command += ["--tasks", module]
        child = self._spawn("catalog", command, {})
        child.wait_until(lambda: child.status == 0, READY_S)

    def start(self, role: str, *, name: str | None = None, **settings: str) -> Child:
        """Start one role; settings override its environment. A gateway is waited for."""
        environment = self.servers.environment(role)  # type: ignore[arg-type]
        environment["COUNTERSIGN_QUEUES"] = "fast,slow"
        environment["COUNTERSIGN_LEDGER_TIMEOUT_MS"] = str(LEDGER_TIMEOUT_MS)
        name = name or role
        child = self._spawn(name, [role], environment | settings)
        self.processes[name] = child
        if role == "gateway":
            child.wait_until(self.is_ready, READY_S)
        return child

    def start_all(self) -> None:
        """Start one of each."""
        for role in ("gateway", "dispatcher", "worker"):
            self.start(role)

    def stop(self, name: str, *, kill: bool = False) -> None:
        """Stop one process, or kill it with its group."""
        child = self.processes.pop(name)
        if kill:
            child.kill()
        else:
            child.stop(15.0)

    def log(self, name: str) -> str:
        """What a process has logged so far."""
        path = self.logs / f"{name}.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def is_ready(self) -> bool:
        """Whether the gateway says that it is ready."""
        try:
            return self.http.request("GET", f"{self.base}/readyz").status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def producer(self, name: str, **registration: Any) -> Producer:
        """Register a producer with an Ed25519 key of its own, granted every task.

        The gateway learns of it within seconds; this waits until it does.
        """
        key = Ed25519PrivateKey.generate()
        pem = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        keys = [{"kid": f"{name}-1", "alg": "ed25519", "public_pem": pem.decode()}]
        self.register(name, {"keys": keys, "tasks": ["*"], **registration})
        producer = Producer(self.base, RequestSigner(f"{name}-1", "ed25519", key), self.http)
        if "gateway" in self.processes:
            self.processes["gateway"].wait_until(lambda: _is_known(producer), 15.0)
        return producer

    def register(self, name: str, document: Mapping[str, Any]) -> None:
        """Write a registration as the security team does."""
        self.servers.vault("security").secrets.kv.v2.create_or_update_secret(
            path=f"producers/{name}",
            mount_point="countersign-config",
            secret={"name": name, **document},
        )

    def quarantined(self) -> list[dict[str, bytes]]:
        """The quarantine's entries, oldest first."""
        entries: Any = self.servers.redis("security").xrange("cs:quarantine")
        return [{key.decode(): value for key, value in fields.items()} for _, fields in entries]

    def _spawn(self, name: str, command: list[str], settings: Mapping[str, str]) -> Child:
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith("COUNTERSIGN_")
        }
        environment |= settings
        environment["PYTHONPATH"] = str(ROOT)
        environment.setdefault("COUNTERSIGN_APP_DIR", str(ROOT))
        program = [sys.executable, "-m", "deploy.cli.main", *command]
        return Child(Program(name, program, environment, self.logs / f"{name}.log"))


def _is_known(producer: Producer) -> bool:
    answer = producer.call("GET", "/v1/tasks")
    return answer.status != 401 or answer.json["code"] != "key_unknown"


def envelope_in(raw: bytes) -> dict[str, Any]:
    """The sealed job in a message as it lies in Redis, and its claims under `claims`."""
    message = json.loads(raw)
    envelope: dict[str, Any] = json.loads(message["body"])
    claims = json.loads(base64.b64decode(envelope["payload"]))
    return {"message": message, "envelope": envelope, "claims": claims}
