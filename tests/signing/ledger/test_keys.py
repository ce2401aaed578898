"""Names of keys: apart for whatever parts they are made of, and plain whatever comes in."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing.ledger import keys

parts = st.text(max_size=12)


@given(first=st.tuples(parts, parts), second=st.tuples(parts, parts))
def test_two_pairs_share_a_key_only_if_they_are_the_same(
    first: tuple[str, str], second: tuple[str, str]
) -> None:
    assert (keys.nonce(*first) == keys.nonce(*second)) == (first == second)
    assert (keys.idempotency(*first) == keys.idempotency(*second)) == (first == second)


@pytest.mark.parametrize(
    ("first", "second"),
    [(("a", "bc"), ("ab", "c")), (("", "a"), ("a", "")), (("1:a", ""), ("", "1:a"))],
)
def test_parts_do_not_run_into_each_other(first: tuple[str, str], second: tuple[str, str]) -> None:
    assert keys.nonce(*first) != keys.nonce(*second)


@given(parts, parts)
def test_what_comes_from_outside_is_hashed(one: str, two: str) -> None:
    assert re.fullmatch(r"cs:nonce:[0-9a-f]{32}", keys.nonce(one, two))
    assert re.fullmatch(r"cs:idem:[0-9a-f]{32}", keys.idempotency(one, two))


def test_names_are_those_that_the_scripts_and_the_access_rules_have() -> None:
    assert keys.job("i") == "cs:job:i"
    assert keys.seal("i") == "cs:seal:i"
    assert keys.result("i") == "cs:result:i"
    assert keys.published("q") == "cs:published:q"
    assert keys.rate("p") == "cs:rate:p"


def test_every_name_begins_with_the_ledgers_prefix() -> None:
    named = {
        value for name, value in vars(keys).items() if name.isupper() and isinstance(value, str)
    }
    assert len(named) == 11
    assert all(value.startswith(keys.PREFIX) for value in named)
