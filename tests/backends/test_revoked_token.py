"""A token that was revoked before its time: every source asks with a new one, once."""

import time
from typing import Any

import pytest

from backends.errors import VaultDenied
from backends.keyring_source import load_keyring
from backends.settings import VaultSettings
from backends.vault_login import VaultLogin
from gateway.producer_source import load_registrations
from tests.backends.stub_vault import StubVault, login

pytestmark = pytest.mark.servers


def registrations(vault: VaultLogin) -> Any:
    return load_registrations(vault, lambda *_: None)


@pytest.mark.parametrize("load", [load_keyring, registrations])
def test_it_is_replaced_at_the_next_load(gateway_vault: VaultSettings, load: Any) -> None:
    vault = VaultLogin(gateway_vault, time.monotonic)
    load(vault)
    first = vault.fresh_token()
    vault.client().auth.token.revoke_self()
    load(vault)
    assert vault.fresh_token() not in (None, first)


@pytest.mark.parametrize("load", [load_keyring, registrations])
def test_what_a_new_token_is_refused_too_is_denied(
    gateway_vault: VaultSettings, stub_vault: StubVault, load: Any
) -> None:
    denied = (403, {"errors": ["canary"]})
    stub_vault.answers.extend([login("t-1"), denied, login("t-2"), denied])
    with pytest.raises(VaultDenied) as caught:
        load(VaultLogin(stub_vault.settings(gateway_vault), time.monotonic))
    assert "canary" not in caught.value.message
    assert len(stub_vault.requests) == 4
