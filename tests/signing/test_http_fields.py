import base64
import hashlib

import pytest
from http_message_signatures import ContentDigest
from hypothesis import given
from hypothesis import strategies as st

from signing.errors import SignatureInvalid
from signing.http_fields import (
    HttpRequest,
    check_content_digest,
    combine_fields,
    content_digest,
)
from signing.structured_fields import MAX_FIELD_BYTES, structured_dictionary
from tests.signing import rfc9421

BODY = b'{"hello": "world"}'


def _member(algorithm: str, body: bytes = BODY) -> str:
    digest = hashlib.new(algorithm.replace("-", ""), body).digest()
    return f"{algorithm}=:{base64.b64encode(digest).decode()}:"


def _refusal(value: str, body: bytes = BODY) -> str:
    with pytest.raises(SignatureInvalid) as refused:
        check_content_digest(value, body)
    return refused.value.code


def test_lines_of_one_name_are_combined_in_order_whatever_their_case() -> None:
    lines = [(b"A", b" 1 "), (b"b", b"\tx\t"), (b"a", b""), (b"a", b"2, 3")]
    assert combine_fields(lines) == {"a": "1, , 2, 3", "b": "x"}


@pytest.mark.parametrize("line", [(b"a", b"\xe9"), (b"\xc3\xa9", b"a"), (b"a", b"\xff")])
def test_a_line_that_is_not_ascii_is_refused(line: tuple[bytes, bytes]) -> None:
    with pytest.raises(SignatureInvalid) as refused:
        combine_fields([line])
    assert refused.value.code == "malformed_request"


def test_a_requests_representation_holds_neither_fields_nor_body() -> None:
    request = HttpRequest("POST", "a", "/", "", {"authorization": "hunter2"}, b"hunter2")
    assert "hunter2" not in repr(request)


@pytest.mark.parametrize(
    ("digest", "body"),
    [
        (rfc9421.REQUEST_DIGEST, rfc9421.BODY),
        (rfc9421.RESPONSE_DIGEST, rfc9421.RESPONSE_BODY),
    ],
)
def test_the_digests_of_rfc_9421_match(digest: str, body: bytes) -> None:
    check_content_digest(digest, body)


@given(st.binary(max_size=200))
def test_the_digest_written_here_is_the_librarys(body: bytes) -> None:
    written = content_digest(body)
    assert written == ContentDigest.create(body)
    check_content_digest(written, body)


@pytest.mark.parametrize(
    "value",
    [
        _member("sha-256"),
        _member("sha-512"),
        f"{_member('sha-256')}, {_member('sha-512')}",
        f"md5=:AAAA:, {_member('sha-256')}",
        f"unixsum=30637, {_member('sha-512')}, new-one=(1 2)",
        f"{_member('sha-256')};note=1",
    ],
)
def test_digests_that_match_are_accepted(value: str) -> None:
    check_content_digest(value, BODY)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "md5=:AAAA:",
        "sha=:AAAA:, unixsum=30637",
        "sha-256=::",
        "sha-256=:AAAA:",
        "sha-256",
        "sha-256=1",
        'sha-256="AAAA"',
        "sha-256=AAAA",
        "sha-256=(:AAAA:)",
        _member("sha-256", b"other"),
        _member("sha-512", b"other"),
        _member("sha-512").replace("sha-512", "sha-256"),
        f"{_member('sha-256')}, {_member('sha-512', b'other')}",
        f"{_member('sha-256', b'other')}, {_member('sha-512')}",
    ],
)
def test_digests_that_do_not_match_are_refused(value: str) -> None:
    assert _refusal(value) == "digest_mismatch"


@given(st.binary(min_size=1, max_size=60), st.data())
def test_any_bit_of_the_body_counts(body: bytes, data: st.DataObject) -> None:
    bit = data.draw(st.integers(0, 8 * len(body) - 1))
    changed = bytearray(body)
    changed[bit // 8] ^= 1 << bit % 8
    assert _refusal(content_digest(body), bytes(changed)) == "digest_mismatch"


@pytest.mark.parametrize(
    "value",
    [
        f"{_member('sha-256')}, {_member('sha-256')}",
        f"sha-256=:AAAA:, {_member('sha-256')}",
        "sha-256=:AAAA",
        "sha-256=:A!A:",
        "SHA-256=:AAAA:",
        "sha-256=:AAAA:,",
        "=:AAAA:",
        "sha-256=:AAAA: x",
        "sha-256=:AAAA:\r\n",
        "\u00e9=1",
        "a" * (MAX_FIELD_BYTES + 1),
    ],
)
def test_a_digest_field_that_cannot_be_read_is_refused(value: str) -> None:
    assert _refusal(value) == "malformed_request"


def test_a_dictionary_is_read_with_its_parameters() -> None:
    assert structured_dictionary('a=1;x="y", b=(2 "c";d), e', "f") == {
        "a": (1, {"x": "y"}),
        "b": ([(2, {}), ("c", {"d": True})], {}),
        "e": (True, {}),
    }


def test_the_longest_field_is_read() -> None:
    assert structured_dictionary("a" * MAX_FIELD_BYTES, "f") != {}


@pytest.mark.parametrize("value", ["a=1, a=2", "a=1;x=1;x=2", "a=(1;x=1;x=2)", "a, b, a"])
def test_a_key_named_twice_is_refused(value: str) -> None:
    with pytest.raises(SignatureInvalid, match="field f names a key twice") as refused:
        structured_dictionary(value, "f")
    assert refused.value.code == "malformed_request"


@given(st.text(max_size=40) | st.text('ab=()";:@%?,01.-\\ *', max_size=40))
def test_any_text_is_read_or_refused_without_echoing_it(text: str) -> None:
    value = f"hunter2={text}"
    code, message = "malformed_request", ""
    try:
        structured_dictionary(value, "f")
    except SignatureInvalid as error:
        code, message = error.code, error.message
    assert code == "malformed_request"
    assert "hunter2" not in message
