"""`countersign producers`: who may submit jobs. Runs with the security role's settings."""

import json
from pathlib import Path
from typing import Any, Final

import click

from backends.settings import process_environment
from deploy.producers import Stored, key_document, open_store, registration_document

ALGORITHMS: Final = ("ed25519", "ecdsa-p256-sha256", "rsa-pss-sha512", "hmac-sha256")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_PUBLIC_KEY = click.option(
    "--public-key",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The public key, PEM; for hmac-sha256 the shared secret, base64.",
)
_ALGORITHM = click.option(
    "--alg",
    "algorithm",
    type=click.Choice(ALGORITHMS),
    default="ed25519",
    show_default=True,
    help="What the key signs with; a message cannot choose another.",
)
_KEY_ID = click.option("--key-id", help="The key's id; made from the key where it is left out.")


@click.group("producers")
def producers() -> None:
    """The systems that may submit jobs: their keys, tasks and addresses.

    Settings are read from the environment; on a local stack:
    `. .countersign/env/security.env` first.
    """


@producers.command("add")
@click.argument("name")
@_PUBLIC_KEY
@_ALGORITHM
@_KEY_ID
@click.option(
    "--task", "tasks", multiple=True, required=True, help="A task's name, or prefix.*; repeatable."
)
@click.option("--address", "addresses", multiple=True, help="Network in CIDR form; none is any.")
@_JSON
def add(
    name: str,
    public_key: Path,
    algorithm: str,
    key_id: str | None,
    tasks: tuple[str, ...],
    addresses: tuple[str, ...],
    as_json: bool,
) -> None:
    """Register producer NAME with its first key."""
    key = key_document(public_key, algorithm, key_id, name)
    document = registration_document(name, key, tasks, addresses)
    with open_store(process_environment()) as store:
        store.add(document)
    _say(as_json, {"name": name, "kid": key["kid"]}, f"{name} is registered; key id {key['kid']}")


@producers.command("add-key")
@click.argument("name")
@_PUBLIC_KEY
@_ALGORITHM
@_KEY_ID
@_JSON
def add_key(name: str, public_key: Path, algorithm: str, key_id: str | None, as_json: bool) -> None:
    """Register one more key of producer NAME; the ones it has go on counting."""
    key = key_document(public_key, algorithm, key_id, name)
    with open_store(process_environment()) as store:
        store.add_key(name, key)
    _say(as_json, {"name": name, "kid": key["kid"]}, f"{name} has a new key; id {key['kid']}")


@producers.command("list")
@_JSON
def list_(as_json: bool) -> None:
    """List all producers."""
    with open_store(process_environment()) as store:
        found = {name: store.find(name) for name in store.names()}
    documents = [_public(stored) for stored in found.values() if stored is not None]
    lines = [_line(document) for document in documents]
    _say(as_json, documents, "\n".join(lines) or "no producer is registered")


@producers.command("show")
@click.argument("name")
@_JSON
def show(name: str, as_json: bool) -> None:
    """Print the registration of producer NAME, shared secrets left out."""
    with open_store(process_environment()) as store:
        document = _public(store.get(name))
    text = "\n".join(
        [
            _line(document),
            *(
                f"    key {key['kid']} ({key['alg']}){' REVOKED' if key.get('revoked') else ''}"
                for key in document["keys"]
            ),
        ]
    )
    _say(as_json, document, text)


@producers.command("revoke-key")
@click.argument("name")
@click.argument("kid")
@_JSON
def revoke_key(name: str, kid: str, as_json: bool) -> None:
    """Revoke key KID of producer NAME; it stops counting within 10 seconds."""
    with open_store(process_environment()) as store:
        store.revoke_key(name, kid)
    _say(as_json, {"name": name, "kid": kid, "revoked": True}, f"{kid} of {name} is revoked")


def _public(stored: Stored) -> dict[str, Any]:
    keys = [
        {name: value for name, value in key.items() if name != "secret_b64"}
        for key in stored.document["keys"]
    ]
    return {**stored.document, "keys": keys, "version": stored.version}


def _line(document: dict[str, Any]) -> str:
    counting = sum(not key.get("revoked") for key in document["keys"])
    state = " DISABLED" if document.get("disabled") else ""
    tasks = ", ".join(document["tasks"])
    addresses = ", ".join(document.get("addresses", [])) or "any address"
    return f"{document['name']}{state}: {counting} keys count; tasks {tasks}; from {addresses}"


def _say(as_json: bool, document: object, text: str) -> None:
    click.echo(json.dumps(document, indent=2) if as_json else text)
