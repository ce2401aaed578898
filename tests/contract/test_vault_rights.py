"""The gateway stores secrets and cannot read one, also of a job it has just taken in."""

from collections.abc import Callable
from typing import Any

import pytest
from hvac.exceptions import Forbidden

from tests.contract.support import CAPTURE, Partners, job, post

pytestmark = pytest.mark.servers

MOUNT = "countersign-secrets"
Reading = Callable[[Any, str], object]
READINGS: dict[str, Reading] = {
    "data": lambda vault, path: vault.read(f"{MOUNT}/data/{path}"),
    "a version": lambda vault, path: vault.read(f"{MOUNT}/data/{path}?version=1"),
    "its keys": lambda vault, path: vault.read(f"{MOUNT}/subkeys/{path}"),
    "its metadata": lambda vault, path: vault.read(f"{MOUNT}/metadata/{path}"),
    "the list": lambda vault, path: vault.list(f"{MOUNT}/metadata/{path.rpartition('/')[0]}"),
}


@pytest.fixture(scope="module")
def path(partners: Partners) -> str:
    """Where the secret of an accepted job rests."""
    answer = post(partners.acme, job("payments.capture", args=CAPTURE))
    return f"jobs/fast/payments.capture/{answer.json['id']}"


def test_the_secret_is_there_for_a_worker(partners: Partners, path: str) -> None:
    stored = partners.stack.servers.vault("worker").read(f"{MOUNT}/data/{path}")
    assert stored["data"]["data"] == {"s0": CAPTURE["card_token"]}


@pytest.mark.parametrize("name", READINGS)
def test_the_gateway_cannot_read_it(partners: Partners, path: str, name: str) -> None:
    with pytest.raises(Forbidden):
        READINGS[name](partners.stack.servers.vault("gateway"), path)
