"""Argument schemas: JSON Schema 2020-12, compiled once, that say where and never what.

The one place that knows jsonschema-rs. Nothing is fetched: a `$ref` leads into the schema itself
or to the standard's own metaschemas, or the schema is refused.
"""

from dataclasses import dataclass
from itertools import islice
from typing import NoReturn

import jsonschema_rs

from gateway.places import (
    MAX_POINTER_CHARACTERS,
    TooManyPlacesError,
    outermost,
    pointer_to,
)
from signing.catalog import DIALECT
from signing.errors import CatalogError
from signing.strict_json import JsonValue

SECRET_KEYWORDS = ("writeOnly", "x-secret")
MAX_PROBLEMS = 50
_BACKTRACKING_STEPS = 20_000  # of a pattern with look-around; others are matched in linear time


@dataclass(frozen=True, slots=True)
class SchemaProblem:
    """One way in which arguments break the schema.

    Attributes:
        pointer: the place in the arguments; for `required`, the place of the missing member.
        rule: the schema's keyword.
        schema_pointer: that keyword's place in the schema.
    """

    pointer: str
    rule: str
    schema_pointer: str


class ArgumentSchema:
    """The schema of one task's arguments."""

    __slots__ = ("_declares_secrets", "_validator")

    def __init__(self, validator: jsonschema_rs.Draft202012Validator, declares: bool) -> None:
        self._validator = validator
        self._declares_secrets = declares

    @classmethod
    def compile(cls, schema: JsonValue) -> "ArgumentSchema":
        """Check a schema against the metaschema and compile it.

        Raises:
            CatalogError: where it is no schema of this dialect, or refers outside of itself.
        """
        if not isinstance(schema, dict | bool):
            raise CatalogError("an argument schema is an object or a boolean")
        if isinstance(schema, dict) and schema.get("$schema", DIALECT) not in (
            DIALECT,
            DIALECT + "#",
        ):
            raise CatalogError("the argument schema is not of JSON Schema 2020-12")
        try:
            validator = jsonschema_rs.Draft202012Validator(
                schema,
                validate_formats=True,
                retriever=_refuse,
                mask="",
                pattern_options=jsonschema_rs.FancyRegexOptions(
                    backtrack_limit=_BACKTRACKING_STEPS
                ),
            )
        except jsonschema_rs.ValidationError as error:
            place = pointer_to(error.instance_path) or "its root"
            raise CatalogError(f"the argument schema is not usable at {place}") from None
        return cls(validator, _declares_secrets(schema))

    def problems(self, args: JsonValue) -> tuple[SchemaProblem, ...]:
        """Say how the arguments break the schema, at most 50 ways; empty if they keep to it."""
        if self._validator.is_valid(args):
            return ()
        errors = islice(self._validator.iter_errors(args), MAX_PROBLEMS)
        return tuple(_problem(error) for error in errors)

    def secret_places(self, args: JsonValue) -> tuple[str, ...]:
        """Give the places that the schema declares secret, the outermost where they nest.

        The schema declares with `writeOnly: true` or `x-secret: true`, also through `$ref`,
        combinations, items and additional properties, as far as these apply to the arguments.

        Raises:
            ValueError: where the arguments break the schema, as then it declares nothing.
            TooManyPlacesError: where the pointers are together too long.
        """
        if not self._declares_secrets:
            return ()
        evaluation = self._validator.evaluate(args)
        if not evaluation.valid:
            raise ValueError("secret places are asked of arguments that break the schema")
        places = {
            entry["instanceLocation"]
            for entry in evaluation.annotations()
            if _says_secret(entry["annotations"])
        }
        if sum(map(len, places)) > MAX_POINTER_CHARACTERS:
            raise TooManyPlacesError("the arguments hold more secrets than can be listed")
        return outermost(sorted(places))


def _refuse(_uri: str) -> NoReturn:
    raise CatalogError("an argument schema may not refer outside of itself")


def _problem(error: jsonschema_rs.ValidationError) -> SchemaProblem:
    steps = list(error.instance_path)
    if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Required):
        steps.append(error.kind.property)
    return SchemaProblem(pointer_to(steps), error.kind.name, pointer_to(error.schema_path))


def _says_secret(annotations: object) -> bool:
    return isinstance(annotations, dict) and any(
        annotations.get(keyword) is True for keyword in SECRET_KEYWORDS
    )


def _declares_secrets(schema: JsonValue) -> bool:
    waiting: list[JsonValue] = [schema]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if _says_secret(value):
                return True
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return False
