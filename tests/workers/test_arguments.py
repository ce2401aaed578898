"""Arguments are bound by their declared types, and a refusal never holds a value."""

import json
import traceback
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field
from pydantic_core import PydanticCustomError, core_schema

from workers import Secret
from workers.arguments import MAX_PROBLEMS, Arguments, arguments_of
from workers.errors import ArgumentProblem, ArgumentsInvalid

CANARY = "canary-7f3a"


class Colour(Enum):
    RED = "red"


class Address(BaseModel):
    """Where to."""

    city: str
    number: int = 1
    pin: Secret[str] | None = None


def sample(
    count: Annotated[int, Field(gt=0)],
    token: Secret[Annotated[str, Field(max_length=20)]],
    kind: Literal["a", "b"] = "a",
    address: Address | None = None,
    labels: dict[str, str] = {},  # noqa: B006  # pydantic copies it for every job
    *,
    ratio: float = 0.5,
    tokens: dict[str, Secret[str]] | None = None,
) -> None: ...


def bound(function: Callable[..., object], **args: Any) -> dict[str, Any]:
    return arguments_of(function, "shop.task").bind(args)


def refused(args: dict[str, Any], function: Callable[..., object] = sample) -> set[tuple[str, str]]:
    with pytest.raises(ArgumentsInvalid) as caught:
        arguments_of(function, "shop.task").bind(args)
    error = caught.value
    assert CANARY not in "".join(traceback.format_exception(error))
    assert error.__context__ is None
    assert error.message.startswith("the arguments do not fit shop.task: ")
    return {(item.pointer, item.rule) for item in error.problems}


@pytest.fixture
def arguments() -> Arguments:
    return arguments_of(sample, "shop.task")


def test_the_schema_is_closed_and_names_what_is_required(arguments: Arguments) -> None:
    schema = arguments.schema
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["count", "token"]
    assert "title" not in schema
    properties = schema["properties"]
    assert isinstance(properties, dict)
    assert properties["count"] == {"exclusiveMinimum": 0, "type": "integer"}
    assert properties["kind"] == {"enum": ["a", "b"], "type": "string", "default": "a"}
    jsonschema_rs.meta.validate(schema)


def test_every_place_of_a_secret_is_declared_in_the_schema(arguments: Arguments) -> None:
    validator = jsonschema_rs.Draft202012Validator(arguments.schema)
    args = {
        "count": 1,
        "token": "t",
        "address": {"city": "Bern", "pin": "1234"},
        "tokens": {"a": "x"},
    }
    annotations = validator.evaluate(args).annotations()
    places = {
        item["instanceLocation"]
        for item in annotations
        if isinstance(item["annotations"], dict) and item["annotations"].get("x-secret") is True
    }
    assert places == {"/token", "/address/pin", "/tokens/a"}
    reference = {"$secret": "vault:m/p#f@1"}
    assert validator.is_valid({"count": 1, "token": reference})
    assert not validator.is_valid({"count": 1, "token": reference | {"more": 1}})


def test_binding_gives_typed_values_and_defaults(arguments: Arguments) -> None:
    args = arguments.bind({"count": 2, "token": CANARY, "address": {"city": "Bern"}})
    assert args["count"] == 2
    assert isinstance(args["token"], Secret)
    assert args["token"].reveal() == CANARY
    assert args["address"] == Address(city="Bern", number=1)
    assert (args["kind"], args["labels"], args["ratio"], args["tokens"]) == ("a", {}, 0.5, None)
    sample(**args)


def test_a_default_is_not_shared_between_jobs(arguments: Arguments) -> None:
    arguments.bind({"count": 1, "token": "t"})["labels"]["a"] = "b"
    assert arguments.bind({"count": 1, "token": "t"})["labels"] == {}


def test_json_is_taken_strictly_but_types_without_json_form_are_read_from_text() -> None:
    def typed(at: datetime, price: Decimal, colour: Colour, pair: tuple[int, str]) -> None: ...

    args = bound(typed, at="2026-11-22T10:00:00Z", price="1.50", colour="red", pair=[1, "x"])
    assert args["at"] == datetime.fromisoformat("2026-11-22T10:00:00+00:00")
    assert (args["price"], args["colour"], args["pair"]) == (Decimal("1.50"), Colour.RED, (1, "x"))
    assert refused({"number": "1"}, lambda_int) == {("/number", "int_type")}
    assert refused({"number": True}, lambda_int) == {("/number", "int_type")}


def lambda_int(number: int) -> None: ...


def test_a_nested_type_is_strict_too() -> None:
    wrong = {"count": 1, "token": "t", "address": {"city": "Bern", "number": "1"}}
    assert refused(wrong) == {("/address/number", "int_type")}


def test_a_whole_number_is_an_integer_however_it_was_written() -> None:
    def nested(number: int, items: list[dict[str, Any]]) -> None: ...

    args = bound(nested, number=2.0, items=[{"a": 3.0, "b": 1.5, "c": 1e300}])
    assert json.dumps(args) == '{"number": 2, "items": [{"a": 3, "b": 1.5, "c": 1e+300}]}'
    assert refused({"number": 2.5}, lambda_int) == {("/number", "int_type")}


