"""JSON Pointers, replacing without mutation, and the search for secret references."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.places import (
    FoundReference,
    PlaceError,
    PointerWriter,
    TooManyPlacesError,
    find_references,
    get_at,
    is_within,
    outermost,
    pointer_to,
    replace_at,
)
from signing.strict_json import JsonValue

SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
KEYS = st.text(alphabet="ab/~01$é ", max_size=4)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


def every_path(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    paths = [path]
    if isinstance(value, dict):
        paths += [found for key in value for found in every_path(value[key], (*path, key))]
    if isinstance(value, list):
        paths += [f for i, item in enumerate(value) for f in every_path(item, (*path, i))]
    return paths


# RFC 6901, section 5
RFC_DOCUMENT: JsonValue = {
    "foo": ["bar", "baz"],
    "": 0,
    "a/b": 1,
    "c%d": 2,
    "e^f": 3,
    "g|h": 4,
    "i\\j": 5,
    'k"l': 6,
    " ": 7,
    "m~n": 8,
}


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("", RFC_DOCUMENT),
        ("/foo", ["bar", "baz"]),
        ("/foo/0", "bar"),
        ("/", 0),
        ("/a~1b", 1),
        ("/c%d", 2),
        ("/e^f", 3),
        ("/g|h", 4),
        ("/i\\j", 5),
        ('/k"l', 6),
        ("/ ", 7),
        ("/m~0n", 8),
    ],
)
def test_the_standards_examples_are_read(pointer: str, value: JsonValue) -> None:
    assert get_at(RFC_DOCUMENT, pointer) == value


def test_tilde_one_after_a_tilde_is_unescaped_in_the_standards_order() -> None:
    assert get_at({"~1": "right", "/": "wrong"}, "/~01") == "right"
    assert pointer_to(["~1", "/", 0]) == "/~01/~1/0"


@pytest.mark.parametrize(
    "pointer",
    ["foo", "/none", "/foo/2", "/foo/-", "/foo/-1", "/foo/00", "/foo/1x", "/foo/ 1", "/foo/\u0661",
     "/foo/" + "9" * 5000, "/foo/", "/foo/0/0", "/ /x"],
)  # fmt: skip
def test_a_place_that_is_not_there_is_refused_without_naming_it(pointer: str) -> None:
    with pytest.raises(PlaceError) as caught:
        get_at(RFC_DOCUMENT, pointer)
    assert "none" not in str(caught.value)
    with pytest.raises(PlaceError):
        replace_at(RFC_DOCUMENT, {pointer: 1})


def test_replacing_leaves_the_input_alone_and_shares_what_does_not_change() -> None:
    args: JsonValue = {"a": [1, {"b": "old"}], "c": {"d": 2}}
    before = copy.deepcopy(args)
    result = replace_at(args, {"/a/1/b": "new", "/a/0": None})
    assert result == {"a": [None, {"b": "new"}], "c": {"d": 2}}
    assert args == before
    assert get_at(result, "/c") is get_at(args, "/c")


def test_replacing_nothing_gives_the_same_document() -> None:
    args: JsonValue = {"a": 1}
    assert replace_at(args, {}) is args
    assert replace_at(7, {}) == 7


def test_the_whole_document_can_be_replaced() -> None:
    assert replace_at({"a": 1}, {"": "all"}) == "all"


@pytest.mark.parametrize(("outer", "inner"), [("", "/a"), ("/a", "/a/0"), ("/a", "/a/")])
def test_a_replacement_inside_another_is_refused(outer: str, inner: str) -> None:
    args: JsonValue = {"a": {"0": 1, "": 2}}
    with pytest.raises(PlaceError):
        replace_at(args, {inner: 1, outer: 2})


def test_siblings_with_a_common_beginning_are_not_inside_one_another() -> None:
    assert outermost(["/a", "/a-b", "/ab/c", "/a/x"]) == ("/a", "/a-b", "/ab/c")
    assert outermost(["/b", "/a", "/b"]) == ("/b", "/a")
    assert outermost([]) == ()


def test_a_place_is_within_itself_and_what_holds_it() -> None:
    places = {"/a/0", "/b~1c"}
    assert is_within("/a/0", places)
    assert is_within("/a/0/x/y", places)
    assert is_within("/b~1c/", places)
    assert not is_within("/a", places)
    assert not is_within("/a/01", places)
    assert not is_within("/b", places)
    assert not is_within("", places)
    assert is_within("", {""})
    assert is_within("/any/where", {""})


@given(DOCUMENTS, st.data())
def test_what_was_replaced_is_what_is_read(document: Any, data: st.DataObject) -> None:
    before = copy.deepcopy(document)
    paths = data.draw(st.lists(st.sampled_from(every_path(document)), max_size=4))
    chosen = outermost(pointer_to(path) for path in paths)
    marks: dict[str, JsonValue] = {pointer: f"new {n}" for n, pointer in enumerate(chosen)}
    result = replace_at(document, marks)
    assert all(get_at(result, pointer) == mark for pointer, mark in marks.items())
    assert document == before
    back = replace_at(result, {pointer: get_at(document, pointer) for pointer in chosen})
    assert back == document


@given(DOCUMENTS, st.data())
def test_a_pointer_reads_what_its_steps_lead_to(document: Any, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(every_path(document)))
    value = document
    for step in path:
        value = value[step]
    assert get_at(document, pointer_to(path)) is value


def test_every_object_with_the_reference_key_is_found() -> None:
    args: JsonValue = {
        "good": {"$secret": "vault:m/p#f@1"},
        "list": [0, {"$secret": "x"}],
        "beside": {"$secret": "x", "more": {"$secret": "inner"}},
        "number": {"$secret": 5},
        "nested": {"$secret": {"$secret": "y"}},
        "no": {"secret": "x", "$Secret": "x"},
    }
    found = {place.pointer: place.text for place in find_references(args)}
    assert found == {
        "/good": "vault:m/p#f@1",
        "/list/1": "x",
        "/beside": None,
        "/beside/more": "inner",
        "/number": None,
        "/nested": None,
        "/nested/$secret": "y",
    }


def test_a_reference_as_the_whole_document_is_found() -> None:
    assert find_references({"$secret": "x"}) == (FoundReference("", "x"),)
    assert find_references("$secret") == ()


def test_depth_does_not_exhaust_the_stack() -> None:
    deep: JsonValue = {"$secret": "x"}
    for _ in range(5000):
        deep = [deep]
    (found,) = find_references(deep)
    assert found.pointer == "/0" * 5000
    assert get_at(replace_at(deep, {found.pointer: "y"}), found.pointer) == "y"


def test_pointers_beyond_all_measure_are_refused() -> None:
    args: JsonValue = {"k" * 100_000: [{"$secret": "x"} for _ in range(100)]}
    with pytest.raises(TooManyPlacesError) as caught:
        find_references(args)
    assert caught.value.code == "too_large"


def test_a_writer_counts_its_pointers_together() -> None:
    writer = PointerWriter(limit=8)
    assert writer.write((None, "a")) == "/a"
    assert writer.write(((None, "a"), 1)) == "/a/1"
    with pytest.raises(TooManyPlacesError):
        writer.write(None)
