from typing import NamedTuple

import pytest

from signing.errors import SealInvalid
from signing.keyring import Keyring, Role, SealKey
from tests.signing.builders import NOW, envelope, seal_key

DAY = 86_400_000


class Rotation(NamedTuple):
    """Keys that a keyring holds, who signed, as whom it is verified: trusted ids, or the code."""

    keys: tuple[SealKey, ...]
    signers: tuple[str, ...]
    outcome: set[str] | str
    role: Role = "gateway"


ROTATIONS = {
    "one key": Rotation((seal_key("g:1", 1),), ("g:1",), {"g:1"}),
    "the new key signs": Rotation(
        (seal_key("g:1", 1, verify_until=NOW + DAY), seal_key("g:2", 2)), ("g:2",), {"g:2"}
    ),
    "the old key still verifies": Rotation(
        (seal_key("g:1", 1, verify_until=NOW + DAY), seal_key("g:2", 2)), ("g:1",), {"g:1"}
    ),
    "both keys signed": Rotation(
        (seal_key("g:1", 1, verify_until=NOW + DAY), seal_key("g:2", 2)),
        ("g:1", "g:2"),
        {"g:1", "g:2"},
    ),
    "the old key's last millisecond": Rotation(
        (seal_key("g:1", 1, verify_until=NOW + 1),), ("g:1",), {"g:1"}
    ),
    "the old key is over": Rotation(
        (seal_key("g:1", 1, verify_until=NOW), seal_key("g:2", 2)), ("g:1",), "key_expired"
    ),
    "the new key's first millisecond": Rotation(
        (seal_key("g:2", 2, verify_from=NOW),), ("g:2",), {"g:2"}
    ),
    "the new key is not yet valid": Rotation(
        (seal_key("g:1", 1), seal_key("g:2", 2, verify_from=NOW + 1)), ("g:2",), "key_not_yet_valid"
    ),
    "the new key is known before it may count": Rotation(
        (seal_key("g:1", 1), seal_key("g:2", 2, verify_from=NOW + DAY)), ("g:1", "g:2"), {"g:1"}
    ),
    "inside of a window with both ends": Rotation(
        (seal_key("g:1", 1, verify_from=NOW - DAY, verify_until=NOW + DAY),), ("g:1",), {"g:1"}
    ),
    "the key is revoked": Rotation((seal_key("g:1", 1, revoked=True),), ("g:1",), "key_revoked"),
    "revoked whatever its window says": Rotation(
        (seal_key("g:1", 1, verify_from=NOW - DAY, verify_until=NOW + DAY, revoked=True),),
        ("g:1",),
        "key_revoked",
    ),
    "revoked says more than expired": Rotation(
        (seal_key("g:1", 1, verify_until=NOW - DAY, revoked=True),), ("g:1",), "key_revoked"
    ),
    "a revoked key beside a good one": Rotation(
        (seal_key("g:1", 1, revoked=True), seal_key("g:2", 2)), ("g:1", "g:2"), {"g:2"}
    ),
    "the old key was taken out": Rotation((seal_key("g:2", 2),), ("g:1",), "key_unknown"),
    "nobody known signed": Rotation((seal_key("g:1", 1),), ("x:1", "y:1"), "key_unknown"),
    "a revoked and an unknown key": Rotation(
        (seal_key("g:1", 1, revoked=True),), ("g:1", "x:1"), "key_revoked"
    ),
    "no keys at all": Rotation((), ("g:1",), "key_unknown"),
    "nobody signed": Rotation((seal_key("g:1", 1),), (), "key_unknown"),
    "a worker's key for a job": Rotation(
        (seal_key("w:1", 1, role="worker"),), ("w:1",), "key_unknown"
    ),
    "a gateway's key for a result": Rotation(
        (seal_key("g:1", 1),), ("g:1",), "key_unknown", role="worker"
    ),
    "a worker's key for a result": Rotation(
        (seal_key("g:1", 1), seal_key("w:1", 2, role="worker")), ("w:1",), {"w:1"}, role="worker"
    ),
    "a revoked key of the wrong role": Rotation(
        (seal_key("w:1", 1, role="worker", revoked=True),), ("w:1",), "key_unknown"
    ),
}


@pytest.mark.parametrize("case", ROTATIONS.values(), ids=ROTATIONS.keys())
def test_rotation(case: Rotation) -> None:
    keyring = Keyring(case.keys)
    signed = envelope("t", b"x", *((kid, 1) for kid in case.signers))
    if isinstance(case.outcome, str):
        with pytest.raises(SealInvalid) as refused:
            keyring.trusted_for(signed, role=case.role, now=NOW)
        assert refused.value.code == case.outcome
    else:
        trusted = keyring.trusted_for(signed, role=case.role, now=NOW)
        assert trusted == {k.kid: k.public_key for k in case.keys if k.kid in case.outcome}


def test_a_refusal_names_no_key() -> None:
    with pytest.raises(SealInvalid) as refused:
        Keyring(()).trusted_for(envelope("t", b"x", ("hunter2", 1)), role="gateway", now=NOW)
    assert "hunter2" not in str(refused.value)


def test_all_keys_are_listed_in_the_order_given() -> None:
    keys = (seal_key("g:2", 2, revoked=True), seal_key("g:1", 1), seal_key("w:1", 3, role="worker"))
    assert Keyring(keys).keys == keys


def test_a_key_id_named_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        Keyring([seal_key("g:1", 1), seal_key("g:1", 2)])


def test_a_later_change_of_the_callers_list_changes_nothing() -> None:
    keys = [seal_key("g:1", 1)]
    keyring = Keyring(keys)
    keys.clear()
    assert [key.kid for key in keyring.keys] == ["g:1"]
