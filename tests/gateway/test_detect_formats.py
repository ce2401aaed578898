"""Secrets are found by their format, wherever they stand; what only looks alike is not."""

import json

import pytest

from gateway.detect import Finding, find_secrets
from gateway.detect.rules import FORMAT_RULES
from signing.strict_json import JsonValue
from tests.gateway.detect_samples import (
    ALNUM,
    CARDS,
    EVERY_SAMPLE,
    HEX,
    SAMPLE_IDS,
    SAMPLES,
    fill,
    jwt,
)


def rules(text: str) -> list[str]:
    return [finding.rule for finding in find_secrets({"note": text})]


def test_every_rule_has_a_sample() -> None:
    assert set(SAMPLES) == {rule.name for rule in FORMAT_RULES}
    assert len(SAMPLES) == len(FORMAT_RULES)


@pytest.mark.parametrize(("rule", "text"), EVERY_SAMPLE, ids=SAMPLE_IDS)
def test_a_secret_is_found_by_its_format(rule: str, text: str) -> None:
    assert find_secrets({"note": text}) == (Finding("/note", rule),)


@pytest.mark.parametrize(("rule", "text"), EVERY_SAMPLE, ids=SAMPLE_IDS)
def test_a_secret_is_found_in_the_middle_of_other_text(rule: str, text: str) -> None:
    assert rules(f"für Olé: {text} , danke") == [rule]
    assert rules(f"first line\n{text}\nlast line") == [rule]


@pytest.mark.parametrize(("rule", "text"), EVERY_SAMPLE, ids=SAMPLE_IDS)
def test_a_secret_is_found_beside_others_of_the_same_format(rule: str, text: str) -> None:
    args: JsonValue = {"a": ["", text, "é", text], "b": text, "c": "nothing"}
    found = {finding.pointer: finding.rule for finding in find_secrets(args)}
    assert found == {"/a/1": rule, "/a/3": rule, "/b": rule}


@pytest.mark.parametrize(("rule", "text"), EVERY_SAMPLE, ids=SAMPLE_IDS)
def test_a_secret_as_a_key_is_told_of_its_object(rule: str, text: str) -> None:
    args: JsonValue = [{"a": {text: 1, "b": 2}}]
    assert find_secrets(args) == (Finding("/0/a", rule, as_key=True),)


@pytest.mark.parametrize(("rule", "text"), EVERY_SAMPLE, ids=SAMPLE_IDS)
def test_a_finding_never_holds_the_secret(rule: str, text: str) -> None:
    found = find_secrets({"note": text, "more": {text: text}})
    assert found
    assert rule in repr(found)
    assert text not in repr(found[0])


def test_a_secret_as_the_whole_of_the_arguments_is_found() -> None:
    assert find_secrets(jwt()) == (Finding("", "json-web-token"),)


def test_several_secret_keys_of_one_object_are_one_finding() -> None:
    args: JsonValue = {"x": {CARDS[0]: 1, CARDS[1]: 2}}
    assert find_secrets(args) == (Finding("/x", "card-number", as_key=True),)


def test_a_key_and_its_value_are_told_apart() -> None:
    args: JsonValue = {"x": {CARDS[0]: CARDS[1]}}
    assert set(find_secrets(args)) == {
        Finding("/x", "card-number", as_key=True),
        Finding(f"/x/{CARDS[0]}", "card-number"),
    }


@pytest.mark.parametrize("card", CARDS)
def test_a_card_number_written_as_a_number_is_found(card: str) -> None:
    assert find_secrets({"n": int(card)}) == (Finding("/n", "card-number"),)
    assert find_secrets({"n": float(card)}) == (Finding("/n", "card-number"),)


def test_a_card_is_found_behind_a_number_that_is_none() -> None:
    wrong = CARDS[0][:-1] + "2"
    assert rules(wrong) == []
    assert rules(f"{wrong} {CARDS[0]}") == ["card-number"]
    found = find_secrets({"a": [wrong, CARDS[0]]})
    assert found == (Finding("/a/1", "card-number"),)


