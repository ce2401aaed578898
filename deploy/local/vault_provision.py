"""Provisioning of OpenBao: mounts, policies, roles, signing keys. Each step may run twice."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hvac import exceptions

from backends.keyring_source import CONFIG_MOUNT
from certs.files import write_atomic
from deploy.errors import StackError
from deploy.local.bao_server import VaultFiles
from deploy.local.paths import StackPaths
from signing.references import SECRETS_MOUNT

POLICIES: Final = Path(__file__).parent.parent / "vault"
ROLES: Final = ("gateway", "dispatcher", "worker", "security")
SIGNING_KEYS: Final = ("countersign-job", "countersign-result")
#: A secret that nobody deleted goes by itself, a day after the longest life of a job: due in 366
#: days, and 366 more until it expires (`gateway.submission.MAX_AHEAD_MS`).
SECRETS_LIVE: Final = "17592h"
SESSION: Final = {"token_ttl": "1h", "token_max_ttl": "24h", "token_no_default_policy": True}


@dataclass(frozen=True, slots=True)
class Provisioner:
    """Sets up one OpenBao with a client that may do everything (hvac is untyped)."""

    client: Any
    paths: StackPaths
    wait_until: Callable[[Callable[[], bool], float], None]

    def run(self) -> None:
        """Do every step; what is there already is left or brought to what is wanted."""
        self._mounts()
        self._keys()
        self._policies()
        self._auth()
        for role in ROLES:
            self._role(role)

    def _mounts(self) -> None:
        mounted = self.client.sys.list_mounted_secrets_engines()["data"]
        for mount in (SECRETS_MOUNT, CONFIG_MOUNT):
            if f"{mount}/" not in mounted:
                self.client.sys.enable_secrets_engine("kv", path=mount, options={"version": "2"})
        if "transit/" not in mounted:
            self.client.sys.enable_secrets_engine("transit", path="transit")
        self.wait_until(lambda: self._configured(SECRETS_MOUNT, SECRETS_LIVE), 30)
        self.wait_until(lambda: self._configured(CONFIG_MOUNT, None), 30)

    def _configured(self, mount: str, live: str | None) -> bool:
        # A new KV v2 mount refuses every call for a moment, while it prepares itself.
        try:
            if live is None:
                self.client.secrets.kv.v2.read_configuration(mount_point=mount)
            else:
                self.client.secrets.kv.v2.configure(mount_point=mount, delete_version_after=live)
        except (exceptions.InvalidRequest, exceptions.InvalidPath):
            return False
        return True

    def _keys(self) -> None:
        for name in SIGNING_KEYS:
            self.client.secrets.transit.create_key(name=name, key_type="ed25519", exportable=False)

    def _policies(self) -> None:
        for role in ROLES:
            self.client.sys.create_or_update_policy(name=policy(role), policy=policy_text(role))

    def _auth(self) -> None:
        enabled = self.client.sys.list_auth_methods()["data"]
        for method in ("approle", "cert"):
            if f"{method}/" not in enabled:
                self.client.sys.enable_auth_method(method)

    def _role(self, role: str) -> None:
        token = {**SESSION, "token_policies": [policy(role)]}
        self.client.write_data(f"auth/approle/role/{role}", data={**token, "bind_secret_id": True})
        authority = self.paths.certs.authority.read_text("ascii")
        by_certificate = {**token, "certificate": authority, "allowed_common_names": [role]}
        self.client.write_data(f"auth/cert/certs/{role}", data=by_certificate)
        role_id = self.client.auth.approle.read_role_id(role)["data"]["role_id"]
        write_atomic(self.paths.vault_role_id(role), role_id.encode())
        if not self.paths.vault_secret_id(role).exists():
            secret_id = self.client.auth.approle.generate_secret_id(role)["data"]["secret_id"]
            write_atomic(self.paths.vault_secret_id(role), secret_id.encode())


def provision(provisioner: Provisioner, files: VaultFiles) -> None:
    """Provision once, note it, and give up the root token.

    Raises:
        StackError: where the root token no longer counts and the set-up is not complete.
    """
    client = provisioner.client
    try:
        client.auth.token.lookup_self()
    except exceptions.Forbidden:
        if not files.provisioned.exists():
            raise StackError(
                "the root token was revoked before the set-up was complete; remove the state "
                "directory to start anew"
            ) from None
    else:
        provisioner.run()
        write_atomic(files.provisioned, fingerprint().encode())
        client.auth.token.revoke_self()
    files.root_token.unlink()


def policy(role: str) -> str:
    """The name of a role's policy."""
    return f"countersign-{role}"


def policy_text(role: str) -> str:
    """A role's policy as it is kept, with what every role may do about its own token."""
    return "\n".join((POLICIES / f"{name}.hcl").read_text("utf-8") for name in (role, "session"))


def fingerprint() -> str:
    """A digest of all policies: a state provisioned with others is out of date."""
    texts = "\0".join(policy_text(role) for role in ROLES)
    return hashlib.sha256(texts.encode()).hexdigest()