def test_parameters_may_have_names_that_a_model_could_not() -> None:
    def awkward(json: int, _id: int, model_config: int, self: int, p0: int, copy: int = 1) -> None:
        """Take names that pydantic keeps for itself."""

    args: dict[str, Any] = {"json": 1, "_id": 2, "model_config": 3, "self": 4, "p0": 5}
    assert bound(awkward, **args) == args | {"copy": 1}
    assert refused(args | {"p1": 1}, awkward) == {("/*", "extra_forbidden")}


def test_a_function_may_take_nothing() -> None:
    assert bound(lambda: None) == {}
    assert refused({"a": 1}, lambda: None) == {("/*", "extra_forbidden")}


@pytest.mark.parametrize(
    ("args", "problems"),
    [
        ({}, {("/count", "missing"), ("/token", "missing")}),
        ({"count": 0, "token": "t"}, {("/count", "greater_than")}),
        ({"count": 1, "token": CANARY * 3}, {("/token", "string_too_long")}),
        ({"count": 1, "token": {"$secret": CANARY}}, {("/token", "string_type")}),
        ({"count": 1, "token": "t", "kind": CANARY}, {("/kind", "literal_error")}),
        ({"count": 1, "token": "t", CANARY: CANARY}, {("/*", "extra_forbidden")}),
        ({"count": 1, "token": "t", "labels": {CANARY: 1}}, {("/labels/*", "string_type")}),
        ({"count": 1, "token": "t", "tokens": {CANARY: 1}}, {("/tokens/*", "string_type")}),
        ({"count": 1, "token": "t", "address": {}}, {("/address/city", "missing")}),
        ({"count": 1, "token": "t", "address": CANARY}, {("/address", "model_type")}),
    ],
)
def test_a_refusal_names_places_and_rules_alone(
    args: dict[str, Any], problems: set[tuple[str, str]]
) -> None:
    assert refused(args) == problems


def test_a_place_in_an_array_and_in_a_union_is_the_place_in_the_arguments() -> None:
    def task(items: list[int | list[bool]]) -> None: ...

    assert refused({"items": [1, CANARY]}, task) == {
        ("/items/1", "int_type"),
        ("/items/1", "list_type"),
    }
    assert refused({"items": [[True, CANARY]]}, task) == {
        ("/items/0", "int_type"),
        ("/items/0/1", "bool_type"),
    }


def test_a_pointer_is_escaped() -> None:
    def task(a: Annotated[int, Field(alias="unused")], b: Address) -> None: ...

    class Odd(BaseModel):
        x: int = Field(alias="a/b~c")

    def odd(value: Odd) -> None: ...

    assert refused({"value": {"a/b~c": "1"}}, odd) == {("/value/a~1b~0c", "int_type")}
    assert refused({"a": 1, "b": {}}, task) == {("/b/city", "missing")}


class Shouting:
    """A type whose own messages hold the value."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: Any) -> Any:
        return core_schema.no_info_after_validator_function(cls._read, core_schema.str_schema())

    @staticmethod
    def _read(text: str) -> str:
        if text == "custom":
            raise PydanticCustomError("not_shouting", "got {text}", {"text": CANARY})
        raise ValueError(CANARY)


def test_a_rule_of_an_authors_own_type_is_named_and_its_message_is_not_shown() -> None:
    def task(word: Shouting) -> None: ...

    assert refused({"word": "custom"}, task) == {("/word", "not_shouting")}
    assert refused({"word": "other"}, task) == {("/word", "value_error")}


def test_the_list_of_problems_is_bounded() -> None:
    def task(items: list[int]) -> None: ...

    assert len(refused({"items": [CANARY] * 1_000}, task)) == MAX_PROBLEMS


@pytest.mark.parametrize("value", [float("nan"), "\ud800" + CANARY])
def test_what_json_cannot_write_is_refused_as_a_whole(value: Any) -> None:
    assert refused({"count": 1, "token": value}) == {("", "json_invalid")}


def test_a_refusal_has_a_code_and_a_sentence() -> None:
    error = ArgumentsInvalid("shop.task", [ArgumentProblem("", "json_invalid")])
    assert str(error) == "the arguments do not fit shop.task: (root): json_invalid"
    assert error.code == "arguments_invalid"


texts = st.text(st.characters(codec="utf-8"))
integers = st.integers(-(2**53) + 1, 2**53 - 1)
json_values = st.recursive(
    st.none() | st.booleans() | integers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def everything(
    a: int, b: str, c: bool, d: list[str], e: dict[str, int], f: Any, g: float, h: int | None
) -> None: ...


EVERYTHING = arguments_of(everything, "shop.everything")


@given(
    st.fixed_dictionaries(
        {
            "a": integers,
            "b": texts,
            "c": st.booleans(),
            "d": st.lists(texts),
            "e": st.dictionaries(texts, integers),
            "f": json_values,
            "g": st.floats(allow_nan=False, allow_infinity=False),
            "h": st.none() | integers,
        }
    )
)
def test_what_fits_its_types_comes_back_as_it_was(args: dict[str, Any]) -> None:
    assert jsonschema_rs.is_valid(EVERYTHING.schema, args)
    assert EVERYTHING.bind(args) == args


@given(st.dictionaries(st.sampled_from("abcdefghi"), json_values))
def test_binding_takes_what_the_schema_takes_and_nothing_else(args: dict[str, Any]) -> None:
    try:
        EVERYTHING.bind(args)
    except ArgumentsInvalid:
        fits = False
    else:
        fits = True
    assert fits == jsonschema_rs.is_valid(EVERYTHING.schema, args)
