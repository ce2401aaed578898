"""Dictionaries of Structured Fields: the short way gives what the library gives, or nothing."""

import base64
from typing import Any

import http_sf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing.errors import SignatureInvalid
from signing.structured_fields import MAX_FIELD_BYTES, plain_dictionary, structured_dictionary

KEYS = st.from_regex(r"[a-z*][a-z0-9_.*-]{0,12}", fullmatch=True)
PLAIN_TEXT = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters='"\\'), max_size=20
)
VALUES = PLAIN_TEXT.map(lambda text: f'"{text}"') | st.integers(0, 10**15 - 1).map(str)
LISTS = st.tuples(KEYS, st.lists(PLAIN_TEXT, max_size=5), st.lists(st.tuples(KEYS, VALUES)))


def library(value: str) -> Any:
    return http_sf.parse(value.encode("ascii"), tltype="dictionary")


@given(key=KEYS, content=st.binary(max_size=80))
def test_a_byte_sequence_reads_as_the_library_reads_it(key: str, content: bytes) -> None:
    value = f"{key}=:{base64.b64encode(content).decode()}:"
    assert plain_dictionary(value) == library(value) == {key: (content, {})}


@given(parts=LISTS)
def test_a_list_of_strings_reads_as_the_library_reads_it(
    parts: tuple[str, list[str], list[tuple[str, str]]],
) -> None:
    key, items, parameters = parts
    listed = " ".join(f'"{item}"' for item in items)
    value = f"{key}=({listed})" + "".join(f";{name}={text}" for name, text in parameters)
    plain = plain_dictionary(value)
    if len({name for name, _ in parameters}) < len(parameters):
        assert plain is None
    else:
        assert plain == library(value)


@given(value=st.text(st.characters(max_codepoint=0x7E), max_size=40))
def test_whatever_the_short_way_reads_the_library_reads_alike(value: str) -> None:
    plain = plain_dictionary(value)
    if plain is not None:
        assert plain == library(value)


@pytest.mark.parametrize(
    "value",
    [
        "sig=:YQ:",
        "sig=:YR==:",
        "sig=:YQ==:, other=:YQ==:",
        'sig=("a");created=1;created=2',
        'sig=("a\\"b")',
        'sig=("a";req)',
        "sig=(a)",
        "sig",
        "sig=?1",
        'sig=("a");b',
        'sig=("a");created=-1',
        "SIG=:YQ==:",
        'sig=("a")\n',
    ],
)
def test_every_other_form_is_left_to_the_library(value: str) -> None:
    assert plain_dictionary(value) is None


def test_a_key_named_twice_is_refused() -> None:
    with pytest.raises(SignatureInvalid) as caught:
        structured_dictionary("a=:YQ==:, a=:Yg==:", "signature")
    assert caught.value.code == "malformed_request"


def test_a_field_that_is_too_long_is_refused() -> None:
    with pytest.raises(SignatureInvalid) as caught:
        structured_dictionary("a" * (MAX_FIELD_BYTES + 1), "signature")
    assert caught.value.code == "malformed_request"


@pytest.mark.parametrize("value", ["a=", "\xff", "a=:@:"])
def test_what_is_no_dictionary_is_refused_by_the_fields_name(value: str) -> None:
    with pytest.raises(SignatureInvalid, match="signature-input") as caught:
        structured_dictionary(value, "signature-input")
    assert caught.value.code == "malformed_request"
