"""A producer's registration: read strictly, every error names the member and no value."""

import base64
from ipaddress import ip_network
from typing import Any

import pytest

from gateway.registration import Registration, RegistrationInvalid, parse_registration
from signing.ledger.record import Limits
from signing.times import to_rfc3339
from tests.gateway.fakes import NOW, registration

CANARY = "hunter2"
KEY = registration()["keys"][0]
HMAC = {"kid": "h-1", "alg": "hmac-sha256", "secret_b64": base64.b64encode(bytes(32)).decode()}


def parse(**changes: Any) -> Registration:
    return parse_registration(registration(**changes))


def refusal(document: dict[str, Any]) -> str:
    with pytest.raises(RegistrationInvalid) as refused:
        parse_registration(document)
    assert CANARY not in refused.value.message
    return refused.value.message


def test_a_registration_is_read() -> None:
    read = parse(addresses=["192.0.2.0/24", "2001:db8::/32"], disabled=True, keys=[KEY, HMAC])
    assert read.name == "shop"
    assert [key.key.kid for key in read.keys] == ["shop-1", "h-1"]
    assert [key.key.algorithm for key in read.keys] == ["ed25519", "hmac-sha256"]
    assert read.networks == (ip_network("192.0.2.0/24"), ip_network("2001:db8::/32"))
    assert read.disabled
    assert read.limits == Limits()


def test_without_grants_nothing_is_granted() -> None:
    read = parse_registration({"name": "shop", "keys": []})
    assert (read.keys, read.tasks, read.secrets, read.networks) == ((), (), (), ())
    assert not read.disabled


def test_limits_are_read() -> None:
    read = parse(limits={"per_second": 0.5, "burst": 3, "open_jobs": 9})
    assert read.limits == Limits(per_second=0.5, burst=3, open_jobs=9)
    assert parse(limits={}).limits == Limits()


@pytest.mark.parametrize(
    ("now", "valid"), [(NOW - 1, False), (NOW, True), (NOW + 999, True), (NOW + 1000, False)]
)
def test_a_key_counts_inside_of_its_window(now: int, valid: bool) -> None:
    window = {"not_before": to_rfc3339(NOW), "not_after": to_rfc3339(NOW + 1000)}
    key = parse(keys=[{**KEY, **window}]).keys[0]
    assert key.valid_at(now) is valid


def test_a_key_without_window_counts_until_it_is_revoked() -> None:
    open_key = parse(keys=[{**KEY, "not_before": None, "not_after": None}]).keys[0]
    assert open_key.valid_at(NOW)
    assert not parse(keys=[{**KEY, "revoked": True}]).keys[0].valid_at(NOW)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"more": CANARY}, "more"),
        ({"name": None}, "name"),
        ({"name": "Hunter2 hunter2"}, "name"),
        ({"name": "../hunter2"}, "name"),
        ({"name": "x" * 49}, "name"),
        ({"keys": None}, "keys"),
        ({"keys": {}}, "keys"),
        ({"keys": [CANARY]}, "keys"),
        ({"tasks": CANARY}, "tasks"),
        ({"tasks": [1]}, "tasks"),
        ({"tasks": [""]}, "tasks"),
        ({"secrets": {}}, "secrets"),
        ({"addresses": [CANARY]}, "addresses"),
        ({"addresses": ["192.0.2.1/24"]}, "addresses"),
        ({"disabled": "no"}, "disabled"),
        ({"limits": None}, "limits"),
        ({"limits": {"more": 1}}, "limits"),
        ({"limits": {"per_second": -1}}, "per_second"),
        ({"limits": {"per_second": CANARY}}, "per_second"),
        ({"limits": {"per_second": True}}, "per_second"),
        ({"limits": {"burst": 0}}, "burst"),
        ({"limits": {"burst": 1.5}}, "burst"),
        ({"limits": {"burst": True}}, "burst"),
        ({"limits": {"open_jobs": -1}}, "open_jobs"),
        ({"limits": {"open_jobs": CANARY}}, "open_jobs"),
        ({"limits": {"open_jobs": False}}, "open_jobs"),
    ],
)
def test_a_member_of_another_form_is_named(changes: dict[str, Any], names: str) -> None:
    assert names in refusal(registration(**changes))


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"more": CANARY}, "more"),
        ({"kid": None}, "kid"),
        ({"kid": "a b"}, "kid"),
        ({"alg": CANARY}, "shop-1"),
        ({"alg": "rsa-pss-sha512"}, "shop-1"),
        ({"alg": "hmac-sha256"}, "shop-1"),
        ({"public_pem": CANARY}, "shop-1"),
        ({"public_pem": None}, "shop-1"),
        ({"not_before": CANARY}, "shop-1"),
        ({"not_after": "2026-11-22"}, "shop-1"),
        ({"revoked": 1}, "revoked"),
    ],
)
def test_a_key_of_another_form_is_named(changes: dict[str, Any], names: str) -> None:
    assert names in refusal(registration(keys=[{**KEY, **changes}]))


def test_a_shared_secret_is_not_shown() -> None:
    secret = base64.b64encode(b"hunter2 hunter2 hunter2 hunter2 hunter2").decode()
    read = parse(keys=[{**HMAC, "secret_b64": secret}])
    assert "hunter2" not in repr(read)
    assert secret not in repr(read)
