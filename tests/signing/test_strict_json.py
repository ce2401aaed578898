import json
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing.errors import MalformedJSON
from signing.strict_json import (
    MAX_DEPTH,
    MAX_SAFE_INTEGER,
    JsonValue,
    canonical,
    parse,
    parse_object,
)

SCALARS: st.SearchStrategy[JsonValue] = (
    st.none()
    | st.booleans()
    | st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)


def _containers(inner: st.SearchStrategy[JsonValue]) -> st.SearchStrategy[JsonValue]:
    keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    lists: st.SearchStrategy[JsonValue] = st.lists(inner, max_size=4)
    objects: st.SearchStrategy[JsonValue] = st.dictionaries(keys, inner, max_size=4)
    return lists | objects


VALUES: st.SearchStrategy[JsonValue] = st.recursive(SCALARS, _containers, max_leaves=12)

ACCEPTED: dict[str, tuple[bytes, JsonValue]] = {
    "object": (b'{"a":1}', {"a": 1}),
    "white space around": (b' \t\r\n{"a" : [ ] } \n', {"a": []}),
    "scalar": (b"true", True),
    "null": (b"null", None),
    "empty key": (b'{"":0}', {"": 0}),
    "same key at two levels": (b'{"a":{"a":1}}', {"a": {"a": 1}}),
    "same key in two objects": (b'[{"a":1},{"a":2}]', [{"a": 1}, {"a": 2}]),
    "keys that differ in case": (b'{"a":1,"A":2}', {"a": 1, "A": 2}),
    "UTF-8": ('"\u00e9\u20ac\U0001f600"'.encode(), "\u00e9\u20ac\U0001f600"),
    "escaped pair of surrogates": (b'"\\ud83d\\ude00"', "\U0001f600"),
    "backslash before a u": (b'"\\\\ud800"', "\\ud800"),
    "escaped control characters": (b'"\\u0000\\b\\f\\n\\r\\t"', "\x00\b\f\n\r\t"),
    "byte order mark inside a string": ('"\ufeff"'.encode(), "\ufeff"),
    "noncharacter": ('"\uffff"'.encode(), "\uffff"),
    "largest integer": (b"9007199254740991", 2**53 - 1),
    "smallest integer": (b"-9007199254740991", 1 - 2**53),
    "minus zero": (b"-0", 0),
    "exponent": (b"1E+2", 100.0),
    "largest double": (b"1.7976931348623157e308", 1.7976931348623157e308),
    "smallest double": (b"5e-324", 5e-324),
    "underflow": (b"1e-999", 0.0),
    "seventeen digits": (b"0.30000000000000004", 0.1 + 0.2),
    "seventeen digits after zeros": (b"-0.00012345678901234567", -0.00012345678901234567),
    "brackets inside a string": (b'"' + b"[{" * 40 + b'"', "[{" * 40),
    "brackets after an escaped quote": (b'["\\"' + b"[" * 40 + b'"]', ['"' + "[" * 40]),
    "many shallow brackets": (b"[" + b"[]," * 40 + b"[]]", [[] for _ in range(41)]),
    "deepest": (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, None),
}

REFUSED: dict[str, bytes] = {
    "nothing": b"",
    "white space alone": b" \n",
    "UTF-16 with a mark": '{"a":1}'.encode("utf-16"),
    "UTF-16, big end first": '{"a":1}'.encode("utf-16-be"),
    "UTF-16, little end first": '{"a":1}'.encode("utf-16-le"),
    "UTF-32": '{"a":1}'.encode("utf-32"),
    "Latin-1": '"\u00e9"'.encode("latin-1"),
    "UTF-7": b'"+AOk-" x',
    "byte order mark": b"\xef\xbb\xbf{}",
    "overlong UTF-8": b'"\xc0\xaf"',
    "UTF-8 beyond Unicode": b'"\xf5\x80\x80\x80"',
    "UTF-8 cut short": b'"\xe2\x82"',
    "raw surrogate": b'"\xed\xa0\x80"',
    "raw pair of surrogates": b'"\xed\xa0\xbd\xed\xb8\x80"',
    "escaped high surrogate": b'"\\ud800"',
    "escaped low surrogate": b'"\\uDFFF"',
    "escaped surrogates the wrong way round": b'"\\ude00\\ud83d"',
    "escaped surrogate in a key": b'{"\\ud800":1}',
    "escaped surrogate deep inside": b'[{"a":["\\uDBFFx"]}]',
    "duplicate key": b'{"a":1,"a":2}',
    "duplicate key with one value": b'{"a":1,"a":1}',
    "duplicate key by escape": b'{"a":1,"\\u0061":2}',
    "duplicate key nested": b'{"x":[{"y":{"a":1,"b":2,"a":3}}]}',
    "duplicate empty key": b'{"":1,"":2}',
    "NaN": b"NaN",
    "NaN inside": b'{"a":[NaN]}',
    "Infinity": b"Infinity",
    "minus Infinity": b'{"a":-Infinity}',
    "overflow": b"1e999",
    "overflow below": b"[-1e999]",
    "overflow by digits of the exponent": b"1e" + b"9" * 400,
    "integer one too large": b"9007199254740992",
    "integer one too small": b"-9007199254740992",
    "integer of many digits": b"1" * 5_000,
    "zeros in front": b"00000000000000000001",
    "real of many digits": b"1.000000000000000001",
    "real of many digits before the point": b"123456789012345678.0",
    "real of many digits with an exponent": b"1.234567890123456789e1",
    "leading zero": b"01",
    "plus": b"+1",
    "point at the end": b"1.",
    "point in front": b".5",
    "hexadecimal": b"0x10",
    "underscore": b"1_000",
    "Arabic digits": "\N{ARABIC-INDIC DIGIT ONE}".encode(),
    "raw new line in a string": b'"a\nb"',
    "raw tab in a string": b'"a\tb"',
    "raw NUL in a string": b'"a\x00b"',
    "NUL after": b"{}\x00",
    "vertical tab as white space": b"\x0b{}",
    "no-break space as white space": "\u00a0{}".encode(),
    "trailing text": b"{}x",
    "second document": b"{}{}",
    "trailing comma in an array": b"[1,]",
    "trailing comma in an object": b'{"a":1,}',
    "comment": b"{}//",
    "single quotes": b"{'a':1}",
    "key without quotes": b"{a:1}",
    "unknown escape": b'"\\x41"',
    "unknown word": b"undefined",
    "word in capitals": b"True",
    "string without an end": b'"abc',
    "escape without an end": b'"abc\\',
    "array without an end": b"[1",
    "one level too deep": b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
    "objects too deep": b'{"a":' * (MAX_DEPTH + 1) + b"0" + b"}" * (MAX_DEPTH + 1),
    "far too deep": b"[" * 500_000,
    "too deep after a string with an escaped quote": b'["\\"",' + b"[" * MAX_DEPTH,
    "too deep after a string with an escaped line break": b'["\\\n"' + b"[" * 200_000,
    "closed more than opened": b"]" * 40 + b"[" * 40,
}


