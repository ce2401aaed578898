"""The composed application in this process, on the real Redis and OpenBao, and its errors."""

import asyncio
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from starlette.applications import Starlette

from backends.environment import Environment
from backends.errors import LedgerUnavailable, VaultDenied, VaultNotFound, VaultUnavailable
from gateway.app import build_app, load_sources
from gateway.settings import GatewaySettings, gateway_settings
from signing.catalog import dump_catalog
from signing.errors import CountersignError, SettingError
from signing.ids import uuid7
from tests.gateway.asgi import Answer, ask
from tests.gateway.fakes import CATALOG, registration
from tests.servers.servers import Servers
from tests.servers.stack import LEDGER_TIMEOUT_MS
from tests.signing.http_requests import SIGNER, as_received

CONFIG = "countersign-config"


@dataclass
class Served:
    """The application with its loop, and a producer's calls of it."""

    app: Starlette
    runner: asyncio.Runner
    authority: str

    def send(self, *parts: Any, **options: Any) -> Answer:
        return self.runner.run(self.sending(*parts, **options))

    async def sending(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        signed: bool = True,
        fields: dict[str, str] | None = None,
    ) -> Answer:
        url = f"https://{self.authority}{path}"
        fields = ({"content-type": "application/json"} if body else {}) | (fields or {})
        if signed:
            fields = SIGNER.sign(
                method=method,
                url=url,
                headers=fields,
                body=body,
                created=int(time.time()),
                nonce=secrets.token_hex(8),
            )
        return await ask(self.app, as_received(method, url, fields, body))


