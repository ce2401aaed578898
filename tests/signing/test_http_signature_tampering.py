from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing.errors import SignatureInvalid
from signing.http_fields import HttpRequest
from signing.http_signature import (
    read_signature,
)
from tests.signing.http_requests import (
    BARE,
    BODY,
    HEADERS,
    KEY,
    NOW_S,
    Message,
    accept,
    as_received,
    library_signer,
    refusal,
    signed_request,
)

Change = Callable[[HttpRequest, str], HttpRequest]


def _replace_field(name: str) -> Change:
    return lambda request, value: replace(request, fields=request.fields | {name: value})


CHANGES: dict[str, tuple[str, Change]] = {
    "@method": ("POST", lambda request, value: replace(request, method=value)),
    "@authority": ("gateway.example", lambda request, value: replace(request, authority=value)),
    "@path": ("/v1/jobs", lambda request, value: replace(request, path=value)),
    "@query": ("dry%20run=1&a=b", lambda request, value: replace(request, query=value)),
    **{
        name: (signed_request().fields[name], _replace_field(name))
        for name in ("content-type", "content-digest", "idempotency-key", "signature-input")
    },
}


class TestTampering:
    def test_every_covered_component_is_in_the_table(self) -> None:
        covered = read_signature(signed_request(), now=NOW_S).covered
        assert covered == CHANGES.keys() - {"signature-input"}

    @pytest.mark.parametrize("name", CHANGES)
    def test_every_byte_of_a_component_counts(self, name: str) -> None:
        value, change = CHANGES[name]
        original = signed_request()
        assert change(original, value) == original
        for place, char in enumerate(value):
            for bit in range(7):
                flipped = chr(ord(char) ^ 1 << bit)
                changed = change(original, value[:place] + flipped + value[place + 1 :])
                assert refusal(changed) != ""

    @pytest.mark.parametrize("name", CHANGES)
    @given(data=st.data())
    def test_nothing_can_be_put_in_or_taken_out(self, name: str, data: st.DataObject) -> None:
        value, change = CHANGES[name]
        place = data.draw(st.integers(0, len(value) - 1))
        # A zero before an integer and a space between items say the same: both are signed
        # as RFC 9651 writes them again.
        more = data.draw(
            st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="0")
        )
        without = change(signed_request(), value[:place] + value[place + 1 :])
        assert refusal(without) != ""
        with_more = change(signed_request(), value[:place] + more + value[place:])
        assert refusal(with_more) != ""

    def test_every_bit_of_the_body_counts(self) -> None:
        for bit in range(8 * len(BODY)):
            body = bytearray(BODY)
            body[bit // 8] ^= 1 << bit % 8
            assert refusal(replace(signed_request(), body=bytes(body))) == "digest_mismatch"

    def test_every_bit_of_the_signature_counts(self) -> None:
        presented = read_signature(signed_request(), now=NOW_S)
        for bit in range(8 * len(presented.signature)):
            signature = bytearray(presented.signature)
            signature[bit // 8] ^= 1 << bit % 8
            with pytest.raises(SignatureInvalid) as refused:
                replace(presented, signature=bytes(signature)).check_key(KEY)
            assert refused.value.code == "signature_invalid"

    def test_a_field_that_was_sent_cannot_be_taken_away(self) -> None:
        for name in (*HEADERS, "content-digest"):
            left = {key: value for key, value in signed_request().fields.items() if key != name}
            assert refusal(replace(signed_request(), fields=left)) == "signature_coverage"

    def test_a_second_line_of_a_covered_field_is_noticed(self) -> None:
        for name in (*HEADERS, "content-digest"):
            value = signed_request().fields[name]
            doubled = _replace_field(name)(signed_request(), f"{value}, {value}")
            assert refusal(doubled) == "signature_invalid"

    def test_percent_encoding_is_not_resolved(self) -> None:
        decoded = replace(signed_request(), query="dry run=1&a=b")
        assert refusal(decoded) == "signature_invalid"
        slash = signed_request(url="https://gateway.example/v1%2Fjobs")
        accept(slash)
        assert refusal(replace(slash, path="/v1/jobs")) == "signature_invalid"

    def test_plain_http_is_not_the_target_that_was_signed(self) -> None:
        message = Message("GET", BARE)
        library_signer().sign(
            message,
            key_id="shop-1",
            created=datetime.fromtimestamp(NOW_S, UTC),
            nonce="n-1",
            tag="countersign",
            covered_component_ids=("@method", "@target-uri"),
        )
        request = as_received("GET", BARE, message.headers, b"")
        accept(request)
        assert refusal(replace(request, scheme="http")) == "signature_invalid"