@pytest.mark.parametrize(("data", "value"), ACCEPTED.values(), ids=ACCEPTED.keys())
def test_documents_accepted(data: bytes, value: JsonValue) -> None:
    assert parse(data) == (json.loads(data) if value is None else value)


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED.keys())
def test_documents_refused(data: bytes) -> None:
    with pytest.raises(MalformedJSON) as refused:
        parse(data)
    assert refused.value.code == "malformed_json"


def test_a_refusal_echoes_no_value() -> None:
    for data in (b'{"hunter2":1,"hunter2":2}', b'{"a":hunter2}', b'"hunter2\\ud800"'):
        with pytest.raises(MalformedJSON) as refused:
            parse(data)
        assert "hunter2" not in str(refused.value)
        assert refused.value.__cause__ is None
        assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_the_size_is_bounded_in_bytes() -> None:
    assert parse(b'"aa"', max_bytes=4) == "aa"
    with pytest.raises(MalformedJSON, match="larger"):
        parse('"\u00e9a"'.encode(), max_bytes=4)


@pytest.mark.parametrize("data", [b"[]", b'"a"', b"1", b"null"])
def test_where_an_object_is_wanted_another_value_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedJSON, match="not an object"):
        parse_object(data)


def test_where_an_object_is_wanted_the_bound_holds_too() -> None:
    assert parse_object(b'{"a":1}', max_bytes=7) == {"a": 1}
    with pytest.raises(MalformedJSON, match="larger"):
        parse_object(b'{"a":1}', max_bytes=6)


def test_escaped_quotes_without_an_end_cost_no_more_than_their_length() -> None:
    """Each quote once started a search to the end: more than an hour for a megabyte."""
    hostile = b"[" + b"[]," * MAX_DEPTH + b'"' + b'\\"' * 30_000
    started = time.process_time()
    with pytest.raises(MalformedJSON):
        parse(hostile)
    assert time.process_time() - started < 5


def _same(one: JsonValue, other: JsonValue) -> bool:
    """Compare without `1 == 1.0 == True`."""
    return repr(one) == repr(other)


@given(VALUES)
def test_what_is_written_is_read_back(value: JsonValue) -> None:
    assert parse(canonical(value)) == value
    assert _same(parse(canonical([value])), json.loads(json.dumps([value], sort_keys=True)))


@given(VALUES)
def test_writing_again_changes_nothing(value: JsonValue) -> None:
    assert canonical(parse(canonical(value))) == canonical(value)


@given(VALUES, VALUES)
def test_two_values_are_never_written_alike(one: JsonValue, other: JsonValue) -> None:
    written = canonical(one) == canonical(other)
    assert written == (json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True))


@given(VALUES, st.sampled_from([None, 1, "\t"]), st.booleans())
def test_any_writers_json_is_read_as_it_was_meant(
    value: JsonValue, indent: int | str | None, ascii_only: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert _same(parse(text.encode()), value)


@given(
    st.binary(max_size=40) | st.text('{}[]",:\\ud80019.eE-+aNtrf \n', max_size=40).map(str.encode)
)
def test_whatever_is_accepted_is_read_as_the_standard_reader_reads_it(data: bytes) -> None:
    try:
        value = parse(data)
    except MalformedJSON:
        return
    assert _same(value, json.loads(data))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_double_survives_to_the_sign_of_zero(number: float) -> None:
    read = parse(canonical(number))
    assert isinstance(read, float)
    assert read == number
    assert math.copysign(1, read) == math.copysign(1, number)


def test_the_canonical_form_is_sorted_dense_utf8() -> None:
    value: JsonValue = {"b": [1, 2.5, None], "a": "\u00e9\n", "A": {}}
    assert canonical(value) == '{"A":{},"a":"\u00e9\\n","b":[1,2.5,null]}'.encode()


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_not_written(number: float) -> None:
    with pytest.raises(ValueError, match="Out of range"):
        canonical({"a": [number]})


def test_a_lone_surrogate_is_not_written() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        canonical("\ud800")
