"""Producers of every kind on the shared stack; and a stack that may be broken."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from signing.http_signer import RequestSigner
from tests.contract.fragile import Fragile
from tests.contract.support import Partners, public_pem
from tests.servers.stack import Producer, Stack

RIGHTS: dict[str, dict[str, Any]] = {
    "beta": {},
    "narrow": {"tasks": ["demo.*"]},
    "far": {"addresses": ["192.0.2.0/24"]},
    "revoked": {},
    "hasty": {"limits": {"per_second": 0.05, "burst": 2}},
    "many": {"limits": {"open_jobs": 2}},
    "holder": {"secrets": ["countersign-secrets/producers/ct-holder/*"]},
    "lister": {},
}


@pytest.fixture(scope="session")
def partners(stack: Stack, acme: Producer) -> Partners:
    """Registered together, so that the gateway is waited for once."""
    producers = {name: _register(stack, acme, name, rights) for name, rights in RIGHTS.items()}
    # Loaded in one go: once it knows this one, it knows those before.
    stack.producer("ct-last")
    return Partners(stack=stack, acme=acme, **producers)


@pytest.fixture(scope="session")
def fragile_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fragile]:
    """Redis, OpenBao, gateway and dispatcher beside the shared ones; no worker yet."""
    with Fragile.started(tmp_path_factory.mktemp("fragile")) as running:
        yield running


@pytest.fixture
def fragile(fragile_stack: Fragile) -> Iterator[Fragile]:
    """The same; what a test stopped is started again after it."""
    yield fragile_stack
    fragile_stack.restore()


def _register(stack: Stack, acme: Producer, name: str, rights: dict[str, Any]) -> Producer:
    key, kid = Ed25519PrivateKey.generate(), f"ct-{name}-1"
    document = {
        "kid": kid,
        "alg": "ed25519",
        "public_pem": public_pem(key),
        "revoked": name == "revoked",
    }
    stack.register(f"ct-{name}", {"keys": [document], "tasks": ["*"], **rights})
    return replace(acme, signer=RequestSigner(kid, "ed25519", key))
