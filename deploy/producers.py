"""Registrations of producers in Vault, written with check-and-set as the security role."""

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Final

import requests
from cryptography.hazmat.primitives import serialization
from hvac import exceptions

from backends.environment import Environment
from backends.errors import VaultDenied
from backends.keyring_source import CONFIG_MOUNT
from backends.settings import vault_settings
from backends.vault_login import VaultLogin, unavailable
from gateway.registration import Registration, parse_registration
from signing.errors import CountersignError, KeyInvalid

_HMAC: Final = "hmac-sha256"


class ProducerError(CountersignError):
    """A producer is not there, is there already, or was changed by somebody else meanwhile."""

    code = "producer"


@dataclass(frozen=True, slots=True)
class Stored:
    """A registration as Vault holds it, with the version that a change must be based on."""

    document: dict[str, Any]
    version: int

    @property
    def registration(self) -> Registration:
        """The document, read strictly."""
        return parse_registration(self.document)


class ProducerStore:
    """Reads and changes registrations; every document is read strictly before it is written."""

    def __init__(self, client: Any) -> None:
        self._kv = client.secrets.kv.v2

    def names(self) -> list[str]:
        """The names of all producers."""
        try:
            answer = self._kv.list_secrets(path="producers", mount_point=CONFIG_MOUNT)
        except exceptions.InvalidPath:
            return []
        return [name for name in answer["data"]["keys"] if not name.endswith("/")]

    def find(self, name: str) -> Stored | None:
        """Give a producer's registration; `None` where there is none."""
        try:
            answer = self._kv.read_secret_version(
                path=_path(name), mount_point=CONFIG_MOUNT, raise_on_deleted_version=True
            )
        except exceptions.InvalidPath:
            return None
        return Stored(answer["data"]["data"], answer["data"]["metadata"]["version"])

    def get(self, name: str) -> Stored:
        """Give a producer's registration.

        Raises:
            ProducerError: where there is none.
        """
        found = self.find(name)
        if found is None:
            raise ProducerError("no producer has this name: see countersign producers list")
        return found

    def add(self, document: dict[str, Any]) -> None:
        """Register a producer.

        Raises:
            ProducerError: where the name is taken.
            RegistrationInvalid: where the document is not of its form.
        """
        self._write(document, version=0, conflict="a producer of this name is registered")

    def replace(self, old: Stored, document: dict[str, Any]) -> None:
        """Change a registration that was read before.

        Raises:
            ProducerError: where somebody changed it meanwhile.
            RegistrationInvalid: where the document is not of its form.
        """
        self._write(
            document, version=old.version, conflict="somebody else changed it just now: try again"
        )

    def add_key(self, name: str, key: dict[str, Any]) -> None:
        """Register one more key of a producer, as for a rotation.

        Raises:
            ProducerError: where the producer is missing or has a key of this id.
        """
        old = self.get(name)
        if any(each["kid"] == key["kid"] for each in old.document["keys"]):
            raise ProducerError("the producer has a key of this id")
        self.replace(old, {**old.document, "keys": [*old.document["keys"], key]})

    def revoke_key(self, name: str, kid: str) -> None:
        """Mark a key as revoked; it stays listed, so that its id is not used again.

        Raises:
            ProducerError: where the producer or the key is missing.
        """
        old = self.get(name)
        if not any(key["kid"] == kid for key in old.document["keys"]):
            raise ProducerError("the producer has no key of this id")
        keys = [
            {**key, "revoked": True} if key["kid"] == kid else key for key in old.document["keys"]
        ]
        self.replace(old, {**old.document, "keys": keys})

    def _write(self, document: dict[str, Any], *, version: int, conflict: str) -> None:
        path = _path(parse_registration(document).name)
        try:
            self._kv.create_or_update_secret(
                path=path, secret=document, cas=version, mount_point=CONFIG_MOUNT
            )
        except exceptions.InvalidRequest:
            raise ProducerError(conflict) from None


@contextmanager
def open_store(environment: Environment) -> Iterator[ProducerStore]:
    """Log in to Vault with the settings given, as the security role has them.

    Raises:
        SettingError: for a setting that is missing.
        VaultUnavailable, VaultDenied: where Vault does not serve or refuses.
    """
    client = VaultLogin(vault_settings(environment), monotonic).client()
    try:
        yield ProducerStore(client)
    except exceptions.Forbidden:
        raise VaultDenied("Vault refuses: this takes the security role's settings") from None
    except (exceptions.VaultError, requests.RequestException) as error:
        raise unavailable(error) from None
    finally:
        client.adapter.close()


def key_document(path: Path, algorithm: str, kid: str | None, name: str) -> dict[str, Any]:
    """Make the document of a key from its file: a PEM public key, or a secret in base64.

    Raises:
        KeyInvalid: where the file is neither; it is never quoted.
    """
    content = path.read_bytes()
    if algorithm == _HMAC:
        material, member = _secret(content)
    else:
        material, member = _public(content)
    return {
        "kid": kid or f"{name}-{hashlib.sha256(material).hexdigest()[:12]}",
        "alg": algorithm,
        **member,
        "not_before": None,
        "not_after": None,
        "revoked": False,
    }


def registration_document(
    name: str, key: dict[str, Any], tasks: tuple[str, ...], addresses: tuple[str, ...]
) -> dict[str, Any]:
    """A new producer's registration document."""
    return {
        "name": name,
        "keys": [key],
        "tasks": list(tasks),
        "secrets": [f"countersign-secrets/producers/{name}/*"],
        "addresses": list(addresses),
        "disabled": False,
    }


def _public(content: bytes) -> tuple[bytes, dict[str, str]]:
    try:
        key = serialization.load_pem_public_key(content)
    except ValueError:
        raise KeyInvalid("the file is not a public key in PEM form") from None
    encoding, form = serialization.Encoding, serialization.PublicFormat.SubjectPublicKeyInfo
    pem = key.public_bytes(encoding.PEM, form)
    return key.public_bytes(encoding.DER, form), {"public_pem": pem.decode("ascii")}


def _secret(content: bytes) -> tuple[bytes, dict[str, str]]:
    try:
        secret = base64.b64decode(content.strip(), validate=True)
    except ValueError:
        raise KeyInvalid("the file is not a secret in base64") from None
    return secret, {"secret_b64": base64.b64encode(secret).decode("ascii")}


def _path(name: str) -> str:
    # The name becomes part of a path: only what can be a producer's name may.
    return f"producers/{parse_registration({'name': name, 'keys': []}).name}"
