"""The seal keyring as Vault tells it: Transit's public keys, windows and revocations from KV."""

from base64 import b64decode
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hvac.exceptions import Forbidden, InvalidPath

from backends.errors import VaultDenied, VaultUnavailable
from backends.transit import JOB_KEY, RESULT_KEY
from backends.vault_login import UNREACHED, VaultLogin, unavailable
from signing.keyring import Keyring, Role, SealKey
from signing.times import TimeInvalid, from_rfc3339

CONFIG_MOUNT: Final = "countersign-config"

_ROLES: Final[dict[str, Role]] = {JOB_KEY: "gateway", RESULT_KEY: "worker"}


def load_keyring(login: VaultLogin) -> Keyring:
    """Read both Transit keys' public versions and the document `keyring`.

    The document is `{"revoked": [kid], "windows": {kid: {"from": RFC 3339, "until": RFC 3339}}}`;
    where there is none, no key is revoked and every window is open.

    Raises:
        VaultUnavailable, VaultDenied: where Vault does not tell.
    """
    try:
        return login.ask(_keyring)
    except Forbidden:
        raise VaultDenied("Vault refuses to tell the keyring: check this role's policy") from None
    except UNREACHED as error:
        raise unavailable(error) from None
    except (AttributeError, KeyError, TypeError, ValueError, TimeInvalid):
        raise VaultUnavailable("Vault's keyring is not of its form") from None


def _keyring(client: Any) -> Keyring:
    document = _document(client)
    return Keyring(
        key for name, role in _ROLES.items() for key in _versions(client, name, role, document)
    )


def _document(client: Any) -> dict[str, Any]:
    try:
        answer = client.secrets.kv.v2.read_secret_version(
            path="keyring", mount_point=CONFIG_MOUNT, raise_on_deleted_version=True
        )
    except InvalidPath:
        return {}
    return dict(answer["data"]["data"])


def _versions(client: Any, name: str, role: Role, document: dict[str, Any]) -> list[SealKey]:
    keys = client.secrets.transit.read_key(name=name)["data"]["keys"]
    revoked, windows = _revoked(document), document.get("windows", {})
    return [
        _seal_key(f"{name}:{version}", role, described["public_key"], revoked, windows)
        for version, described in keys.items()
    ]


def _revoked(document: dict[str, Any]) -> frozenset[str]:
    listed = document.get("revoked", [])
    # A text would do for a set of its letters, and revoke nothing.
    if not isinstance(listed, list) or not all(isinstance(kid, str) for kid in listed):
        raise TypeError("revoked is not a list of key ids")
    return frozenset(listed)


def _seal_key(
    kid: str, role: Role, public_b64: str, revoked: frozenset[str], windows: dict[str, Any]
) -> SealKey:
    window = windows.get(kid, {})
    return SealKey(
        kid=kid,
        role=role,
        public_key=Ed25519PublicKey.from_public_bytes(b64decode(public_b64)),
        verify_from=_time(window.get("from")),
        verify_until=_time(window.get("until")),
        revoked=kid in revoked,
    )


def _time(text: str | None) -> int | None:
    return None if text is None else from_rfc3339(text)
