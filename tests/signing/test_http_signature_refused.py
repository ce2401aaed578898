from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing.algorithms import RequestKey
from signing.errors import SignatureInvalid
from signing.http_fields import HttpRequest
from signing.http_signature import (
    MAX_PARAMETER,
    read_signature,
)
from signing.structured_fields import MAX_FIELD_BYTES
from tests.signing.builders import private_key
from tests.signing.http_requests import (
    BARE,
    GET,
    KEY,
    NOW_S,
    PARAMETERS,
    REQUIRED,
    Message,
    as_received,
    library_signer,
    read_refusal,
    refusal,
    signed_request,
    with_fields,
    with_signature_input,
)


def _signed(**fields: str | None) -> HttpRequest:
    return with_fields(signed_request(), **fields)


MEMBER = f"{REQUIRED}{PARAMETERS}"
LONG = "n" * (MAX_PARAMETER + 1)

# Name -> what is replaced in a good member of `Signature-Input`, by what, the code.
MEMBER_CHANGES: dict[str, tuple[str, str, str]] = {
    "no tag": (';tag="countersign"', "", "signature_missing"),
    "another tag": ('"countersign"', '"hunter2"', "signature_missing"),
    "a tag in capitals": ('"countersign"', '"Countersign"', "signature_missing"),
    "the tag as a token": ('"countersign"', "countersign", "signature_invalid"),
    "no created": (f";created={NOW_S}", "", "signature_invalid"),
    "no key id": (';keyid="shop-1"', "", "signature_invalid"),
    "no nonce": (';nonce="n-1"', "", "signature_invalid"),
    "a key id as a token": ('"shop-1"', "shop-1", "signature_invalid"),
    "a key id as bytes": ('"shop-1"', ":AAAA:", "signature_invalid"),
    "a nonce as a token": ('"n-1"', "hunter2", "signature_invalid"),
    "a nonce as an integer": ('"n-1"', "7", "signature_invalid"),
    "a nonce as a display string": ('"n-1"', '%"n-1"', "signature_invalid"),
    "a nonce as a flag": ('nonce="n-1"', "nonce", "signature_invalid"),
    "an empty nonce": ('"n-1"', '""', "signature_invalid"),
    "an empty key id": ('"shop-1"', '""', "signature_invalid"),
    "a nonce that is too long": ("n-1", LONG, "signature_invalid"),
    "a time as a string": (f"{NOW_S}", f'"{NOW_S}"', "signature_invalid"),
    "a time as a decimal": (f"{NOW_S}", f"{NOW_S}.0", "signature_invalid"),
    "a time as a date": (f"{NOW_S}", f"@{NOW_S}", "signature_invalid"),
    "a time as a boolean": (f"={NOW_S}", "=?1", "signature_invalid"),
    "a component covered twice": ('("@method"', '("@method" "@method"', "signature_invalid"),
    "a component in capitals": ("@method", "@Method", "signature_invalid"),
    "a component as a token": ('("@method"', '("@method" date', "signature_invalid"),
    "a component as a number": ('("@method"', '("@method" 1', "signature_invalid"),
}

# Name -> the request, the code.
REFUSED: dict[str, tuple[HttpRequest, str]] = {
    "not signed": (GET, "signature_missing"),
    "no signature": (_signed(signature=None), "signature_missing"),
    "no signature input": (_signed(signature_input=None), "signature_missing"),
    "empty": (_signed(signature_input="", signature=""), "signature_missing"),
    "the tag on a component": (
        with_signature_input(GET, '("@method";tag="countersign")'),
        "signature_missing",
    ),
    "two signatures with the tag": (
        with_fields(GET, signature_input=f"a={MEMBER}, b={MEMBER}", signature="a=:AA==:, b=:AA==:"),
        "signature_invalid",
    ),
    "expires as a string": (
        with_signature_input(GET, f'{MEMBER};expires="{NOW_S}"'),
        "signature_invalid",
    ),
    "an algorithm as a token": (
        with_signature_input(GET, f"{MEMBER};alg=ed25519"),
        "signature_invalid",
    ),
    "a parameter that nobody knows": (
        with_signature_input(GET, f"{MEMBER};hunter2=1"),
        "signature_invalid",
    ),
    "no list of components": (
        with_signature_input(GET, f'"@method"{PARAMETERS}'),
        "malformed_request",
    ),
    "a flag for a list": (
        with_fields(GET, signature_input=f"sig{PARAMETERS}", signature="sig=:AAAA:"),
        "malformed_request",
    ),
    "another label on the signature": (
        with_fields(GET, signature_input=f"sig={MEMBER}", signature="other=:AAAA:"),
        "malformed_request",
    ),
    "a signature as a string": (
        with_fields(GET, signature_input=f"sig={MEMBER}", signature='sig="AAAA"'),
        "malformed_request",
    ),
    "a signature as a list": (
        with_fields(GET, signature_input=f"sig={MEMBER}", signature="sig=(:AAAA:)"),
        "malformed_request",
    ),
    "a label named twice": (
        with_fields(GET, signature_input=f"sig={MEMBER}, sig={MEMBER}", signature="sig=:AAAA:"),
        "malformed_request",
    ),
    "a signature named twice": (
        with_fields(GET, signature_input=f"sig={MEMBER}", signature="sig=:AAAA:, sig=:AAAA:"),
        "malformed_request",
    ),
    "a parameter named twice": (
        with_signature_input(GET, f'{MEMBER};nonce="n-2"'),
        "malformed_request",
    ),
    "no structured field": (_signed(signature_input="hunter2=("), "malformed_request"),
    "not ASCII": (_signed(signature_input="h\u00fcnter2=1"), "malformed_request"),
    "too long": (_signed(signature="a" * (MAX_FIELD_BYTES + 1)), "malformed_request"),
    "a line break in a covered field": (
        with_signature_input(
            with_fields(GET, x_a='1\n"x-b": hunter2'),
            MEMBER.replace('("@method"', '("@method" "x-a"'),
        ),
        "malformed_request",
    ),
    "a return in the path": (
        with_signature_input(replace(GET, path="/a\rhunter2"), MEMBER),
        "malformed_request",
    ),
    "a NUL in a covered field": (
        with_signature_input(
            with_fields(GET, x_a="hunter2\x00"), MEMBER.replace('("@method"', '("@method" "x-a"')
        ),
        "malformed_request",
    ),
    "a path that is not ASCII": (
        with_signature_input(replace(GET, path="/h\u00fcnter2"), MEMBER),
        "malformed_request",
    ),
    "a body for the digest of another": (replace(signed_request(), body=b"{}"), "digest_mismatch"),
    "no body for a digest": (replace(signed_request(), body=b""), "digest_mismatch"),
}


