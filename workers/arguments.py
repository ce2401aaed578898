"""A function's signature as the one type of its job's arguments: its JSON Schema, and binding."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import CoreSchema, to_jsonable_python

from signing.catalog import DIALECT
from signing.strict_json import JsonObject, JsonValue, canonical
from workers.errors import ArgumentProblem, ArgumentsInvalid, JobDefinitionError
from workers.secret import Secret

MAX_PROBLEMS = 20

_CONFIG = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)
_REFUSED_KINDS = {
    inspect.Parameter.VAR_POSITIONAL: "takes any number of values; name each argument",
    inspect.Parameter.VAR_KEYWORD: "takes any name; name each argument, or take one dict",
    inspect.Parameter.POSITIONAL_ONLY: "is positional only; drop the / from the signature",
}


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a task takes.

    Attributes:
        task: the task's name, for messages.
        model: the pydantic model; its fields carry the parameters' names as aliases, so that a
            parameter may be called `json` or `_id` all the same.
        schema: the closed JSON Schema 2020-12 of the arguments as a producer sends them.
    """

    task: str
    model: type[BaseModel]
    schema: JsonObject

    def bind(self, args: Mapping[str, JsonValue]) -> dict[str, Any]:
        """Check arguments whose secrets have been resolved, and give typed keyword arguments.

        Raises:
            ArgumentsInvalid: with places and rules, never a value.
        """
        try:
            bound = self.model.model_validate_json(
                canonical(_whole_numbers(dict(args))), strict=True
            )
        except ValidationError as error:
            problems = self._problems(error, args)
        except ValueError:
            problems = [ArgumentProblem("", "json_invalid")]
        else:
            return {
                str(info.alias): getattr(bound, name)
                for name, info in self.model.model_fields.items()
            }
        # Outside of the handlers: those errors hold the values, and would be the context.
        raise ArgumentsInvalid(self.task, problems)

    def _problems(
        self, error: ValidationError, args: Mapping[str, JsonValue]
    ) -> list[ArgumentProblem]:
        known = set(_property_names(self.schema))
        found = {
            ArgumentProblem(_pointer(item["loc"], args, known), item["type"]): None
            for item in error.errors(include_url=False, include_context=False, include_input=False)
        }
        return list(found)[:MAX_PROBLEMS]


def arguments_of(function: Callable[..., object], task: str) -> Arguments:
    """Read a function's signature.

    Raises:
        JobDefinitionError: naming the task, the parameter and what to do about it.
    """
    try:
        signature = inspect.signature(function, eval_str=True)
    except NameError as error:
        raise JobDefinitionError(
            f"task {task}: the annotation {error.name} cannot be found where the function is "
            "defined; import it at the module's top"
        ) from None
    parameters = list(signature.parameters.values())
    for parameter in parameters:
        _check(parameter, task)
    model = _model(parameters)
    schema = model.model_json_schema(schema_generator=_Untitled)
    del schema["title"]
    return Arguments(task, model, {"$schema": DIALECT, **schema})


class _Untitled(GenerateJsonSchema):
    """Leaves out the titles that pydantic makes of names: nobody reads them twice."""

    def field_title_should_be_set(self, schema: CoreSchema | Any) -> bool:
        return False


def _check(parameter: inspect.Parameter, task: str) -> None:
    """Refuse what cannot be told from its name and type alone."""
    where = f"task {task}: parameter {parameter.name}"
    if parameter.kind in _REFUSED_KINDS:
        raise JobDefinitionError(f"{where} {_REFUSED_KINDS[parameter.kind]}")
    if parameter.annotation is parameter.empty:
        raise JobDefinitionError(f"{where} has no type; annotate it, for instance with str")
    if isinstance(parameter.default, Secret):
        raise JobDefinitionError(
            f"{where} has a secret in the code as its default; let the producer send it, "
            "or take Secret[...] | None = None"
        )
    try:
        model = _model([parameter.replace(default=parameter.empty)])
        model.model_json_schema()
    except (PydanticUserError, TypeError) as error:
        raise JobDefinitionError(
            f"{where} has a type that cannot be checked from JSON; take one that pydantic knows: "
            f"{str(error).partition(chr(10))[0]}"
        ) from None
    if parameter.default is not parameter.empty and not _fits(parameter, model):
        raise JobDefinitionError(f"{where} has a default that its type does not allow; change one")


def _model(parameters: Iterable[inspect.Parameter]) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for index, parameter in enumerate(parameters):
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[f"p{index}"] = (
            Annotated[parameter.annotation, Field(alias=parameter.name)],
            default,
        )
    return create_model("Arguments", __config__=_CONFIG, **fields)


def _fits(parameter: inspect.Parameter, model: type[BaseModel]) -> bool:
    try:
        model.model_validate_json(
            canonical({parameter.name: to_jsonable_python(parameter.default)})
        )
    except ValueError:  # pydantic's refusals are of this kind, and so is the one of NaN
        return False
    return True


def _whole_numbers(value: JsonValue) -> JsonValue:
    """Write 2.0 as 2: JSON Schema knows one kind of number, and 2.0 is an integer to it."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, dict):
        return {key: _whole_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole_numbers(item) for item in value]
    return value


def _property_names(schema: JsonValue) -> Iterable[str]:
    """Every name that some type in the schema declares."""
    if isinstance(schema, list):
        for item in schema:
            yield from _property_names(item)
    elif isinstance(schema, dict):
        properties = schema.get("properties")
        if isinstance(properties, dict):
            yield from properties
        for item in schema.values():
            yield from _property_names(item)


def _pointer(
    location: tuple[int | str, ...], args: Mapping[str, JsonValue], known: set[str]
) -> str:
    """A JSON Pointer of pydantic's location.

    Its names of union members are left out, and a key that the producer made up is a `*`.
    """
    value: Any = args
    steps: list[str] = []
    for step in location:
        if isinstance(value, Mapping) and (step in value or step in known):
            value = value.get(step)
            steps.append(_escaped(step) if step in known else "*")
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
            steps.append(str(step))
    return "".join(f"/{step}" for step in steps)


def _escaped(step: int | str) -> str:
    return str(step).replace("~", "~0").replace("/", "~1")