@pytest.fixture(scope="module")
def settings(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> GatewaySettings:
    catalog = tmp_path_factory.mktemp("catalog") / "catalog.json"
    catalog.write_bytes(dump_catalog(CATALOG))
    values = {
        **servers.environment("gateway"),
        "COUNTERSIGN_CATALOG": str(catalog),
        "COUNTERSIGN_LEDGER_TIMEOUT_MS": str(LEDGER_TIMEOUT_MS),
    }
    return gateway_settings(Environment(values))


@pytest.fixture(scope="module")
def served(servers: Servers, settings: GatewaySettings) -> Iterator[Served]:
    kv = servers.vault("security").secrets.kv.v2
    kv.create_or_update_secret(
        path="producers/shop", mount_point=CONFIG, secret=registration(secrets=[])
    )
    kv.create_or_update_secret(
        path="producers/broken", mount_point=CONFIG, secret={"name": "broken"}
    )
    app = build_app(settings, load_sources(settings), on_fault=lambda: None)
    with asyncio.Runner() as runner:
        lifespan = app.router.lifespan_context(app)
        runner.run(lifespan.__aenter__())
        yield Served(app, runner, settings.authority)
        runner.run(lifespan.__aexit__(None, None, None))
    for name in ("shop", "broken"):
        kv.delete_metadata_and_all_versions(path=f"producers/{name}", mount_point=CONFIG)


def code(answer: Answer) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status, answer.json["code"]


def test_a_job_is_taken_in_shown_and_cancelled_while_somebody_waits(served: Served) -> None:
    body = b'{"task": "payments.capture", "args": {"card": "4111 1111"}, "delay": 600}'
    answer = served.send("POST", "/v1/jobs", body)
    assert answer.status == 202, answer.data
    assert answer.json["secrets"] == ["/args/card"]
    place = answer.headers["location"]
    assert served.send("GET", place).json["status"] == "queued"

    async def wait_and_cancel() -> list[Answer]:
        waiting = asyncio.create_task(served.sending("GET", f"{place}?wait=30"))
        cancelled = await served.sending("DELETE", place)
        return [await waiting, cancelled]

    shown, cancelled = served.runner.run(asyncio.wait_for(wait_and_cancel(), 20))
    assert cancelled.json == {"id": answer.json["id"], "status": "cancelled"}
    assert shown.json["status"] == "cancelled"
    assert code(served.send("DELETE", place)) == (409, "not_cancellable")


def test_a_repeated_job_leaves_no_second_secret_in_vault(
    served: Served, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def recorded(milliseconds: int, random: bytes) -> str:
        made.append(uuid7(milliseconds, random))
        return made[-1]

    monkeypatch.setattr("gateway.pipeline.uuid7", recorded)
    body = b'{"task": "payments.capture", "args": {"card": "4111 1111"}, "delay": 600}'
    key = {"idempotency-key": secrets.token_hex(8)}
    first, again = (served.send("POST", "/v1/jobs", body, fields=key) for _ in range(2))
    assert (first.status, again.status, first.json) == (202, 202, again.json)
    kept, orphan = (f"countersign-secrets/data/jobs/fast/payments.capture/{name}" for name in made)
    worker = servers.vault("worker")
    assert made[0] == first.json["id"]
    assert worker.read(kept)["data"]["data"] == {"s0": "4111 1111"}
    assert worker.read(orphan) is None


def test_tasks_keys_and_health_are_told(served: Served) -> None:
    names = [task["name"] for task in served.send("GET", "/v1/tasks").json["tasks"]]
    assert names == ["demo.echo", "payments.capture", "payments.refund"]
    keys = served.send("GET", "/.well-known/jwks.json", signed=False)
    assert keys.headers["content-type"] == "application/jwk-set+json"
    assert {key["countersign_role"] for key in keys.json["keys"]} == {"gateway", "worker"}
    assert served.send("GET", "/healthz", signed=False).json == {"status": "ok"}
    ready = served.send("GET", "/readyz", signed=False)
    assert ready.json == {"status": "ready", "parts": {"ledger": "ok", "vault": "ok"}}


def test_what_is_not_signed_is_refused(served: Served) -> None:
    assert code(served.send("GET", "/v1/tasks", signed=False)) == (401, "signature_missing")


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/nothing", "/healthz/", "/v1/jobs/", "/v1/jobs/a/b", "/v1/tasks/"]
)
def test_there_is_nothing_elsewhere_and_no_redirect(served: Served, path: str) -> None:
    assert code(served.send("GET", path)) == (404, "not_found")


@pytest.mark.parametrize("path", ["/v1%2Ftasks", "/%76%31/tasks", "/v1/jobs/a%2Fb", "/v1/jobs/%41"])
def test_an_encoded_path_is_another_path(served: Served, path: str) -> None:
    assert code(served.send("GET", path)) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/jobs", "GET, HEAD, POST"),
        ("GET", "/v1/jobs/x/replay", "POST"),
        ("POST", "/v1/tasks", "GET, HEAD"),
        ("PUT", "/v1/jobs/x", "DELETE, GET, HEAD"),
        ("DELETE", "/healthz", "GET, HEAD"),
    ],
)
def test_another_method_is_told_the_ones_that_there_are(
    served: Served, method: str, path: str, allowed: str
) -> None:
    answer = served.send(method, path)
    assert code(answer) == (405, "method_not_allowed")
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (LedgerUnavailable("hunter2"), (503, "ledger_unavailable")),
        (VaultUnavailable("down"), (503, "vault_unavailable")),
        (VaultDenied("hunter2"), (503, "vault_unavailable")),
        (VaultNotFound("hunter2"), (503, "vault_unavailable")),
        (CountersignError("hunter2", code="ledger_invalid"), (503, "ledger_unavailable")),
    ],
)
def test_an_error_of_ours_is_told_as_what_it_means_outside(
    served: Served,
    monkeypatch: pytest.MonkeyPatch,
    error: CountersignError,
    told: tuple[int, str],
) -> None:
    async def raises(*_: object) -> Any:
        raise error

    monkeypatch.setattr("gateway.ledger.GatewayLedger.use_nonce", raises)
    answer = served.send("GET", "/v1/tasks")
    assert code(answer) == told
    assert "retry-after" in answer.headers
    if error.code not in told:
        assert b"hunter2" not in answer.data


def test_a_programming_error_is_not_told_as_anything_else(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def raises(*_: object) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr("gateway.ledger.GatewayLedger.use_nonce", raises)
    with pytest.raises(ZeroDivisionError):
        served.send("GET", "/v1/tasks")


def test_a_registration_that_cannot_be_read_is_named_and_left_out(
    served: Served, settings: GatewaySettings, caplog: pytest.LogCaptureFixture
) -> None:
    sources = load_sources(settings)
    assert sources.directory.current().find("shop-1", 0)[0].name == "shop"
    assert "the registration of broken is left out" in caplog.text


def test_a_refresh_that_fails_is_told_and_the_old_value_stays(
    served: Served,
    settings: GatewaySettings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    sources = load_sources(settings)

    def denied(*_: object) -> Any:
        raise VaultDenied("check the policy")

    monkeypatch.setattr("gateway.app.load_registrations", denied)
    sources.directory.refresh()
    assert sources.directory.current().find("shop-1", 0)[0].name == "shop"
    assert "the registrations could not be refreshed: check the policy" in caplog.text


def test_a_redis_that_refuses_the_role_is_refused_at_start(
    settings: GatewaySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = replace(settings, ledger=replace(settings.ledger, password="hunter2"))
    with pytest.raises(SettingError) as refused:
        load_sources(wrong)
    assert "hunter2" not in refused.value.message
