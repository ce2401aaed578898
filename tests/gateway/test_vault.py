"""Vault on the hot path: secrets written and deleted, batches signed, tokens tried anew."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar, cast

import pytest
from hvac.exceptions import InvalidPath

from backends.environment import Environment
from backends.errors import VaultDenied, VaultUnavailable
from backends.keyring_source import load_keyring
from backends.settings import VaultSettings, vault_settings
from backends.vault_login import VaultLogin
from gateway.vault import AsyncVault, TransitJobSigner, VaultSecretStore
from tests.backends.fake_transit import LARGE
from tests.servers.servers import Servers

T = TypeVar("T")
MOUNT = "countersign-secrets"


@pytest.fixture(scope="module")
def settings(servers: Servers) -> VaultSettings:
    return vault_settings(Environment(servers.environment("gateway")))


@pytest.fixture(scope="module")
def login(settings: VaultSettings) -> VaultLogin:
    return VaultLogin(settings, time.monotonic)


def on(settings: VaultSettings, login: VaultLogin, test: Callable[[AsyncVault], Awaitable[T]]) -> T:
    async def run() -> T:
        vault = AsyncVault(settings, login)
        try:
            return await test(vault)
        finally:
            await vault.close()

    return asyncio.run(run())


def test_a_secret_is_written_once_and_deleted_with_all_its_versions(
    servers: Servers, settings: VaultSettings, login: VaultLogin
) -> None:
    path = f"jobs/fast/demo.echo/{time.time_ns()}"
    values: dict[str, Any] = {"s0": "4111 1111", "s1": {"nested": ["ü", 1.5, None]}}
    kv = servers.vault("worker").secrets.kv.v2

    def stored() -> Any:
        return kv.read_secret_version(path=path, mount_point=MOUNT, raise_on_deleted_version=True)

    on(settings, login, lambda vault: VaultSecretStore(vault).write(path, values))
    assert stored()["data"]["data"] == values
    assert stored()["data"]["metadata"]["version"] == 1
    with pytest.raises(VaultDenied):
        on(settings, login, lambda vault: VaultSecretStore(vault).write(path, {"s0": "other"}))
    assert stored()["data"]["data"] == values
    for _ in range(2):
        on(settings, login, lambda vault: VaultSecretStore(vault).delete(path))
    with pytest.raises(InvalidPath):
        stored()


def test_many_signatures_verify_under_the_keyring(
    settings: VaultSettings, login: VaultLogin
) -> None:
    messages = [f"message {number}".encode() for number in range(250)]

    async def test(vault: AsyncVault) -> None:
        signer = TransitJobSigner(vault)
        signed = await asyncio.gather(*map(signer.sign, messages))
        public = {key.kid: key.public_key for key in load_keyring(login).keys}
        for message, signature in zip(messages, signed, strict=True):
            public[signature.keyid].verify(signature.sig, message)

    on(settings, login, test)


def test_jobs_that_do_not_fit_into_one_call_are_signed_in_several(
    settings: VaultSettings, login: VaultLogin
) -> None:
    async def test(vault: AsyncVault) -> None:
        # The first goes out alone; the others gather meanwhile, up to a hundred to a batch.
        signed = await asyncio.gather(*map(TransitJobSigner(vault).sign, LARGE))
        public = {key.kid: key.public_key for key in load_keyring(login).keys}
        for message, signature in zip(LARGE, signed, strict=True):
            public[signature.keyid].verify(signature.sig, message)

    on(settings, login, test)


def test_an_empty_answer_of_transit_is_no_signature(
    settings: VaultSettings, login: VaultLogin, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def empty(*_: object) -> tuple[int, bytes]:
        return 204, b""

    monkeypatch.setattr(AsyncVault, "_request", empty)
    with pytest.raises(VaultUnavailable):
        on(settings, login, lambda vault: TransitJobSigner(vault).sign(b"x"))


def test_a_redirect_is_not_followed_with_the_token(
    settings: VaultSettings, login: VaultLogin
) -> None:
    async def test(vault: AsyncVault) -> None:
        # Vault itself redirects a path with a doubled slash to the same without.
        with pytest.raises(VaultUnavailable) as caught:
            await vault.call("GET", "/transit//keys/countersign-job")
        assert caught.value.message.startswith("Vault does not serve: status 30")

    on(settings, login, test)


def test_what_the_policy_does_not_allow_is_denied(
    settings: VaultSettings, login: VaultLogin
) -> None:
    with pytest.raises(VaultDenied):
        on(settings, login, lambda vault: vault.call("GET", f"{MOUNT}/data/jobs/fast/a/b"))


class Stale:
    """A login whose token was revoked meanwhile; it gets another when told."""

    def __init__(self, login: VaultLogin) -> None:
        self._login = login
        self._forgot = False

    def fresh_token(self) -> str | None:
        return None if self._forgot else "revoked"

    def token(self) -> str:
        return self._login.token()

    def forget(self, value: str) -> None:
        assert value == "revoked"
        self._forgot = True


def test_a_refused_token_is_tried_anew(settings: VaultSettings, login: VaultLogin) -> None:
    stale = cast(VaultLogin, Stale(login))
    data = on(settings, stale, lambda vault: vault.call("GET", "transit/keys/countersign-job"))
    assert data["type"] == "ed25519"


def test_vault_is_asked_whether_it_serves(
    settings: VaultSettings, login: VaultLogin, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(settings, login, lambda vault: vault.ping())

    async def is_sealed(*_: object) -> tuple[int, bytes]:
        return 503, b""

    monkeypatch.setattr(AsyncVault, "_request", is_sealed)
    with pytest.raises(VaultUnavailable):
        on(settings, login, lambda vault: vault.ping())


def test_where_vault_is_away_every_call_says_so(settings: VaultSettings, login: VaultLogin) -> None:
    async def test() -> None:
        closed = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
        port = closed.sockets[0].getsockname()[1]
        closed.close()
        await closed.wait_closed()
        vault = AsyncVault(replace(settings, address=f"https://127.0.0.1:{port}"), login)
        for call in (
            vault.ping(),
            VaultSecretStore(vault).write("jobs/a/b/c", {}),
            VaultSecretStore(vault).delete("jobs/a/b/c"),
            TransitJobSigner(vault).sign(b"x"),
        ):
            with pytest.raises(VaultUnavailable):
                await call
        await vault.close()

    asyncio.run(test())
