"""Logging in to Vault: when a token is renewed, and when there is a new one."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backends.errors import VaultDenied, VaultUnavailable
from backends.settings import VaultSettings
from backends.vault_login import FAILURE_S, RENEW_AGAIN_S, VaultLogin
from tests.backends.stub_vault import StubVault, login
from tests.servers.servers import Servers

pytestmark = pytest.mark.servers


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_token_is_used_until_two_thirds_of_its_life_and_then_renewed(
    gateway_vault: VaultSettings, clock: Clock
) -> None:
    vault = VaultLogin(gateway_vault, clock)
    assert vault.fresh_token() is None
    token = vault.token()
    clock.now += 2399
    assert vault.token() == vault.fresh_token() == token
    assert "last_renewal" not in lookup(vault)
    clock.now += 2
    assert vault.fresh_token() is None
    assert vault.token() == token
    assert lookup(vault)["last_renewal"] is not None
    assert vault.fresh_token() == token


def test_after_a_revocation_it_logs_in_again(gateway_vault: VaultSettings, clock: Clock) -> None:
    vault = VaultLogin(gateway_vault, clock)
    first = vault.token()
    vault.client().auth.token.revoke_self()
    clock.now += 2401
    second = vault.token()
    assert second != first
    assert lookup(vault)["policies"] == ["countersign-gateway"]


def test_after_its_life_it_logs_in_without_asking_for_a_renewal(
    gateway_vault: VaultSettings, stub_vault: StubVault, clock: Clock
) -> None:
    vault = VaultLogin(stub_vault.settings(gateway_vault), clock)
    stub_vault.answers.extend([login("t-1"), login("t-2")])
    assert vault.token() == "t-1"
    clock.now += 3600
    assert vault.token() == "t-2"
    assert [each.path for each in stub_vault.requests] == ["/v1/auth/approle/login"] * 2


def test_a_renewal_that_vault_bounds_is_followed_by_a_login(
    gateway_vault: VaultSettings, stub_vault: StubVault, clock: Clock
) -> None:
    vault = VaultLogin(stub_vault.settings(gateway_vault), clock)
    stub_vault.answers.extend([login("t-1", 300), login("t-1", 0), login("t-2")])
    assert vault.token() == "t-1"
    clock.now += 200
    assert vault.token() == "t-1"
    assert vault.token() == "t-2"


def test_what_is_forgotten_is_only_the_token_that_was_refused(
    gateway_vault: VaultSettings, stub_vault: StubVault, clock: Clock
) -> None:
    vault = VaultLogin(stub_vault.settings(gateway_vault), clock)
    stub_vault.answers.extend([login("t-1"), login("t-2")])
    vault.token()
    vault.forget("t-0")
    assert vault.token() == "t-1"
    vault.forget("t-1")
    assert vault.fresh_token() is None
    assert vault.token() == "t-2"


def test_a_forked_child_logs_in_by_itself(
    gateway_vault: VaultSettings,
    stub_vault: StubVault,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vault = VaultLogin(stub_vault.settings(gateway_vault), clock)
    stub_vault.answers.extend([login("t-1"), login("t-2")])
    assert vault.token() == "t-1"
    monkeypatch.setattr(os, "getpid", lambda: 1)
    assert vault.token() == "t-2"
    assert stub_vault.requests[1].path == "/v1/auth/approle/login"


def test_many_threads_log_in_once(
    gateway_vault: VaultSettings, stub_vault: StubVault, clock: Clock
) -> None:
    vault = VaultLogin(stub_vault.settings(gateway_vault), clock)
    stub_vault.answers.append(login("t-1"))
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: vault.token(), range(32))) == {"t-1"}
    assert len(stub_vault.requests) == 1


@pytest.mark.parametrize(
    ("auth", "path", "body"),
    [
        ("cert", "/v1/auth/cert/login", {"name": "a-role"}),
        ("kubernetes", "/v1/auth/kubernetes/login", {"jwt": "a-jwt", "role": "a-role"}),
        ("approle", "/v1/auth/approle/login", {"role_id": "a-role", "secret_id": "a-jwt"}),
    ],
)
def test_each_way_in(
    gateway_vault: VaultSettings,
    stub_vault: StubVault,
    clock: Clock,
    tmp_path: Path,
    auth: Any,
    path: str,
    body: Any,
) -> None:
    (tmp_path / "secret").write_text("a-jwt\n")
    settings = stub_vault.settings(
        gateway_vault, auth=auth, role="a-role", secret_file=tmp_path / "secret"
    )
    stub_vault.answers.append(login("t-1"))
    assert VaultLogin(settings, clock).token() == "t-1"
    assert [(each.path, each.body) for each in stub_vault.requests] == [(path, body)]


def test_a_credential_is_read_anew_at_each_login(
    gateway_vault: VaultSettings, stub_vault: StubVault, clock: Clock, tmp_path: Path
) -> None:
    secret = tmp_path / "jwt"
    secret.write_text("first")
    settings = stub_vault.settings(gateway_vault, auth="kubernetes", secret_file=secret)
    vault = VaultLogin(settings, clock)
    stub_vault.answers.extend([login("t-1"), login("t-2")])
    vault.token()
    secret.write_text("second")
    clock.now += 3600
    vault.token()
    assert [each.body["jwt"] for each in stub_vault.requests] == ["first", "second"]


@pytest.mark.parametrize("content", [None, b"", b"\xff"])
def test_a_credential_that_cannot_be_read_is_said(
    gateway_vault: VaultSettings, clock: Clock, tmp_path: Path, content: bytes | None
) -> None:
    secret = tmp_path / "secret"
    if content is not None:
        secret.write_bytes(content)
    with pytest.raises(VaultUnavailable) as caught:
        VaultLogin(replace(gateway_vault, secret_file=secret), clock).token()
    assert caught.value.message == "the file with this role's Vault credential cannot be read"


@pytest.mark.parametrize("part", ["role", "secret"])
def test_wrong_credentials_are_denied_and_not_told(
    gateway_vault: VaultSettings, clock: Clock, tmp_path: Path, part: str
) -> None:
    wrong = tmp_path / "secret"
    wrong.write_text("canary-credential")
    changed = (
        replace(gateway_vault, role="canary-credential")
        if part == "role"
        else replace(gateway_vault, secret_file=wrong)
    )
    vault = VaultLogin(changed, clock)
    with pytest.raises(VaultDenied) as caught:
        vault.token()
    assert caught.value.message == "Vault refuses this role's credentials"
    assert "canary" not in repr(vault) + repr(gateway_vault)


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_sealed_or_failing_vault_is_unavailable(
    gateway_vault: VaultSettings, stub_vault: StubVault, clock: Clock, status: int
) -> None:
    vault = VaultLogin(stub_vault.settings(gateway_vault), clock)
    sealed = (status, {"errors": ["Vault is sealed"]})
    stub_vault.answers.extend([sealed, login("t-1"), sealed])
    with pytest.raises(VaultUnavailable):
        vault.token()
    clock.now += FAILURE_S
    assert vault.token() == "t-1"
    clock.now += 3600
    with pytest.raises(VaultUnavailable) as caught:
        vault.token()
    assert "sealed" not in caught.value.message


def test_a_certificate_whose_file_is_away_for_a_moment_leaves_vault_unavailable(
    gateway_vault: VaultSettings, clock: Clock, tmp_path: Path
) -> None:
    cert = tmp_path / "certificate.pem"
    vault = VaultLogin(replace(gateway_vault, tls=replace(gateway_vault.tls, cert=cert)), clock)
    with pytest.raises(VaultUnavailable) as caught:
        vault.token()
    assert str(tmp_path) not in caught.value.message
    cert.write_bytes(gateway_vault.tls.cert.read_bytes())
    clock.now += FAILURE_S
    assert vault.token()


def test_a_token_that_cannot_be_renewed_now_is_used_until_its_end(
    gateway_vault: VaultSettings, stub_vault: StubVault, clock: Clock
) -> None:
    vault = VaultLogin(stub_vault.settings(gateway_vault), clock)
    sealed = (503, {"errors": ["Vault is sealed"]})
    stub_vault.answers.extend([login("t-1"), sealed, sealed, sealed])
    vault.token()
    clock.now += 2401
    assert vault.token() == vault.fresh_token() == "t-1"
    assert len(stub_vault.requests) == 2  # not asked again at every call
    clock.now += RENEW_AGAIN_S
    assert vault.token() == "t-1"
    assert len(stub_vault.requests) == 3
    clock.now = 1000.0 + 3600
    assert vault.fresh_token() is None
    with pytest.raises(VaultUnavailable):
        vault.token()


def test_nobody_waits_for_the_renewal_of_a_token_that_counts(
    gateway_vault: VaultSettings, stub_vault: StubVault, clock: Clock
) -> None:
    vault = VaultLogin(stub_vault.settings(gateway_vault), clock)
    stub_vault.answers.append(login("t-1"))
    vault.token()
    clock.now += 2401
    with vault._lock:  # as the thread that renews holds it
        assert vault.token() == "t-1"


def test_one_failure_is_shared_by_all_who_waited_for_it(
    gateway_vault: VaultSettings, stub_vault: StubVault, clock: Clock
) -> None:
    vault = VaultLogin(stub_vault.settings(gateway_vault), clock)
    stub_vault.answers.extend([(503, {}), login("t-1")])

    def refused(_: int) -> str:
        with pytest.raises(VaultUnavailable) as caught:
            vault.token()
        return caught.value.message

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(refused, range(16)))) == 1
    assert len(stub_vault.requests) == 1
    clock.now += FAILURE_S
    assert vault.token() == "t-1"


def test_a_vault_that_is_away_is_unavailable(gateway_vault: VaultSettings, clock: Clock) -> None:
    vault = VaultLogin(replace(gateway_vault, address="https://127.0.0.1:9"), clock)
    with pytest.raises(VaultUnavailable) as caught:
        vault.token()
    assert caught.value.message == "Vault does not serve: ConnectionError"


def test_a_server_of_another_authority_is_not_trusted(
    own_servers: Servers, gateway_vault: VaultSettings, clock: Clock
) -> None:
    other = replace(gateway_vault.tls, ca=own_servers.paths.certs.client("gateway")[0])
    with pytest.raises(VaultUnavailable) as caught:
        VaultLogin(replace(gateway_vault, tls=other), clock).token()
    assert caught.value.message == "Vault does not serve: SSLError"


def lookup(vault: VaultLogin) -> Any:
    """What Vault knows of the token."""
    data = vault.client().auth.token.lookup_self()["data"]
    return {name: value for name, value in data.items() if value is not None}