class TestRefused:
    @pytest.mark.parametrize(("request_", "code"), REFUSED.values(), ids=REFUSED.keys())
    def test_with_the_contracts_code(self, request_: HttpRequest, code: str) -> None:
        assert refusal(request_) == code

    @pytest.mark.parametrize(
        ("part", "by", "code"), MEMBER_CHANGES.values(), ids=MEMBER_CHANGES.keys()
    )
    def test_for_one_part_of_its_parameters_or_components(
        self, part: str, by: str, code: str
    ) -> None:
        assert part in MEMBER
        assert read_refusal(with_signature_input(GET, MEMBER.replace(part, by))) == code

    def test_the_tables_have_every_code_that_is_decided_here(self) -> None:
        codes = {code for _, code in REFUSED.values()}
        codes |= {code for _, _, code in MEMBER_CHANGES.values()}
        assert codes | {"signature_expired", "signature_coverage"} == {
            *("signature_missing", "signature_invalid", "signature_expired"),
            *("signature_coverage", "digest_mismatch", "malformed_request"),
        }

    def test_by_another_key(self) -> None:
        presented = read_signature(signed_request(), now=NOW_S)
        with pytest.raises(SignatureInvalid, match="does not verify"):
            presented.check_key(RequestKey("shop-1", "ed25519", private_key(8).public_key()))

    def test_a_key_of_another_algorithm(self) -> None:
        presented = read_signature(signed_request(), now=NOW_S)
        with pytest.raises(SignatureInvalid, match="does not verify"):
            presented.check_key(RequestKey("shop-1", "hmac-sha256", bytes(32)))

    @pytest.mark.parametrize("named", ["hmac-sha256", "ed25519ph", "ED25519", "none"])
    def test_a_message_that_names_another_algorithm(self, named: str) -> None:
        member = f'{REQUIRED}{PARAMETERS};alg="{named}"'
        presented = read_signature(with_signature_input(GET, member), now=NOW_S)
        with pytest.raises(SignatureInvalid, match="another algorithm") as refused:
            presented.check_key(KEY)
        assert refused.value.code == "signature_invalid"
        assert named not in str(refused.value)

    def test_a_signature_in_der_or_none_at_all(self) -> None:
        for signature in ("sig=::", "sig=:AAAA:"):
            member = with_fields(GET, signature_input=f"sig={MEMBER}", signature=signature)
            assert refusal(member) == "signature_invalid"


class TestSeveralSignatures:
    def _both(self, *, proxy_tag: str | None = None) -> HttpRequest:
        headers: dict[str, str] = {}
        message = Message("GET", BARE, headers)
        for kid, tag in (("proxy", proxy_tag), ("shop-1", "countersign")):
            library_signer().sign(
                message,
                key_id=kid,
                created=datetime.fromtimestamp(NOW_S, UTC),
                nonce=f"of-{kid}",
                label=kid,
                tag=tag,
                covered_component_ids=("@method", "@target-uri"),
                append_if_signature_exists=True,
            )
        return as_received("GET", BARE, message.headers, b"")

    @pytest.mark.parametrize("proxy_tag", [None, "proxy"])
    def test_the_one_with_the_tag_is_taken(self, proxy_tag: str | None) -> None:
        presented = read_signature(self._both(proxy_tag=proxy_tag), now=NOW_S)
        presented.check_key(KEY)
        assert (presented.keyid, presented.nonce) == ("shop-1", "of-shop-1")

    def test_of_two_with_the_tag_neither_is(self) -> None:
        assert read_refusal(self._both(proxy_tag="countersign")) == "signature_invalid"

    def test_labels_cannot_be_swapped(self) -> None:
        request = self._both()
        swapped = (
            request.fields["signature"]
            .replace("proxy=", "x=")
            .replace("shop-1=", "proxy=")
            .replace("x=", "shop-1=")
        )
        assert refusal(with_fields(request, signature=swapped)) == "signature_invalid"


@given(st.text('sig=()"@method path;created,1:?', max_size=60), st.text('sig=:A,"', max_size=20))
def test_any_signature_fields_are_refused_with_a_code(inputs: str, signature: str) -> None:
    request = with_fields(GET, signature_input=inputs, signature=signature)
    assert read_refusal(request) in {"signature_missing", "malformed_request"}
