import base64
import json
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib import dsse as oracle
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import (
    CryptoSigner,
    Key,
    SSlibKey,
)

from signing.dsse import (
    MAX_ENVELOPE_BYTES,
    MAX_SIGNATURES,
    Envelope,
    Signature,
    VerifiedPayload,
    pae,
    parse_envelope,
    verify,
)
from signing.errors import SealInvalid
from tests.signing.builders import envelope, private_key

TYPE = "application/vnd.example+json"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def _public(**seeds: int) -> dict[str, Ed25519PublicKey]:
    return {kid: private_key(seed).public_key() for kid, seed in seeds.items()}


def _refusal(data: bytes) -> SealInvalid:
    with pytest.raises(SealInvalid) as refused:
        parse_envelope(data)
    return refused.value


def _verify_refusal(item: Envelope, keys: dict[str, Ed25519PublicKey], threshold: int = 1) -> str:
    with pytest.raises(SealInvalid) as refused:
        verify(item, keys, payload_type=TYPE, threshold=threshold)
    return refused.value.code


def _flip(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


class TestEncoding:
    def test_is_that_of_the_specifications_vector(self) -> None:
        encoded = pae("http://example.com/HelloWorld", b"hello world")
        assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"

    def test_lengths_are_of_bytes_and_not_of_characters(self) -> None:
        assert pae("\u00e9", b"\xff\x00") == b"DSSEv1 2 \xc3\xa9 2 \xff\x00"

    def test_an_empty_type_and_payload_are_encoded(self) -> None:
        assert pae("", b"") == b"DSSEv1 0  0 "

    @given(TEXT, st.binary(max_size=80))
    def test_is_the_reference_librarys(self, payload_type: str, payload: bytes) -> None:
        assert pae(payload_type, payload) == oracle.Envelope(payload, payload_type, {}).pae()

    @given(TEXT, st.binary(max_size=20), TEXT, st.binary(max_size=20))
    def test_two_envelopes_never_have_one_encoding(
        self, one_type: str, one: bytes, other_type: str, other: bytes
    ) -> None:
        alike = pae(one_type, one) == pae(other_type, other)
        assert alike == ((one_type, one) == (other_type, other))


class TestReferenceLibrary:
    @given(TEXT, st.binary(max_size=200))
    def test_verifies_what_is_written_here(self, payload_type: str, payload: bytes) -> None:
        written = envelope(payload_type, payload, ("k1", 1), ("k2", 2)).to_json()
        theirs = oracle.Envelope.from_dict(json.loads(written))  # changes its input
        keys: list[Key] = [
            SSlibKey.from_crypto(key, kid) for kid, key in _public(k1=1, k2=2).items()
        ]
        assert theirs.verify(keys, 2).keys() == {"k1", "k2"}
        assert (theirs.payload, theirs.payload_type) == (payload, payload_type)

    @given(TEXT, st.binary(max_size=200))
    def test_writes_what_is_verified_here(self, payload_type: str, payload: bytes) -> None:
        theirs = oracle.Envelope(payload, payload_type, {})
        for kid, key in _public(k1=1, k2=2).items():
            signer = CryptoSigner(private_key(int(kid[1])), SSlibKey.from_crypto(key, kid))
            theirs.sign(signer)
        ours = parse_envelope(json.dumps(theirs.to_dict()).encode())
        verified = verify(ours, _public(k1=1, k2=2), payload_type=payload_type, threshold=2)
        assert verified == VerifiedPayload(payload_type, payload, ("k1", "k2"))

    def test_refuses_what_is_refused_here(self) -> None:
        forged = envelope(TYPE, b"payload", ("k1", 2))
        assert _verify_refusal(forged, _public(k1=1)) == "seal_signature_invalid"
        theirs = oracle.Envelope.from_dict(json.loads(forged.to_json()))
        with pytest.raises(VerificationError):
            theirs.verify([SSlibKey.from_crypto(private_key(1).public_key(), "k1")], 1)


class TestReading:
    @given(
        TEXT,
        st.binary(max_size=200),
        st.lists(st.tuples(TEXT, st.binary()), min_size=1, max_size=8),
    )
    def test_what_is_written_is_read_back(
        self, payload_type: str, payload: bytes, signatures: list[tuple[str, bytes]]
    ) -> None:
        written = Envelope(payload_type, payload, tuple(Signature(*item) for item in signatures))
        assert parse_envelope(written.to_json()) == written

    @pytest.mark.parametrize("member", ["payload", "payloadType", "signatures"])
    def test_a_member_missing_is_refused(self, member: str) -> None:
        document = json.loads(envelope(TYPE, b"x", ("k1", 1)).to_json())
        del document[member]
        assert _refusal(json.dumps(document).encode()).code == "seal_malformed"

    @pytest.mark.parametrize(
        "change",
        [
            {"unknown": 1},
            {"payload": 1},
            {"payload": None},
            {"payload": ["eA=="]},
            {"payloadType": 1},
            {"payloadType": None},
            {"signatures": {}},
            {"signatures": None},
            {"signatures": []},
            {"signatures": [{"keyid": "k1", "sig": ""}] * (MAX_SIGNATURES + 1)},
            {"signatures": ["k1"]},
            {"signatures": [None]},
            {"signatures": [{"sig": ""}]},
            {"signatures": [{"keyid": "k1"}]},
            {"signatures": [{"keyid": "k1", "sig": "", "cert": ""}]},
            {"signatures": [{"keyid": 1, "sig": ""}]},
            {"signatures": [{"keyid": None, "sig": ""}]},
            {"signatures": [{"keyid": "k1", "sig": 1}]},
            {"signatures": [{"keyid": "k1", "sig": "!"}]},
            {"signatures": [{"keyid": "k1", "sig": ""}, {"keyid": "k2", "sig": None}]},
        ],
        ids=json.dumps,
    )
    def test_members_that_are_not_dsses_are_refused(self, change: dict[str, Any]) -> None:
        document = json.loads(envelope(TYPE, b"x", ("k1", 1)).to_json()) | change
        assert _refusal(json.dumps(document).encode()).code == "seal_malformed"

    @pytest.mark.parametrize(
        "text",
        [
            "aGk",  # no padding
            "aGk==",
            "aGk=\n",
            " aGk=",
            "aG k=",
            "aGl=",  # unused bits that are not zero: "hi" again to a lenient reader
            "aGk=aGk=",
            "_-8=",  # the URL-safe alphabet
            "a",
            "=",
            "====",
            "aGk\u003d\u0000",
            "\u00e9\u00e9\u00e9=",
        ],
    )
    def test_base64_has_one_form(self, text: str) -> None:
        document = json.loads(envelope(TYPE, b"x", ("k1", 1)).to_json())
        in_payload = document | {"payload": text}
        in_signature = document | {"signatures": [{"keyid": "k1", "sig": text}]}
        assert _refusal(json.dumps(in_payload).encode()).code == "seal_malformed"
        assert _refusal(json.dumps(in_signature).encode()).code == "seal_malformed"

    @pytest.mark.parametrize("data", [b"", b"[]", b"null", b"\xff", b'{"payload":"","payload":""}'])
    def test_what_is_not_one_json_object_is_refused(self, data: bytes) -> None:
        assert _refusal(data).code == "seal_malformed"

    def test_an_envelope_that_is_too_large_is_refused(self) -> None:
        written = Envelope(TYPE, bytes(MAX_ENVELOPE_BYTES), (Signature("k1", b""),)).to_json()
        assert _refusal(written).code == "seal_malformed"

    def test_no_part_of_the_envelope_is_echoed(self) -> None:
        for data in (b'{"hunter2":1}', b'{"hunter2":1,"hunter2":2}', b"hunter2"):
            assert "hunter2" not in str(_refusal(data))

    @given(st.binary(max_size=60))
    def test_any_bytes_are_read_or_refused(self, data: bytes) -> None:
        refusal = "seal_malformed"
        try:
            parse_envelope(data)
        except SealInvalid as error:
            refusal = error.code
        assert refusal == "seal_malformed"


class TestVerifying:
    def test_gives_the_signed_bytes_and_who_signed_them(self) -> None:
        verified = verify(envelope(TYPE, b"payload", ("k1", 1)), _public(k1=1), payload_type=TYPE)
        assert verified == VerifiedPayload(TYPE, b"payload", ("k1",))

    @given(st.binary(min_size=1, max_size=64), st.data())
    def test_any_bit_of_the_payload_counts(self, payload: bytes, data: st.DataObject) -> None:
        signed = envelope(TYPE, payload, ("k1", 1))
        bit = data.draw(st.integers(0, 8 * len(payload) - 1))
        forged = Envelope(TYPE, _flip(payload, bit), signed.signatures)
        assert _verify_refusal(forged, _public(k1=1)) == "seal_signature_invalid"

    def test_any_bit_of_the_signature_counts(self) -> None:
        signed = envelope(TYPE, b"payload", ("k1", 1))
        for bit in range(8 * 64):
            wrong = Signature("k1", _flip(signed.signatures[0].sig, bit))
            forged = Envelope(TYPE, signed.payload, (wrong,))
            assert _verify_refusal(forged, _public(k1=1)) == "seal_signature_invalid"

    @given(st.integers(0, 7 * len(TYPE) - 1))
    def test_any_bit_of_the_type_counts(self, place: int) -> None:
        signed = envelope(TYPE, b"payload", ("k1", 1))
        other = _flip(TYPE.encode(), place // 7 * 8 + place % 7).decode()
        forged = Envelope(other, signed.payload, signed.signatures)
        assert _verify_refusal(forged, _public(k1=1)) == "payload_type_mismatch"
        with pytest.raises(SealInvalid) as refused:
            verify(forged, _public(k1=1), payload_type=other)
        assert refused.value.code == "seal_signature_invalid"

    @pytest.mark.parametrize("length", [0, 1, 63, 65, 128])
    def test_a_signature_of_another_length_is_refused(self, length: int) -> None:
        sig = (envelope(TYPE, b"x", ("k1", 1)).signatures[0].sig * 2)[:length]
        forged = Envelope(TYPE, b"x", (Signature("k1", sig),))
        assert _verify_refusal(forged, _public(k1=1)) == "seal_signature_invalid"

    def test_a_byte_moved_between_type_and_payload_is_refused(self) -> None:
        signed = envelope(TYPE, b" 1 x", ("k1", 1))
        forged = Envelope(TYPE + " ", b"1 x", signed.signatures)
        with pytest.raises(SealInvalid) as refused:
            verify(forged, _public(k1=1), payload_type=TYPE + " ")
        assert refused.value.code == "seal_signature_invalid"

    def test_a_signature_by_an_unknown_key_counts_for_nothing(self) -> None:
        assert _verify_refusal(envelope(TYPE, b"x", ("k9", 9)), _public(k1=1)) == "key_unknown"

    def test_unknown_keys_beside_a_trusted_one_are_passed_over(self) -> None:
        several = envelope(TYPE, b"x", ("k9", 9), ("k1", 1), ("k8", 8))
        assert verify(several, _public(k1=1), payload_type=TYPE).keyids == ("k1",)

    def test_a_key_counts_under_its_own_id_alone(self) -> None:
        swapped = envelope(TYPE, b"x", ("k1", 2), ("k2", 1))
        assert _verify_refusal(swapped, _public(k1=1, k2=2)) == "seal_signature_invalid"

    def test_one_wrong_signature_of_a_trusted_key_refuses_the_whole(self) -> None:
        mixed = envelope(TYPE, b"x", ("k1", 1), ("k2", 9))
        assert _verify_refusal(mixed, _public(k1=1, k2=2)) == "seal_signature_invalid"

    def test_a_wrong_signature_after_a_right_one_of_the_same_key_refuses_the_whole(self) -> None:
        mixed = envelope(TYPE, b"x", ("k1", 1), ("k1", 9))
        assert _verify_refusal(mixed, _public(k1=1)) == "seal_signature_invalid"

    @pytest.mark.parametrize(("threshold", "trusted"), [(1, True), (2, True), (3, False)])
    def test_a_threshold_counts_keys(self, threshold: int, trusted: bool) -> None:
        signed = envelope(TYPE, b"x", ("k1", 1), ("k2", 2), ("k9", 9))
        keys = _public(k1=1, k2=2, k3=3)
        if trusted:
            verified = verify(signed, keys, payload_type=TYPE, threshold=threshold)
            assert verified.keyids == ("k1", "k2")
        else:
            assert _verify_refusal(signed, keys, threshold) == "key_unknown"

    def test_a_key_id_named_twice_counts_once(self) -> None:
        twice = envelope(TYPE, b"x", ("k1", 1), ("k1", 1))
        assert verify(twice, _public(k1=1), payload_type=TYPE).keyids == ("k1",)
        assert _verify_refusal(twice, _public(k1=1, k2=2), 2) == "key_unknown"

    @pytest.mark.parametrize("threshold", [0, -1])
    def test_a_threshold_below_one_is_a_mistake_of_the_caller(self, threshold: int) -> None:
        unsigned = Envelope(TYPE, b"x", ())
        with pytest.raises(ValueError, match="at least one"):
            verify(unsigned, {}, payload_type=TYPE, threshold=threshold)

    def test_without_signatures_nothing_is_trusted(self) -> None:
        assert _verify_refusal(Envelope(TYPE, b"x", ()), _public(k1=1)) == "key_unknown"


def test_the_envelopes_json_is_dsses() -> None:
    signed = envelope(TYPE, b"\xff\xfe", ("k1", 1))
    document = cast(dict[str, Any], json.loads(signed.to_json()))
    assert document == {
        "payload": "//4=",
        "payloadType": TYPE,
        "signatures": [
            {"keyid": "k1", "sig": base64.b64encode(signed.signatures[0].sig).decode()},
        ],
    }
