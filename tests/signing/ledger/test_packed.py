"""A seal comes out of its packing as it went in, and takes less in between."""

import zlib
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing.dsse import MAX_ENVELOPE_BYTES
from signing.ledger.packed import PackedInvalid, pack, unpack
from tests.ledger.jobs import seal_of

ENVELOPE = b'{"payload":"eyJhIjoxfQ==","payloadType":"t","signatures":[]}'


@given(st.binary(max_size=400))
def test_bytes_come_back_as_they_were(envelope: bytes) -> None:
    assert unpack(pack(envelope)) == envelope


@given(st.binary(max_size=400), st.text(max_size=20), st.text(max_size=20))
def test_an_envelope_comes_back_as_it_was(payload: bytes, before: str, after: str) -> None:
    envelope = before.encode() + b'"payload":"' + b64encode(payload) + b'"' + after.encode()
    assert unpack(pack(envelope)) == envelope


@pytest.mark.parametrize(
    "payload",
    [b"", b"=", b"a", b"YQ", b"YR==", b"YQ==\\n", b"YQ =="],
    ids=repr,
)
def test_base64_of_another_form_comes_back_as_it_was(payload: bytes) -> None:
    envelope = b'{"payload":"' + payload + b'"}'
    assert unpack(pack(envelope)) == envelope


def test_base64_is_not_kept() -> None:
    envelope = seal_of(4000)  # of random bytes: nothing but the base64 can be taken off
    assert len(pack(envelope)) < 0.78 * len(envelope)


def test_the_largest_envelope_comes_back() -> None:
    envelope = seal_of(MAX_ENVELOPE_BYTES - 100)
    assert unpack(pack(envelope)) == envelope


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"\0",
        b"\0x",
        ENVELOPE,
        b"\2" + zlib.compress(ENVELOPE),
        b"\1" + zlib.compress(b"1234567"),
        pack(ENVELOPE)[:-1],
        pack(ENVELOPE) + b"x",
    ],
    ids=repr,
)
def test_what_is_not_packed_is_invalid(packed: bytes) -> None:
    with pytest.raises(PackedInvalid) as caught:
        unpack(packed)
    assert caught.value.code == "ledger_invalid"


def test_a_bomb_is_not_inflated() -> None:
    bomb = b"\0" + zlib.compress(bytes(200 * MAX_ENVELOPE_BYTES))
    with pytest.raises(PackedInvalid):
        unpack(bomb)
