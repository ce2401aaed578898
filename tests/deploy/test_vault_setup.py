"""Setting OpenBao up survives a crash at any step, and leaves no root token."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hvac import exceptions

from deploy.errors import StackError
from deploy.local import vault_provision
from deploy.local.bao_server import VaultFiles, superuser_client
from deploy.local.paths import StackPaths, StackPorts
from deploy.local.servers import LocalServers
from deploy.local.vault_provision import Provisioner

pytestmark = pytest.mark.servers


class Crash(BaseException):
    """The process ends here."""


@pytest.fixture
def stack(state_directory: Path) -> Iterator[LocalServers]:
    servers = LocalServers(StackPaths(state_directory), StackPorts.free(), ("fast",))
    servers.prepare()
    yield servers
    servers.stop_vault(kill=True)


@contextmanager
def logged_in(stack: LocalServers, role: str) -> Iterator[Any]:
    with superuser_client(stack.paths.certs, stack.ports) as client:
        client.auth.approle.login(
            role_id=stack.paths.vault_role_id(role).read_text(),
            secret_id=stack.paths.vault_secret_id(role).read_text(),
        )
        yield client


def assert_complete(stack: LocalServers) -> None:
    files = VaultFiles(stack.paths.vault)
    assert not files.root_token.exists()
    assert not files.initialising.exists()
    assert files.provisioned.read_text() == vault_provision.fingerprint()
    assert files.unseal_key.stat().st_mode & 0o777 == 0o600
    for role in vault_provision.ROLES:
        assert stack.paths.vault_secret_id(role).stat().st_mode & 0o777 == 0o600
        with logged_in(stack, role) as client:
            assert client.auth.token.lookup_self()["data"]["policies"] == [f"countersign-{role}"]


def test_a_second_start_only_unseals_and_everything_is_there(stack: LocalServers) -> None:
    stack.start_vault()
    assert_complete(stack)
    with logged_in(stack, "gateway") as client:
        version = client.secrets.transit.read_key(name="countersign-job")["data"]["keys"]
    ids = stack.paths.vault_secret_id("gateway").read_text()
    stack.stop_vault(kill=True)
    stack.start_vault()
    assert_complete(stack)
    assert stack.paths.vault_secret_id("gateway").read_text() == ids
    with logged_in(stack, "gateway") as client:
        assert client.secrets.transit.read_key(name="countersign-job")["data"]["keys"] == version


@pytest.mark.parametrize("step", ["_mounts", "_keys", "_policies", "_auth", "_role"])
def test_a_set_up_cut_off_after_a_step_is_finished(
    stack: LocalServers, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = getattr(Provisioner, step)

    def cut_off(self: Provisioner, *arguments: str) -> None:
        real(self, *arguments)
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(Provisioner, step, cut_off)
        with pytest.raises(Crash):
            stack.start_vault()
    stack.stop_vault(kill=True)
    stack.start_vault()
    assert_complete(stack)


def test_a_set_up_cut_off_before_the_root_token_is_removed_is_finished(
    stack: LocalServers,
) -> None:
    stack.start_vault()
    files = VaultFiles(stack.paths.vault)
    files.root_token.write_text("s.revoked")
    stack.stop_vault(kill=True)
    stack.start_vault()
    assert_complete(stack)


def test_an_initialisation_whose_key_was_never_written_is_made_anew(
    stack: LocalServers,
) -> None:
    stack.start_vault()
    stack.stop_vault(kill=True)
    files = VaultFiles(stack.paths.vault)
    for path in (files.unseal_key, files.provisioned):
        path.unlink()
    files.initialising.touch()
    shutil.rmtree(stack.paths.credentials)
    stack.paths.credentials.mkdir()
    stack.start_vault()
    assert_complete(stack)


def test_a_lost_unseal_key_is_said_and_nothing_is_removed(stack: LocalServers) -> None:
    stack.start_vault()
    stack.stop_vault(kill=True)
    files = VaultFiles(stack.paths.vault)
    files.unseal_key.unlink()
    with pytest.raises(StackError, match="unseal-key is missing"):
        stack.start_vault()
    assert any(files.data.iterdir())


def test_the_root_token_is_revoked(stack: LocalServers, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    real = Provisioner.run

    def remember(self: Provisioner) -> None:
        seen.append(self.client.token)
        real(self)

    monkeypatch.setattr(Provisioner, "run", remember)
    stack.start_vault()
    with (
        superuser_client(stack.paths.certs, stack.ports, seen[0]) as client,
        pytest.raises(exceptions.Forbidden),
    ):
        client.auth.token.lookup_self()
