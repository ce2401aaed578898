"""Secrets out of a real Vault, through a client of each process's own."""

import os
import time
from collections.abc import Iterator
from typing import cast
from uuid import uuid4

import pytest

from backends.errors import VaultDenied, VaultNotFound
from backends.settings import environment_of, vault_settings
from backends.vault_http import VaultHttp
from backends.vault_login import VaultLogin
from tests.servers.servers import Servers
from workers.secret_reader import VaultSecretReader

MOUNT = "countersign-secrets"


@pytest.fixture
def clients() -> Iterator[list[VaultHttp]]:
    made: list[VaultHttp] = []
    yield made
    for client in made:
        client.close()


@pytest.fixture
def reader(servers: Servers, clients: list[VaultHttp]) -> VaultSecretReader:
    settings = vault_settings(environment_of(servers.environment("worker")))

    def make() -> VaultHttp:
        clients.append(VaultHttp(settings, VaultLogin(settings, time.monotonic)))
        return clients[-1]

    return VaultSecretReader(make)


def test_each_version_has_its_fields(
    servers: Servers, reader: VaultSecretReader, clients: list[VaultHttp]
) -> None:
    path = f"producers/acme/{uuid4().hex}"  # a job's own secret has one version
    kv = servers.vault("security").secrets.kv.v2
    for card in ("first", {"number": "second"}):
        kv.create_or_update_secret(mount_point=MOUNT, path=path, secret={"card": card})
    assert reader.read(MOUNT, path, 1) == {"card": "first"}
    assert reader.read(MOUNT, path, 2) == {"card": {"number": "second"}}
    with pytest.raises(VaultNotFound):
        reader.read(MOUNT, path, 3)
    kv.delete_metadata_and_all_versions(mount_point=MOUNT, path=path)
    with pytest.raises(VaultNotFound):
        reader.read(MOUNT, path, 1)
    assert len(clients) == 1


def test_what_the_policy_refuses(reader: VaultSecretReader) -> None:
    with pytest.raises(VaultDenied):
        reader.read("countersign-config", "producers/acme", 1)


def test_a_process_that_was_forked_makes_its_own_client(
    servers: Servers,
    reader: VaultSecretReader,
    clients: list[VaultHttp],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for pid in (1, 1, 2):
        monkeypatch.setattr(os, "getpid", lambda pid=pid: pid)
        with pytest.raises(VaultNotFound):
            reader.read(MOUNT, "producers/none", 1)
    assert len(clients) == 2


@pytest.mark.parametrize("data", [None, "x", [1]])
def test_a_secret_without_fields(data: object) -> None:
    class Odd:
        def call(self, method: str, path: str) -> object:
            return {"data": data}

    assert VaultSecretReader(lambda: cast(VaultHttp, Odd())).read(MOUNT, "x", 1) == {}
