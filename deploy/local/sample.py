"""The sample producer of a local stack: a key pair, and a registration granted every task."""

from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from backends.environment import Environment
from certs.files import PUBLIC, write_atomic
from deploy.local.environment import role_environment
from deploy.local.paths import StackPaths, StackPorts
from deploy.producers import key_document, open_store, registration_document

NAME: Final = "acme"
KEY_ID: Final = "acme-1"


def private_key_path(paths: StackPaths) -> Path:
    """Where the sample producer's private key is."""
    return paths.producers / NAME / "key.pem"


def ensure_sample_producer(paths: StackPaths, ports: StackPorts) -> bool:
    """Make the key pair and register it; give False where it was registered already.

    Raises:
        VaultUnavailable, VaultDenied: where Vault does not serve or refuses.
    """
    public = ensure_key_pair(private_key_path(paths))
    with open_store(Environment(role_environment("security", paths, ports))) as store:
        if store.find(NAME) is not None:
            return False
        key = key_document(public, "ed25519", KEY_ID, NAME)
        store.add(registration_document(NAME, key, ("*",), ()))
        return True


def ensure_key_pair(private: Path) -> Path:
    """Make a producer's key pair once; give where the public half is."""
    public = private.with_suffix(".pub.pem")
    private.parent.mkdir(mode=0o700, exist_ok=True)
    if private.exists() and public.exists():
        return public
    key = Ed25519PrivateKey.generate()
    encoding = serialization.Encoding.PEM
    # The public half is written last: a crash before it makes both anew.
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    write_atomic(private, key.private_bytes(encoding, pkcs8, plain))
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    write_atomic(public, key.public_key().public_bytes(encoding, form), PUBLIC)
    return public