def test_a_secret_torn_over_two_values_is_none() -> None:
    card = CARDS[0]
    assert find_secrets([card[:8], card[8:]]) == ()
    assert find_secrets({card[:8]: card[8:]}) == ()


def test_a_nul_in_a_value_hides_nothing_and_moves_nothing() -> None:
    args: JsonValue = ["\x00\x00", f"\x00{CARDS[0]}\x00", "x"]
    assert find_secrets(args) == (Finding("/1", "card-number"),)


def test_a_lone_surrogate_neither_stops_nor_moves_the_search() -> None:
    args: JsonValue = {"\ud800": ["\udfff\ud800", CARDS[0]]}
    assert [finding.rule for finding in find_secrets(args)] == ["card-number"]
    assert find_secrets(["\ud800", CARDS[0]])[0].pointer == "/1"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Please deliver before noon",
        "task-force-one-two-three-four-five-six-seven",
        "sk-fading-circle sk-cube-grid",
        "https://example.com/path?page=2#part",
        "https://user@example.com/",
        "http://[::1]:8080/a@b",
        "https://user:${PASSWORD}@example.com",
        "https://user:****@example.com",
        "mailto:someone@example.com",
        "2026-11-22T16:32:31Z",
        "123e4567-e89b-12d3-a456-426614174000",
        "41111111-1111-1111-1111-111111111111",
        "4111.1111.1111.1111",
        "0.4111111111111111",
        "+4915112345678",
        "1732293151000",
        "4006381333931",
        "4111 1111 1111",
        "DE89370400440532013000",
        "-----BEGIN CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA user@host",
        "the secret of success: patience",
        "password: please choose a new one",
        "password=<your password>",
        "password: required",
        "Forgot your password? Reset it here",
        "bearer of good news",
        "basic understanding",
        "xoxo, your grandmother",
        "SKU12345678",
        "SKILLS and SG.",
        "eyJ is how they begin",
        "e.g. s.th. like s.abcdefghijklmnopqrstuvw",
        "gh" + "p_short",
        "npm_config_registry",
        "AKIA is a prefix",
        "AGFzbQEAAAABJw/EAAA" + "B" * 60 + "/EAAC" + "B" * 90 + "==",
        "this.s." + fill(24),
        "a" * 5000,
        fill(64, HEX),
        "sha256:" + fill(64, HEX),
    ],
)
def test_what_only_looks_alike_is_left_alone(text: str) -> None:
    assert find_secrets({"note": text, "list": [text], "keys": {text: 1}}) == ()


def test_a_usual_order_is_left_alone() -> None:
    order: JsonValue = {
        "invoice": "INV-2026-00017",
        "amount": 12950,
        "customer": {"id": "c_81723", "email": "maria@example.org", "zip": "8010"},
        "lines": [{"sku": "A-100", "key": "A", "quantity": 3, "code": "XK-2"}],
        "author": "Someone Else",
        "created": "2026-11-22T16:32:31Z",
        "callback": "https://partner.example/hooks/done?id=17",
        "checksum": fill(64, HEX),
        "weights": [0.25, -4, 1e300, None, True, 10**40],
    }
    assert find_secrets(order) == ()


def test_a_reference_is_not_looked_into() -> None:
    text = SAMPLES["github"][0]
    assert find_secrets({"password": {"$secret": text}}) == ()
    assert find_secrets({"$secret": text}) == ()
    beside = find_secrets({"a": {"$secret": text, "more": 1}})
    assert beside == (Finding("/a/$secret", "github"),)


def test_a_document_in_a_string_is_searched() -> None:
    inner = json.dumps({"user": "x", "pass" + "word": "hunter" + fill(4, ALNUM)})
    assert rules(inner) == ["assigned-secret"]
    assert rules(json.dumps({"body": inner})) == ["assigned-secret"]
