"""Forged messages: each differs from the one it was made of just as it says."""

import json

import pytest

from deploy.demo.messages import FORGERIES, Forgery, Message
from tests.deploy.demo.builders import message

ORIGINAL = message(amount=1_200)
UNCHANGED = {"relabelled-queue", "replayed"}


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.name)
def test_a_forgery_is_other_bytes_unless_it_is_a_copy(forgery: Forgery) -> None:
    assert (forgery.forge(ORIGINAL) == ORIGINAL.raw) == (forgery.name in UNCHANGED)


def _forged(name: str) -> Message:
    forge = next(each.forge for each in FORGERIES if each.name == name)
    return Message("fast", "fast", forge(ORIGINAL))


def test_an_altered_amount_keeps_the_signature() -> None:
    altered = _forged("altered")
    assert altered.claims["args"]["amount"] == 99_999_999
    assert altered.envelope["signatures"] == ORIGINAL.envelope["signatures"]


def test_relabelled_headers_leave_the_seal() -> None:
    relabelled = _forged("relabelled-task")
    assert relabelled.document["headers"]["task"] == "payments.refund"
    assert relabelled.document["body"] == ORIGINAL.document["body"]


def test_own_keys_sign_what_was_there() -> None:
    for name, key_id in (("own-key", "attacker:1"), ("borrowed-id", "countersign-job:1")):
        assert _forged(name).envelope["payload"] == ORIGINAL.envelope["payload"]
        assert [each["keyid"] for each in _forged(name).envelope["signatures"]] == [key_id]


def test_names_are_unique() -> None:
    names = [forgery.name for forgery in FORGERIES]
    assert len(set(names)) == len(names)


def test_a_message_is_read_to_its_claims() -> None:
    assert json.loads(ORIGINAL.raw) == ORIGINAL.document
    assert ORIGINAL.claims["args"] == {"amount": 1_200}
