"""Grants, addresses, and finding a producer by a key id."""

from typing import Any

import pytest

from gateway.producers import Producer, ProducerDirectory
from gateway.registration import parse_registration
from signing.errors import SignatureInvalid
from signing.references import parse_reference
from tests.gateway.fakes import NOW, directory, registration

KEY = registration()["keys"][0]


def producer(**changes: Any) -> Producer:
    return directory(**changes).find("shop-1", NOW)[0]


def refusal(known: ProducerDirectory, keyid: str = "shop-1") -> str:
    with pytest.raises(SignatureInvalid) as refused:
        known.find(keyid, NOW)
    return refused.value.code


@pytest.mark.parametrize(
    ("grants", "task", "granted"),
    [
        (["payments.capture"], "payments.capture", True),
        (["payments.capture"], "payments.capture.all", False),
        (["payments.capture"], "payments.captur", False),
        (["payments.*"], "payments.capture", True),
        (["payments.*"], "payments", False),
        (["payments.*"], "payments_more.capture", False),
        (["pay*"], "payments.capture", False),
        (["pay*"], "pay*", True),
        (["*"], "anything.at.all", True),
        (["a", "b.*"], "b.c", True),
        ([], "payments.capture", False),
    ],
)
def test_a_task_is_granted_by_name_or_by_prefix(
    grants: list[str], task: str, granted: bool
) -> None:
    assert producer(tasks=grants).may_run(task) is granted


@pytest.mark.parametrize(
    ("grants", "path", "granted"),
    [
        (["countersign-secrets/producers/shop/*"], "producers/shop/card", True),
        (["countersign-secrets/producers/shop/*"], "producers/shop/a/b", True),
        (["countersign-secrets/producers/shop/*"], "producers/shopping/card", False),
        (["countersign-secrets/producers/shop/card"], "producers/shop/card", True),
        (["countersign-secrets/producers/shop/card"], "producers/shop/other", False),
        (["secret/producers/shop/*"], "producers/shop/card", False),
        ([], "producers/shop/card", False),
    ],
)
def test_a_secret_is_granted_by_mount_and_path(grants: list[str], path: str, granted: bool) -> None:
    reference = parse_reference(f"vault:countersign-secrets/{path}#f@1")
    assert producer(secrets=grants).may_use(reference) is granted


@pytest.mark.parametrize(
    ("networks", "address", "taken"),
    [
        ([], "203.0.113.9", True),
        ([], "", True),
        (["192.0.2.0/24"], "192.0.2.255", True),
        (["192.0.2.0/24"], "192.0.3.0", False),
        (["192.0.2.0/24"], "::ffff:192.0.2.1", True),
        (["192.0.2.0/24"], "::192.0.2.1", False),
        (["2001:db8::/32"], "2001:db8::1", True),
        (["2001:db8::/32"], "192.0.2.1", False),
        (["192.0.2.0/24"], "", False),
        (["192.0.2.0/24"], "not an address", False),
    ],
)
def test_addresses_are_taken_from_registered_networks(
    networks: list[str], address: str, taken: bool
) -> None:
    assert producer(addresses=networks).may_call_from(address) is taken


def test_a_key_id_that_nobody_registered_is_unknown() -> None:
    assert refusal(ProducerDirectory([])) == "key_unknown"
    assert refusal(directory(), "shop-2") == "key_unknown"


@pytest.mark.parametrize(
    "changes",
    [
        {"disabled": True},
        {"keys": [{**KEY, "revoked": True}]},
        {"keys": [{**KEY, "not_after": "2020-01-01T00:00:00Z"}]},
        {"keys": [{**KEY, "not_before": "2120-01-01T00:00:00Z"}]},
        {"keys": [KEY, KEY]},
    ],
)
def test_a_key_that_does_not_count_is_revoked(changes: dict[str, Any]) -> None:
    assert refusal(directory(**changes)) == "key_revoked"


@pytest.mark.parametrize("names", [("a", "b"), ("a", "b", "c")])
def test_producers_with_one_key_id_are_not_taken_for_each_other(names: tuple[str, ...]) -> None:
    known = ProducerDirectory(parse_registration(registration(name=name)) for name in names)
    assert refusal(known) == "key_revoked"


def test_a_producer_may_have_several_keys() -> None:
    known = directory(keys=[{**KEY, "revoked": True}, {**KEY, "kid": "shop-2"}])
    assert refusal(known) == "key_revoked"
    found, key = known.find("shop-2", NOW)
    assert (found.name, key.kid) == ("shop", "shop-2")
