"""Argument schemas: problems without values, secret places, nothing fetched."""

import pytest

from gateway.places import TooManyPlacesError
from gateway.schema import MAX_PROBLEMS, ArgumentSchema, SchemaProblem
from signing.errors import CatalogError
from signing.strict_json import JsonValue

SECRET: dict[str, JsonValue] = {"x-secret": True}
SECRET_TEXT: JsonValue = {
    "x-secret": True,
    "writeOnly": True,
    "anyOf": [
        {"type": "string"},
        {
            "type": "object",
            "properties": {"$secret": {"type": "string"}},
            "required": ["$secret"],
            "additionalProperties": False,
        },
    ],
}


def compiled(schema: JsonValue) -> ArgumentSchema:
    return ArgumentSchema.compile(schema)


def test_arguments_that_keep_to_the_schema_have_no_problems() -> None:
    schema = compiled({"type": "object", "properties": {"n": {"type": "integer"}}})
    assert schema.problems({"n": 1}) == ()
    assert compiled(True).problems({"anything": 1}) == ()


def test_a_problem_names_place_rule_and_schema_place() -> None:
    schema = compiled({"properties": {"a/b": {"items": {"$ref": "#/$defs/n~m"}}},
                       "$defs": {"n~m": {"type": "integer"}}})  # fmt: skip
    assert schema.problems({"a/b": [1, "x"]}) == (
        SchemaProblem("/a~1b/1", "type", "/$defs/n~0m/type"),
    )


def test_a_missing_member_is_named_by_its_own_place() -> None:
    schema = compiled({"properties": {"card": {"required": ["number"]}}})
    assert schema.problems({"card": {}}) == (
        SchemaProblem("/card/number", "required", "/properties/card/required"),
    )


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"p": {"type": "integer"}}},
        {"properties": {"p": {"const": 1}}},
        {"properties": {"p": {"enum": [1, 2]}}},
        {"properties": {"p": {"pattern": "^x$"}}},
        {"properties": {"p": {"maxLength": 2}}},
        {"properties": {"p": {"format": "email"}}},
        {"properties": {"p": {"not": {"type": "string"}}}},
        {"properties": {"p": {"anyOf": [{"type": "null"}, {"maxLength": 1}]}}},
        {"properties": {"p": False}},
        {"additionalProperties": False},
        {"propertyNames": {"maxLength": 0}},
    ],
)
def test_a_problem_never_holds_a_value(schema: JsonValue) -> None:
    problems = compiled(schema).problems({"p": "hunter2-value"})
    assert problems
    assert "hunter2" not in repr(problems)


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ("date-time", "yesterday"),
        ("date", "2026-13-01"),
        ("email", "nobody"),
        ("uuid", "1234"),
        ("ipv4", "256.1.1.1"),
        ("uri", "::"),
        ("json-pointer", "a"),
    ],
)
def test_formats_are_validated(form: str, value: str) -> None:
    (problem,) = compiled({"properties": {"f": {"format": form}}}).problems({"f": value})
    assert (problem.pointer, problem.rule) == ("/f", "format")


def test_the_number_of_problems_is_bounded() -> None:
    schema = compiled({"items": {"type": "integer"}})
    assert len(schema.problems(["x"] * 1000)) == MAX_PROBLEMS


def test_a_pattern_that_backtracks_without_end_is_a_problem_and_not_a_stop() -> None:
    schema = compiled({"pattern": r"^(?=(a+)+$)(a+)+b\1$"})
    (problem,) = schema.problems("a" * 5000)
    assert problem.rule == "pattern"


