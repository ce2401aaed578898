"""Producers' registrations as Vault holds them, loaded anew every few seconds."""

from collections.abc import Callable
from typing import Any

from hvac.exceptions import Forbidden, InvalidPath

from backends.errors import VaultDenied
from backends.keyring_source import CONFIG_MOUNT
from backends.vault_login import UNREACHED, VaultLogin, unavailable
from gateway.registration import Registration, RegistrationInvalid, parse_registration


def load_registrations(
    login: VaultLogin, on_invalid: Callable[[str, RegistrationInvalid], None]
) -> list[Registration]:
    """Read every registration; one that is not of its form is reported and left out.

    Raises:
        VaultUnavailable, VaultDenied: where Vault does not tell.
    """
    try:
        documents = login.ask(_documents)
    except Forbidden:
        raise VaultDenied("Vault refuses the registrations: check the gateway's policy") from None
    except UNREACHED as error:
        raise unavailable(error) from None
    registrations = []
    for name, document in documents:
        if document is None:
            continue
        try:
            registrations.append(_registration(name, document))
        except RegistrationInvalid as error:
            on_invalid(name, error)
    return registrations


def _registration(name: str, document: dict[str, Any]) -> Registration:
    registration = parse_registration(document)
    if registration.name != name:
        raise RegistrationInvalid("member name: not the name it is stored under")
    return registration


def _documents(client: Any) -> list[tuple[str, dict[str, Any] | None]]:
    return [(name, _document(client, name)) for name in _names(client)]


def _names(client: Any) -> list[str]:
    try:
        answer = client.secrets.kv.v2.list_secrets(path="producers", mount_point=CONFIG_MOUNT)
    except InvalidPath:
        return []
    return [name for name in answer["data"]["keys"] if not name.endswith("/")]


def _document(client: Any, name: str) -> dict[str, Any] | None:
    try:
        answer = client.secrets.kv.v2.read_secret_version(
            path=f"producers/{name}", mount_point=CONFIG_MOUNT, raise_on_deleted_version=True
        )
    except InvalidPath:
        return None
    return dict(answer["data"]["data"])
