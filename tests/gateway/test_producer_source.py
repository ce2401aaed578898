"""Registrations from Vault: what is broken is reported and left out, the rest counts."""

import time
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
import requests
from hvac.exceptions import Forbidden, InvalidPath, VaultDown

from backends.environment import Environment
from backends.errors import VaultDenied, VaultUnavailable
from backends.settings import vault_settings
from backends.vault_login import VaultLogin
from gateway.producer_source import load_registrations
from gateway.registration import RegistrationInvalid
from tests.gateway.fakes import registration
from tests.servers.servers import Role, Servers

CONFIG = "countersign-config"


def login_of(servers: Servers, role: Role) -> VaultLogin:
    return VaultLogin(vault_settings(Environment(servers.environment(role))), time.monotonic)


@pytest.fixture
def documents(servers: Servers) -> Iterator[Any]:
    """Write registrations as the security team does; they are removed again."""
    kv, written = servers.vault("security").secrets.kv.v2, []

    def write(path: str, document: dict[str, Any]) -> None:
        written.append(path)
        kv.create_or_update_secret(path=f"producers/{path}", mount_point=CONFIG, secret=document)

    yield write
    for path in written:
        kv.delete_metadata_and_all_versions(path=f"producers/{path}", mount_point=CONFIG)


def test_whole_registrations_are_loaded_and_broken_ones_named(
    servers: Servers, documents: Any
) -> None:
    reported: dict[str, str] = {}

    def report(name: str, error: RegistrationInvalid) -> None:
        reported[name] = error.message

    documents("src-whole", registration(name="src-whole"))
    documents("src-broken", {"name": "src-broken"})
    documents("src-posing", registration(name="src-whole"))
    documents("src-gone", registration(name="src-gone"))
    documents("src-folder/inner", registration(name="inner"))
    servers.vault("security").secrets.kv.v2.delete_latest_version_of_secret(
        path="producers/src-gone", mount_point=CONFIG
    )
    loaded = [item.name for item in load_registrations(login_of(servers, "gateway"), report)]
    assert [name for name in loaded if name.startswith(("src-", "inner"))] == ["src-whole"]
    assert {name for name in reported if name.startswith("src-")} == {"src-broken", "src-posing"}
    assert "name" in reported["src-posing"]


def test_a_role_that_may_not_read_them_is_told_so(servers: Servers) -> None:
    with pytest.raises(VaultDenied):
        load_registrations(login_of(servers, "worker"), _never)


class FakeLogin:
    """A login whose client raises on every call."""

    def __init__(self, error: Exception) -> None:
        self._error = error
        self.secrets = self.kv = self.v2 = self

    def ask(self, question: Callable[["FakeLogin"], Any]) -> Any:
        return question(self)

    def list_secrets(self, **_: str) -> Any:
        raise self._error


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (Forbidden("hunter2"), VaultDenied),
        (VaultDown("hunter2"), VaultUnavailable),
        (requests.ConnectionError("hunter2"), VaultUnavailable),
    ],
)
def test_an_error_is_converted_without_its_text(
    error: Exception, raised: type[VaultDenied | VaultUnavailable]
) -> None:
    with pytest.raises(raised) as refused:
        load_registrations(cast(VaultLogin, FakeLogin(error)), _never)
    assert "hunter2" not in refused.value.message
    assert refused.value.__cause__ is None


def test_where_nobody_is_registered_there_is_nobody() -> None:
    assert load_registrations(cast(VaultLogin, FakeLogin(InvalidPath())), _never) == []


def _never(name: str, error: RegistrationInvalid) -> None:
    raise AssertionError(name) from error
