"""The catalog document is read strictly, and every refusal names the task and the field."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing.catalog import (
    Catalog,
    TaskSpec,
    catalog_from_json,
    catalog_to_json,
    dump_catalog,
    is_queue_name,
    is_task_name,
    parse_catalog,
)
from signing.errors import CatalogError

CLOSED: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}


def entry(**changes: Any) -> dict[str, Any]:
    return {"name": "payments.capture", "queue": "fast", "schema": CLOSED} | changes


def read(*entries: Any) -> Catalog:
    return parse_catalog(json.dumps({"v": 1, "tasks": entries}).encode())


def test_a_task_that_says_little_gets_the_documented_defaults() -> None:
    spec = read(entry())["payments.capture"]
    assert (spec.max_attempts, spec.soft_time_limit, spec.time_limit) == (5, 600, 700)
    assert (spec.on_lost, spec.undeclared_secrets, spec.description) == ("rerun", "strip", "")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("queue", "Fast"),
        ("queue", ""),
        ("queue", "q" * 33),
        ("queue", "fast\n"),
        ("queue", 3),
        ("schema", []),
        ("schema", {"type": "object"}),
        ("schema", {"type": "array", "additionalProperties": False}),
        ("schema", {"type": "object", "additionalProperties": True}),
        ("schema", CLOSED | {"properties": []}),
        ("schema", CLOSED | {"$schema": "http://json-schema.org/draft-07/schema#"}),
        ("schema", CLOSED | {"properties": {"a": {"$ref": "file:///etc/passwd"}}}),
        ("schema", CLOSED | {"allOf": [{"$dynamicRef": "https://example.com/x"}]}),
        ("max_attempts", 0),
        ("max_attempts", 101),
        ("max_attempts", True),
        ("max_attempts", 2.5),
        ("max_attempts", "5"),
        ("soft_time_limit", 0),
        ("soft_time_limit", 700),
        ("soft_time_limit", None),
        ("time_limit", -1),
        ("time_limit", 600),
        ("on_lost", "drop"),
        ("on_lost", ["hold"]),
        ("undeclared_secrets", "keep"),
        ("description", None),
        ("colour", "red"),
    ],
)
def test_a_wrong_field_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(CatalogError, match=rf"task payments\.capture.*{field}") as caught:
        read(entry(**{field: value}))
    assert caught.value.code == "catalog_invalid"


@pytest.mark.parametrize("field", ["queue", "schema"])
def test_a_missing_field_is_refused_by_name(field: str) -> None:
    incomplete = entry()
    del incomplete[field]
    with pytest.raises(CatalogError, match=rf"task payments\.capture: {field} is missing"):
        read(incomplete)


@pytest.mark.parametrize(
    "name", ["", "Payments", "a..b", ".a", "a.", "a b", "a-b", "a\n", "é", "a" * 65, 3, None]
)
def test_a_wrong_name_is_refused_by_its_place(name: object) -> None:
    with pytest.raises(CatalogError, match=r"tasks\[1\]: name"):
        read(entry(), entry(name=name))


def test_a_wrong_name_is_refused_in_code_too() -> None:
    with pytest.raises(CatalogError, match="name must be lower case"):
        TaskSpec("No Name", "fast", CLOSED)


def test_a_name_may_be_64_characters_long() -> None:
    assert is_task_name("a" * 64)
    assert is_queue_name("q" * 32)


def test_one_name_twice_is_refused() -> None:
    with pytest.raises(CatalogError, match=r"payments\.capture: name is there twice"):
        read(entry(), entry(queue="slow"))


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ([], "object of v and tasks"),
        ({"v": 1}, "object of v and tasks"),
        ({"v": 1, "tasks": [], "more": 1}, "object of v and tasks"),
        ({"v": 2, "tasks": []}, "v must be 1"),
        ({"v": True, "tasks": []}, "v must be 1"),
        ({"v": 1, "tasks": {}}, "tasks must be an array"),
        ({"v": 1, "tasks": ["x"]}, r"tasks\[0\] must be an object"),
        ({"v": 1, "tasks": [{}]}, r"tasks\[0\]: name is missing"),
    ],
)
def test_another_document_is_refused(document: Any, says: str) -> None:
    with pytest.raises(CatalogError, match=says):
        catalog_from_json(document)


@pytest.mark.parametrize("data", [b"", b"{", b'{"v":1,"v":1,"tasks":[]}', b"\xff"])
def test_bytes_that_are_not_strict_json_are_refused(data: bytes) -> None:
    with pytest.raises(CatalogError, match="the catalog: ") as caught:
        parse_catalog(data)
    assert caught.value.__context__ is None


def test_a_schema_may_refer_to_its_own_definitions() -> None:
    schema = CLOSED | {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": True}}
    assert read(entry(schema=schema))["payments.capture"].schema == schema


def test_tasks_are_found_by_name_and_by_queue() -> None:
    catalog = read(entry(name="b", queue="slow"), entry(name="a"), entry(name="c"))
    assert list(catalog) == ["a", "b", "c"]
    assert len(catalog) == 3
    assert catalog.queues == {"fast", "slow"}
    assert [spec.name for spec in catalog.on_queues({"fast"})] == ["a", "c"]


def test_a_spec_cannot_be_changed_and_can_be_a_key() -> None:
    spec = TaskSpec("a", "fast", CLOSED)
    with pytest.raises(AttributeError):
        spec.queue = "slow"  # type: ignore[misc]
    assert {spec: 1}[TaskSpec("a", "fast", CLOSED)] == 1


names = st.from_regex(r"[a-z0-9_]{1,8}(\.[a-z0-9_]{1,8}){0,3}", fullmatch=True)
specs = st.builds(
    TaskSpec,
    name=names,
    queue=st.from_regex(r"[a-z0-9_-]{1,32}", fullmatch=True),
    schema=st.just(CLOSED),
    max_attempts=st.integers(1, 100),
    soft_time_limit=st.integers(1, 600),
    time_limit=st.integers(601, 10_000),
    on_lost=st.sampled_from(["rerun", "hold"]),
    undeclared_secrets=st.sampled_from(["strip", "refuse"]),
    description=st.text(st.characters(codec="utf-8")),
)


@given(st.lists(specs, unique_by=lambda spec: spec.name))
def test_what_is_written_is_read_back_and_written_the_same(tasks: list[TaskSpec]) -> None:
    catalog = Catalog(tasks)
    data = dump_catalog(catalog)
    assert parse_catalog(data) == catalog
    assert dump_catalog(Catalog(reversed(tasks))) == data
    assert catalog_from_json(catalog_to_json(catalog)) == catalog
