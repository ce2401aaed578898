"""Attack: a worker's, or a gateway's, Vault token in the wrong hands."""

from typing import Any

import pytest
from hvac.exceptions import Forbidden

from tests.attacks.target import Target, b64
from tests.servers.servers import Role

SECRETS = "countersign-secrets"
PATHS = ("jobs/fast/test.use/x", "producers/mallory/x", "x")


@pytest.fixture
def worker(target: Target) -> Any:
    """Vault as the worker is let in."""
    return target.stack.servers.vault("worker")


@pytest.mark.parametrize("path", PATHS)
def test_a_worker_writes_no_secret(worker: Any, path: str) -> None:
    kv = worker.secrets.kv.v2
    with pytest.raises(Forbidden):
        kv.create_or_update_secret(mount_point=SECRETS, path=path, secret={"x": "forged"})


@pytest.mark.parametrize("path", ["", "jobs", "jobs/fast", "jobs/fast/test.use", "producers"])
@pytest.mark.parametrize("role", ["worker", "gateway"])
def test_nobody_lists_secrets(target: Target, role: Role, path: str) -> None:
    kv = target.stack.servers.vault(role).secrets.kv.v2
    with pytest.raises(Forbidden):
        kv.list_secrets(mount_point=SECRETS, path=path)


def test_a_worker_does_not_sign_as_the_gateway(worker: Any) -> None:
    transit = worker.secrets.transit
    with pytest.raises(Forbidden):
        transit.sign_data(name="countersign-job", hash_input=b64(b"x"))
    with pytest.raises(Forbidden):
        transit.sign_data(name="countersign-job-2", hash_input=b64(b"x"))


TAKING: list[tuple[str, dict[str, Any]]] = [
    ("export_key", {"key_type": "signing-key"}),
    ("backup_key", {}),
    ("rotate_key", {}),
    ("update_key_configuration", {"exportable": True}),
    ("delete_key", {}),
]


@pytest.mark.parametrize(("method", "options"), TAKING, ids=[item[0] for item in TAKING])
@pytest.mark.parametrize("key", ["countersign-job", "countersign-result"])
@pytest.mark.parametrize("role", ["worker", "gateway"])
def test_nobody_takes_a_key_along_or_changes_it(
    target: Target, role: Role, key: str, method: str, options: dict[str, Any]
) -> None:
    transit: Any = target.stack.servers.vault(role).secrets.transit
    with pytest.raises(Forbidden):
        getattr(transit, method)(name=key, **options)


def test_a_gateway_reads_no_stored_secret(target: Target) -> None:
    gateway = target.stack.servers.vault("gateway").secrets.kv.v2
    gateway.create_or_update_secret(mount_point=SECRETS, path=PATHS[0], secret={"x": "y"})
    with pytest.raises(Forbidden):
        gateway.read_secret_version(
            mount_point=SECRETS, path=PATHS[0], raise_on_deleted_version=True
        )
    gateway.delete_metadata_and_all_versions(mount_point=SECRETS, path=PATHS[0])


def test_neither_registers_a_producer_nor_writes_the_keyring(target: Target) -> None:
    roles: tuple[Role, ...] = ("worker", "gateway", "dispatcher")
    for role in roles:
        kv = target.stack.servers.vault(role).secrets.kv.v2
        for path in ("producers/mallory2", "keyring"):
            with pytest.raises(Forbidden):
                kv.create_or_update_secret(
                    mount_point="countersign-config", path=path, secret={"x": "y"}
                )
