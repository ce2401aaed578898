"""Secrets are found by the name they go under, in any spelling; other uses of the word are not."""

import pytest

from gateway.detect import Finding, find_secrets
from gateway.detect.names import HINT, rule_for, words_of
from gateway.detect.rules import NAME_RULES
from signing.strict_json import JsonValue
from tests.gateway.detect_samples import fill


def spelled(words: str) -> set[str]:
    parts = words.split()
    camel = parts[0] + "".join(part.title() for part in parts[1:])
    pascal = "".join(part.title() for part in parts)
    return {
        "_".join(parts), "-".join(parts), ".".join(parts), "_".join(parts).upper(), words,
        camel, pascal, "-".join(part.title() for part in parts), "".join(parts),
        "".join(parts).upper(), f"my_{'_'.join(parts)}", f"customer{pascal}", f"own.{camel}",
        f"{camel}s", f"{'_'.join(parts)}_2", f"{'_'.join(parts)}1", f"{camel}Value",
        f"{'_'.join(parts)}_plaintext",
    }  # fmt: skip


EVERY_NAME = [(rule.name, name) for rule in NAME_RULES for name in rule.names]


def test_no_name_stands_under_two_rules() -> None:
    assert len({name for _, name in EVERY_NAME}) == len(EVERY_NAME)


@pytest.mark.parametrize(("rule", "name"), EVERY_NAME)
def test_a_name_is_known_in_every_spelling(rule: str, name: str) -> None:
    for spelling in spelled(name):
        found = rule_for(spelling)
        assert found is not None, spelling
        assert found.name == rule, spelling
        assert HINT.found_in(spelling.encode()), spelling


def test_words_come_out_of_every_spelling() -> None:
    for key in ("apiKey", "ApiKey", "APIKey", "api_key", "API-KEY", "api.key", "__api__key"):
        assert words_of(key) == "api key"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("password", "hunter2"),
        ("password", "1234"),
        ("password", 84629173),
        ("userPassword", "x y"),
        ("new_password", "correct horse"),
        ("password_hash", "$2b$12$abc"),
        ("Contraseña", "hola"),
        ("passwd", "<hunter2>"),
        ("secret", "ok"),
        ("client_secret", "abc"),
        ("stripe-secret-key", "abc"),
        ("aws_secret_access_key", fill(40)),
        ("X-API-Key", "abc"),
        ("privateKey", "abc"),
        ("access_token", "abc"),
        ("refreshToken", "abc"),
        ("authorization", "Bearer abc"),
        ("Proxy-Authorization", "Basic YTpi"),
        ("authorization", fill(40)),
        ("token", "a1b2c3d4"),
        ("deviceToken", "123456789012"),
        ("csrf_token", "AbCdEfGhIjKlMnOp"),
        ("auth", "abcdefghijklmnopqrstuvwx"),
        ("cookie", "session=a1b2c3d4e5; path=/"),
        ("pin", "0042"),
        ("pin", 1234),
        ("card_pin", 1234.0),
        ("cvv", 123),
        ("CVC2", "737"),
        ("otp", "493 028"),
        ("card_number", "4111-1111-1111-1112"),
        ("cardNumber", 4111111111111112),
        ("pan", "5105105105105"),
    ],
)
def test_a_value_under_a_secret_name_is_found(key: str, value: JsonValue) -> None:
    (finding,) = find_secrets({"outer": {key: value}})
    assert finding.pointer == f"/outer/{key}"
    assert finding.rule.startswith("named-")
    assert not finding.as_key


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("token_count", 1500),
        ("tokens", 1500),
        ("max_tokens", "4096"),
        ("tokenizer", "cl100k_base_v2"),
        ("token_type", "a1b2c3d4e5"),
        ("next_page_token", "a1b2c3d4e5"),
        ("continuationToken", "a1b2c3d4e5"),
        ("token", "ERC20"),
        ("secretary", "Maria Sommer"),
        ("secretariat", "Vienna"),
        ("secret_santa", "Maria Sommer"),
        ("secret_name", "db-credentials"),
        ("password_policy_url", "https://example.com/policy"),
        ("password_length", 12),
        ("password_reset_at", "2026-11-22"),
        ("password", True),
        ("password", False),
        ("password", None),
        ("password", ""),
        ("password", "   "),
        ("password", "********"),
        ("password", "•••••"),
        ("password", "XXXX"),
        ("password", "[REDACTED]"),
        ("password", "${DB_PASSWORD}"),
        ("password", "{{ vault.password }}"),
        ("password", "<your password>"),
        ("password", 12),
        ("password", -12345),
        ("password", 0.5),
        ("api_key", 7),
        ("api_key", 123456),
        ("api_key_id", "abc"),
        ("secret", False),
        ("public_key", fill(40)),
        ("primary_key", "customer_id"),
        ("key", "abc"),
        ("author", "Someone"),
        ("authorization", "approved"),
        ("authorization", "not required"),
        ("authorization", 12345678),
        ("boarding_pass", "a1b2c3d4e5"),
        ("pass", "true"),
        ("pin", 13),
        ("pin", "red"),
        ("pin", "Maria"),
        ("pin", True),
        ("pinned", 1234),
        ("shipping", 1234),
        ("spin", 1234),
        ("company", "5105105105105"),
        ("cvv", True),
        ("cvv_required", "yes"),
        ("card_number", 4),
        ("card_number", "**** **** **** 1111"),
        ("card_count", 123456789012345),
        ("discard_note", "123456789012"),
        ("", "hunter2"),
        ("\u00e9", "hunter2"),
    ],
)
def test_other_uses_of_the_word_and_empty_values_are_left_alone(key: str, value: JsonValue) -> None:
    assert find_secrets({"outer": {key: value}}) == ()


def pointers(args: JsonValue) -> set[str]:
    return {finding.pointer for finding in find_secrets(args)}


def test_a_list_goes_under_its_name() -> None:
    assert pointers({"passwords": ["a", "", ["b"]]}) == {"/passwords/0", "/passwords/2/0"}


def test_what_carries_the_value_goes_under_its_objects_name() -> None:
    args: JsonValue = {"password": {"value": "hunter2", "hint": "a number", "old": ["x"]}}
    assert pointers(args) == {"/password/value", "/password/old/0"}
    assert pointers({"user": {"value": "hunter2"}}) == set()


def test_a_value_goes_under_the_name_beside_it() -> None:
    args: JsonValue = {
        "env": [
            {"name": "DB_PASSWORD", "value": "correct horse"},
            {"key": "Pin", "value": 1234},
            {"name": "MODE", "value": "fast"},
            {"name": "DB_PASSWORD", "value": {"from": "elsewhere"}},
            {"name": 5, "value": "x"},
        ]
    }
    assert pointers(args) == {"/env/0/value", "/env/1/value"}


def test_a_value_with_two_names_is_one_finding() -> None:
    args: JsonValue = {"secret": {"name": "password", "value": "x"}}
    assert find_secrets(args) == (Finding("/secret/value", "named-secret"),)


def test_the_format_is_told_before_the_name() -> None:
    (finding,) = find_secrets({"password": "gh" + "p_" + fill(36)})
    assert finding.rule == "github"


def test_many_names_are_told_apart() -> None:
    args: JsonValue = {"apa": "x1", "password": "a", "pé": "x", "api_key": "b", "zz": "c"}
    assert pointers(args) == {"/password", "/api_key"}
    assert pointers({"a": "x", "password": "a"}) == {"/password"}