def test_look_around_as_pydantic_writes_it_for_decimals_works() -> None:
    schema = compiled({"pattern": r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$"})
    assert schema.problems("12.50") == ()
    assert schema.problems("+.") != ()


@pytest.mark.parametrize(
    ("schema", "args", "places"),
    [
        ({"properties": {"a": SECRET, "b": {}}}, {"a": 1, "b": 2}, ("/a",)),
        ({"properties": {"a": {"writeOnly": True}}}, {"a": 1}, ("/a",)),
        ({"properties": {"a": {"$ref": "#/$defs/s"}}, "$defs": {"s": SECRET_TEXT}},
         {"a": "x"}, ("/a",)),
        ({"properties": {"a": SECRET_TEXT}}, {"a": {"$secret": "vault:m/p#f@1"}}, ("/a",)),
        ({"properties": {"a": {"$ref": "#/$defs/t", "x-secret": True}}, "$defs": {"t": {}}},
         {"a": 1}, ("/a",)),
        ({"properties": {"a": {"anyOf": [{"type": "string"}, {"type": "string", **SECRET}]}}},
         {"a": "x"}, ("/a",)),
        ({"properties": {"a": {"oneOf": [{"type": "string", **SECRET}, {"type": "integer"}]}}},
         {"a": 1}, ()),
        ({"properties": {"a": {"allOf": [{"type": "string"}, SECRET]}}}, {"a": "x"}, ("/a",)),
        ({"items": SECRET}, [1, 2], ("/0", "/1")),
        ({"prefixItems": [SECRET], "unevaluatedItems": {"writeOnly": True}}, [1, 2], ("/0", "/1")),
        ({"additionalProperties": SECRET}, {"~/": 1, "": 2}, ("/~0~1", "/")),
        ({"patternProperties": {"^s": SECRET}}, {"s1": 1, "t": 2}, ("/s1",)),
        ({"if": {"required": ["k"]}, "then": {"properties": {"v": SECRET}}}, {"k": 1, "v": 2},
         ("/v",)),
        ({"$defs": {"n": {"properties": {"k": SECRET, "c": {"$ref": "#/$defs/n"}}}},
          "$ref": "#/$defs/n"}, {"k": 1, "c": {"k": 2}}, ("/k", "/c/k")),
        ({"$id": "https://tasks.example/root", "properties": {"a": {"$ref": "other"}},
          "$defs": {"o": {"$id": "other", "writeOnly": True}}}, {"a": 1}, ("/a",)),
        ({"properties": {"a": {"properties": {"b": SECRET}, **SECRET}}}, {"a": {"b": 1}}, ("/a",)),
        ({"x-secret": True}, {"a": 1}, ("",)),
        ({"properties": {"a": SECRET}}, {"b": 1}, ()),
        ({"properties": {"a": {"x-secret": False, "writeOnly": False}}}, {"a": 1}, ()),
        ({"properties": {"a": {"x-secret": "true"}}}, {"a": 1}, ()),
        (True, {"a": 1}, ()),
    ],
)  # fmt: skip
def test_declared_places_are_given(
    schema: JsonValue, args: JsonValue, places: tuple[str, ...]
) -> None:
    assert set(compiled(schema).secret_places(args)) == set(places)


def test_arguments_that_break_the_schema_have_no_answer_on_secret_places() -> None:
    schema = compiled({"properties": {"a": {"type": "string", "x-secret": True}}})
    with pytest.raises(ValueError, match="break the schema"):
        schema.secret_places({"a": 5})


def test_more_secret_places_than_can_be_listed_are_refused() -> None:
    schema = compiled({"additionalProperties": {"items": SECRET}})
    assert len(schema.secret_places({"k": [1] * 1000})) == 1000
    with pytest.raises(TooManyPlacesError):
        schema.secret_places({"k" * 10_000: [1] * 100})


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "file:///etc/passwd"},
        {"$ref": "https://example.com/schema.json"},
        {"$ref": "other.json"},
        {"properties": {"a": {"$id": "https://example.com/a/", "$ref": "b"}}},
        {"$ref": "#/nowhere"},
        {"type": "nonsense"},
        {"properties": []},
        {"pattern": "("},
        {"writeOnly": "yes"},
        {"$schema": "http://json-schema.org/draft-07/schema#"},
        {"$schema": "https://example.com/own"},
        {"$schema": 5},
        [],
        None,
        "{}",
        1,
    ],
)
def test_a_schema_that_is_wrong_or_refers_outside_is_refused(schema: JsonValue) -> None:
    with pytest.raises(CatalogError):
        compiled(schema)


def test_the_refusal_names_the_place_in_the_schema() -> None:
    with pytest.raises(CatalogError, match="/properties/a/type"):
        compiled({"properties": {"a": {"type": "nonsense"}}})


def test_the_dialect_may_be_named_and_the_metaschema_referred_to() -> None:
    dialect = "https://json-schema.org/draft/2020-12/schema"
    assert compiled({"$schema": dialect, "$ref": dialect}).problems({"type": 5}) != ()
