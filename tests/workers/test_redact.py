"""No result shows a secret, however it is written."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from signing.strict_json import JsonValue
from workers.redact import leaf_texts, redact

SECRET = 'pä/ss +w"rd\n?~1'

ENCODINGS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 without padding": lambda text: base64.b64encode(text.encode()).decode().rstrip("="),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "basic authentication": lambda text: base64.b64encode(b"user:" + text.encode()).decode(),
    "inside of base64, offset 1": lambda text: base64.b64encode(b"1" + text.encode()).decode(),
    "inside of base64, offset 2": lambda text: base64.b64encode(b"22" + text.encode()).decode(),
    "followed in base64": lambda text: base64.b64encode(text.encode() + b"!@").decode(),
    "hex": lambda text: text.encode().hex(),
    "upper case hex": lambda text: text.encode().hex().upper(),
    "url": quote,
    "url, all": lambda text: quote(text, safe=""),
    "url, lower case": lambda text: quote(text, safe="").lower(),
    "form": quote_plus,
    "every byte percent-encoded": lambda text: "".join(f"%{b:02X}" for b in text.encode()),
    "json": lambda text: json.dumps(text)[1:-1],
    "json, not ascii": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "json, slashes escaped": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "python": lambda text: repr(text)[1:-1],
    "python, ascii": lambda text: ascii(text)[1:-1],
    "python bytes": lambda text: repr(text.encode())[2:-1],
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_secret_goes_in_every_encoding(encoding: str) -> None:
    written = ENCODINGS[encoding](SECRET)
    assert redact(f"before ({written}) after", [SECRET]) == "before (****) after"
    assert redact({written: [written, {"a": written}]}, [SECRET]) == {
        "****": ["****", {"a": "****"}]
    }


# No star, so that a mask is never part of a secret; nothing around it that base64 goes on with.
secrets = st.text(st.characters(codec="utf-8", exclude_characters="*"), min_size=4, max_size=40)
around = st.text(st.characters(codec="utf-8"), max_size=20)


@given(secrets, st.sampled_from(sorted(ENCODINGS)), around, around)
def test_no_planted_secret_is_left(secret: str, encoding: str, before: str, after: str) -> None:
    written = ENCODINGS[encoding](secret)
    assume(written not in before + "****" + after)
    shown = redact({before + written + after: before + written + after}, [secret])
    assert isinstance(shown, dict)
    for key, value in shown.items():
        assert written not in key
        assert value == key


@given(st.lists(secrets, min_size=1, max_size=4), st.binary(max_size=9), st.binary(max_size=9))
def test_no_part_of_base64_that_holds_a_secret_is_left(
    planted: list[str], before: bytes, after: bytes
) -> None:
    data = before + "".join(planted).encode() + after
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        assert redact(encode(data).decode(), planted) == "****"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | around,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(around, inner, max_size=3),
)


@given(json_values)
def test_without_secrets_nothing_changes(value: JsonValue) -> None:
    assert redact(value, []) == value
    assert redact(value, ["", "a secret that is not in there"]) == value


@given(json_values, st.lists(secrets))
def test_redacting_twice_is_redacting_once(value: JsonValue, planted: list[str]) -> None:
    once = redact(value, planted)
    assert redact(once, planted) == once


def test_the_value_that_was_given_is_not_changed() -> None:
    value: JsonValue = {"a": ["secret"]}
    redact(value, ["secret"])
    assert value == {"a": ["secret"]}


@pytest.mark.parametrize("text", ["abc", "YWJj", "616263", "%61%62%63"])
def test_a_short_secret_goes_where_it_is_the_whole_text(text: str) -> None:
    assert redact([text, f"{text} and more"], ["abc"]) == ["****", f"{text} and more"]


def test_a_number_that_is_a_secret_goes() -> None:
    value: JsonValue = [4242424242424242, 1.25, 42, True, None]
    assert redact(value, ["4242424242424242", "1.25", "42"]) == ["****", "****", 42, True, None]


def test_overlapping_secrets_leave_one_mask() -> None:
    assert redact("say abcdefgh!", ["abcdef", "defgh", "cdef"]) == "say ****!"


def test_keys_that_become_one_are_kept_apart() -> None:
    value: JsonValue = {"****1": 0, "secret": 1, "SECRET": 2, "secret!": 3, "another": 4}
    shown = redact(value, ["secret", "another"])
    assert isinstance(shown, dict)
    assert list(shown.values()) == [0, 1, 2, 3, 4]


def test_the_leaves_of_a_secret_that_is_no_text_are_looked_for() -> None:
    secret: JsonValue = {"user": "root", "pins": [1234, 1.5, True, None]}
    assert leaf_texts(secret) == ["root", "1234", "1.5"]
    assert leaf_texts("text") == ["text"]


@pytest.mark.parametrize("secret", ["a" * 50_000, "\\" * 50_000, "%25" * 20_000, "ab" * 30_000])
def test_a_hostile_secret_takes_no_long_time(secret: str) -> None:
    texts: Any = [secret[:-1] + "x" + secret[:-1], "\\" * 200_000, "a" * 49_999 + "b" * 200_000]
    begin = time.process_time()
    redact(texts, [secret])
    assert time.process_time() - begin < 2
