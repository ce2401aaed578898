"""What holds of every document: planted secrets are found, nothing stops the search."""

from typing import Any

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from gateway.detect import find_secrets
from gateway.detect.linear import LinearPattern
from gateway.detect.rules import FORMAT_RULES, FormatRule
from gateway.places import TooManyPlacesError, get_at, pointer_to, replace_at
from signing.strict_json import JsonValue
from tests.gateway.detect_samples import EVERY_SAMPLE, SAMPLE_IDS, fill
from tests.gateway.test_places import DOCUMENTS, every_path

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=30)
ANY_DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(DOCUMENTS, st.sampled_from(EVERY_SAMPLE), st.data())
def test_a_planted_secret_is_found_at_its_place(
    document: Any, sample: tuple[str, str], data: st.DataObject
) -> None:
    rule, text = sample
    pointer = pointer_to(data.draw(st.sampled_from(every_path(document))))
    planted = replace_at(document, {pointer: text})
    assert (pointer, rule) in [(found.pointer, found.rule) for found in find_secrets(planted)]
    assert get_at(planted, pointer) == text


@given(DOCUMENTS, st.sampled_from(EVERY_SAMPLE), st.data())
def test_a_secret_planted_as_a_key_is_found_at_its_object(
    document: Any, sample: tuple[str, str], data: st.DataObject
) -> None:
    rule, text = sample
    pointer = pointer_to(data.draw(st.sampled_from(every_path(document))))
    planted = replace_at(document, {pointer: {text: 0, "other": 1}})
    keys = [found for found in find_secrets(planted) if found.as_key]
    assert [(found.pointer, found.rule) for found in keys] == [(pointer, rule)]


@given(ANY_DOCUMENTS)
def test_no_document_stops_the_search(document: Any) -> None:
    for finding in find_secrets(document):
        get_at(document, finding.pointer)


@given(DOCUMENTS)
def test_what_is_replaced_by_references_is_found_no_more(document: Any) -> None:
    args: JsonValue = {"in": document, "password": "hunter2"}
    values = {found.pointer for found in find_secrets(args) if not found.as_key}
    reference: JsonValue = {"$secret": "vault:m/p#f@1"}
    stripped = replace_at(args, dict.fromkeys(values, reference))
    assert not [found for found in find_secrets(stripped) if not found.as_key]


def test_depth_does_not_exhaust_the_stack() -> None:
    deep: JsonValue = {"password": "hunter2"}
    for _ in range(5000):
        deep = [deep]
    (finding,) = find_secrets(deep)
    assert finding.pointer == "/0" * 5000 + "/password"


def test_findings_beyond_all_measure_are_refused() -> None:
    with pytest.raises(TooManyPlacesError):
        find_secrets({"k" * 100_000: ["gh" + "p_" + fill(36)] * 100})


def test_the_engine_is_re2_which_takes_no_look_around() -> None:
    with pytest.raises(re2.error):
        LinearPattern(r"(?=a)b")
    with pytest.raises(re2.error):
        LinearPattern(r"(a)\1")


@pytest.mark.parametrize("rule", FORMAT_RULES, ids=lambda rule: rule.name)
def test_every_rule_compiles_in_re2(rule: FormatRule) -> None:
    assert re2.compile(rule.hint).groups == 0
    assert re2.compile(rule.pattern).groups <= 1


@pytest.mark.parametrize(("name", "text"), EVERY_SAMPLE, ids=SAMPLE_IDS)
def test_a_hint_stands_wherever_its_pattern_matches(name: str, text: str) -> None:
    (rule,) = [rule for rule in FORMAT_RULES if rule.name == name]
    assert LinearPattern(rule.pattern, ignore_case=rule.ignore_case).found_in(text.encode())
    assert LinearPattern(rule.hint, ignore_case=rule.ignore_case).found_in(text.encode())


@pytest.mark.parametrize(("name", "text"), EVERY_SAMPLE, ids=SAMPLE_IDS)
def test_no_pattern_reaches_over_the_nul_between_values(name: str, text: str) -> None:
    for rule in FORMAT_RULES:
        pattern = LinearPattern(rule.pattern, ignore_case=rule.ignore_case)
        for cut in range(len(text) + 1):
            torn = f"{text[:cut]}\x00{text[cut:]}".encode()
            span = pattern.next_in(torn, 0)
            assert span is None or b"\x00" not in torn[slice(*span)], (name, rule.name)
