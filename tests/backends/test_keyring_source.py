"""The seal keyring out of the real OpenBao: versions, windows, revocations."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from backends.environment import Environment
from backends.errors import VaultDenied, VaultUnavailable
from backends.keyring_source import CONFIG_MOUNT, load_keyring
from backends.settings import VaultSettings, vault_settings
from backends.transit import JOB_KEY, RESULT_KEY
from backends.vault_login import VaultLogin
from signing.times import from_rfc3339
from tests.backends.stub_vault import StubVault, login
from tests.servers.servers import Servers

pytestmark = pytest.mark.servers

FROM, UNTIL = "2026-11-22T10:00:00Z", "2026-12-22T10:00:00+01:00"


@pytest.fixture
def worker(own_servers: Servers) -> VaultLogin:
    settings = vault_settings(Environment(own_servers.environment("worker")))
    return VaultLogin(settings, time.monotonic)


@pytest.fixture
def write(own_servers: Servers) -> Iterator[Any]:
    """Write the document as the security team does; it is gone afterwards."""
    security = own_servers.vault("security").secrets.kv.v2

    def write(document: Any) -> None:
        security.create_or_update_secret(path="keyring", mount_point=CONFIG_MOUNT, secret=document)

    yield write
    security.delete_metadata_and_all_versions(path="keyring", mount_point=CONFIG_MOUNT)


def versions(login: VaultLogin, key: str) -> list[str]:
    return [each.kid for each in load_keyring(login).keys if each.kid.startswith(f"{key}:")]


def test_without_a_document_every_version_counts(worker: VaultLogin) -> None:
    keys = load_keyring(worker).keys
    roles = {key.kid.partition(":")[0]: key.role for key in keys}
    assert roles == {JOB_KEY: "gateway", RESULT_KEY: "worker"}
    assert {(key.revoked, key.verify_from, key.verify_until) for key in keys} == {
        (False, None, None)
    }


@pytest.mark.parametrize("key", [JOB_KEY, RESULT_KEY])
def test_a_rotation_adds_a_version(own_servers: Servers, worker: VaultLogin, key: str) -> None:
    before = versions(worker, key)
    own_servers.vault("security").secrets.transit.rotate_key(name=key)
    after = versions(worker, key)
    assert after == [*before, f"{key}:{len(before) + 1}"]


def test_revocations_and_windows_are_those_of_the_document(worker: VaultLogin, write: Any) -> None:
    job, result = f"{JOB_KEY}:1", f"{RESULT_KEY}:1"
    write({"revoked": [result, "gone:7"], "windows": {job: {"from": FROM, "until": UNTIL}}})
    keys = {key.kid: key for key in load_keyring(worker).keys}
    assert keys[result].revoked is True
    assert keys[job].revoked is False
    assert keys[job].verify_from == from_rfc3339(FROM)
    assert keys[job].verify_until == from_rfc3339(UNTIL)
    assert "gone:7" not in keys
    write({"windows": {job: {"until": UNTIL}}})
    keys = {key.kid: key for key in load_keyring(worker).keys}
    assert keys[result].revoked is False
    assert (keys[job].verify_from, keys[job].verify_until) == (None, from_rfc3339(UNTIL))


@pytest.mark.parametrize(
    "document",
    [
        {"revoked": f"{JOB_KEY}:1"},
        {"revoked": {f"{JOB_KEY}:1": True}},
        {"revoked": [1]},
        {"revoked": None},
        {"windows": []},
        {"windows": {f"{JOB_KEY}:1": "canary"}},
        {"windows": {f"{JOB_KEY}:1": {"until": "canary"}}},
        {"windows": {f"{JOB_KEY}:1": {"until": 7}}},
    ],
    ids=repr,
)
def test_a_document_of_another_form_is_not_half_believed(
    worker: VaultLogin, write: Any, document: Any
) -> None:
    write(document)
    with pytest.raises(VaultUnavailable) as caught:
        load_keyring(worker)
    assert caught.value.message == "Vault's keyring is not of its form"


def test_a_deleted_document_is_as_none(
    own_servers: Servers, worker: VaultLogin, write: Any
) -> None:
    write({"revoked": [f"{JOB_KEY}:1"]})
    own_servers.vault("security").secrets.kv.v2.delete_latest_version_of_secret(
        path="keyring", mount_point=CONFIG_MOUNT
    )
    assert not any(key.revoked for key in load_keyring(worker).keys)


def test_a_role_that_may_not_read_the_keys_is_denied(own_servers: Servers) -> None:
    settings = vault_settings(Environment(own_servers.environment("dispatcher")))
    with pytest.raises(VaultDenied):
        load_keyring(VaultLogin(settings, time.monotonic))


@pytest.mark.parametrize(
    "answers",
    [
        [(503, {"errors": ["canary"]})],
        [(200, b"<html>")],
        [(200, {"data": None})],
        [(404, {"errors": []}), (200, {"data": {"keys": {"1": 5}}})],
        [(404, {"errors": []}), (200, {"data": {"keys": {"1": {"public_key": "QUJD"}}}})],
        [(404, {"errors": []}), (200, {"data": {}})],
        [(404, {"errors": []}), (404, {"errors": []})],
    ],
)
def test_what_vault_does_not_tell_is_unavailable(
    gateway_vault: VaultSettings, stub_vault: StubVault, answers: Any
) -> None:
    stub_vault.answers.extend([login("t-1"), *answers])
    with pytest.raises(VaultUnavailable) as caught:
        load_keyring(VaultLogin(stub_vault.settings(gateway_vault), time.monotonic))
    assert "canary" not in caught.value.message
