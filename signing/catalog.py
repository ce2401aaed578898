"""The task catalog: what the gateway may take in, and what a worker must serve.

A catalog is one JSON document, `{"v": 1, "tasks": [...]}`. `countersign catalog build` writes it
from the signatures of the tasks; gateway, dispatcher and worker read the same file.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, cast

from signing.errors import CatalogError, MalformedJSON
from signing.strict_json import JsonObject, JsonValue, canonical, parse

OnLost: TypeAlias = Literal["rerun", "hold"]
UndeclaredSecrets: TypeAlias = Literal["strip", "refuse"]

VERSION = 1
MAX_BYTES = 16 * 1_048_576
MAX_NAME = 64
MAX_ATTEMPTS = 100
DIALECT = "https://json-schema.org/draft/2020-12/schema"

_NAME = re.compile(r"[a-z0-9_]+(?:\.[a-z0-9_]+)*")
_QUEUE = re.compile(r"[a-z0-9_-]{1,32}")


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """One task as everybody outside of its worker sees it.

    Raises:
        CatalogError: where a field is not what its rule says; the message names task and field.
    """

    name: str
    queue: str
    schema: JsonObject = field(hash=False)
    max_attempts: int = 5
    soft_time_limit: int = 600
    time_limit: int = 700
    on_lost: OnLost = "rerun"
    undeclared_secrets: UndeclaredSecrets = "strip"
    description: str = ""

    def __post_init__(self) -> None:
        if not is_task_name(self.name):
            raise CatalogError(
                "name must be lower case letters, digits and _ in parts joined by dots, "
                f"at most {MAX_NAME} characters"
            )
        for name, (holds, rule) in _RULES.items():
            if not holds(getattr(self, name)):
                raise CatalogError(f"task {self.name}: {name} must be {rule}")
        if self.soft_time_limit >= self.time_limit:
            raise CatalogError(
                f"task {self.name}: soft_time_limit ({self.soft_time_limit} s) must be below "
                f"time_limit ({self.time_limit} s)"
            )
        if not _refers_only_to_itself(self.schema):
            raise CatalogError(f"task {self.name}: schema refers to something outside of itself")


class Catalog(Mapping[str, TaskSpec]):
    """All tasks by name, in the order of their names; never changes.

    Raises:
        CatalogError: where two tasks have one name.
    """

    __slots__ = ("_tasks",)

    def __init__(self, tasks: Iterable[TaskSpec]) -> None:
        by_name: dict[str, TaskSpec] = {}
        for spec in tasks:
            if spec.name in by_name:
                raise CatalogError(f"task {spec.name}: name is there twice")
            by_name[spec.name] = spec
        self._tasks = MappingProxyType(dict(sorted(by_name.items())))

    def __getitem__(self, name: str) -> TaskSpec:
        return self._tasks[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tasks)

    def __len__(self) -> int:
        return len(self._tasks)

    @property
    def queues(self) -> frozenset[str]:
        """The queues that some task names."""
        return frozenset(spec.queue for spec in self._tasks.values())

    def on_queues(self, queues: Collection[str]) -> tuple[TaskSpec, ...]:
        """The tasks of these queues, in the order of their names."""
        return tuple(spec for spec in self._tasks.values() if spec.queue in queues)


def parse_catalog(data: bytes) -> Catalog:
    """Read a catalog document.

    Raises:
        CatalogError: where anything in it is not as the rules say, naming the task and the field.
    """
    try:
        document = parse(data, max_bytes=MAX_BYTES)
    except MalformedJSON as error:
        message = f"the catalog: {error.message}"
    else:
        return catalog_from_json(document)
    raise CatalogError(message)


def catalog_from_json(document: JsonValue) -> Catalog:
    """Check a catalog document that has been read already.

    Raises:
        CatalogError: as `parse_catalog`.
    """
    if not isinstance(document, dict) or set(document) != {"v", "tasks"}:
        raise CatalogError("the catalog must be an object of v and tasks, nothing else")
    if not _is_int(document["v"]) or document["v"] != VERSION:
        raise CatalogError(f"the catalog: v must be {VERSION}")
    tasks = document["tasks"]
    if not isinstance(tasks, list):
        raise CatalogError("the catalog: tasks must be an array")
    return Catalog(_task(index, entry) for index, entry in enumerate(tasks))


def catalog_to_json(catalog: Catalog) -> JsonObject:
    """The document of a catalog; every field is written, also those at their defaults."""
    return {"v": VERSION, "tasks": [asdict(spec) for spec in catalog.values()]}


def dump_catalog(catalog: Catalog) -> bytes:
    """Write a catalog the one way: sorted by name, canonical JSON."""
    return canonical(catalog_to_json(catalog))


def is_task_name(value: object) -> bool:
    """Whether this can be a task's name, for instance `payments.capture`."""
    return isinstance(value, str) and len(value) <= MAX_NAME and bool(_NAME.fullmatch(value))


def is_queue_name(value: object) -> bool:
    """Whether this can be a queue's name, for instance `fast`."""
    return isinstance(value, str) and bool(_QUEUE.fullmatch(value))


def _task(index: int, entry: JsonValue) -> TaskSpec:
    if not isinstance(entry, dict):
        raise CatalogError(f"tasks[{index}] must be an object")
    name = entry.get("name")
    where = f"task {name}" if is_task_name(name) else f"tasks[{index}]"
    for unknown in sorted(entry.keys() - _FIELDS):
        raise CatalogError(f"{where}: {unknown!r} is not a field of a task")
    for missing in sorted(_REQUIRED - entry.keys()):
        raise CatalogError(f"{where}: {missing} is missing")
    if not is_task_name(name):
        raise CatalogError(f"{where}: name is not a task's name")
    return TaskSpec(**cast("dict[str, Any]", entry))


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_positive(value: object) -> bool:
    return _is_int(value) and cast("int", value) > 0


def _is_attempts(value: object) -> bool:
    return _is_positive(value) and cast("int", value) <= MAX_ATTEMPTS


def _is_closed_object(value: object) -> bool:
    """Whether a JSON Schema takes named properties only, in the dialect that is read here."""
    return (
        isinstance(value, dict)
        and value.get("type") == "object"
        and value.get("additionalProperties") is False
        and isinstance(value.get("properties", {}), dict)
        and value.get("$schema", DIALECT) == DIALECT
    )


def _refers_only_to_itself(schema: JsonValue) -> bool:
    if isinstance(schema, list):
        return all(map(_refers_only_to_itself, schema))
    if not isinstance(schema, dict):
        return True
    targets = (schema.get("$ref"), schema.get("$dynamicRef"))
    if any(isinstance(target, str) and not target.startswith("#") for target in targets):
        return False
    return all(map(_refers_only_to_itself, schema.values()))


_RULES: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "queue": (is_queue_name, "1 to 32 lower case letters, digits, _ and -"),
    "schema": (
        _is_closed_object,
        "a JSON Schema 2020-12 of type object with additionalProperties false",
    ),
    "max_attempts": (_is_attempts, f"a whole number from 1 to {MAX_ATTEMPTS}"),
    "soft_time_limit": (_is_positive, "a whole number of seconds above 0"),
    "time_limit": (_is_positive, "a whole number of seconds above 0"),
    "on_lost": (lambda value: value in ("rerun", "hold"), "rerun or hold"),
    "undeclared_secrets": (lambda value: value in ("strip", "refuse"), "strip or refuse"),
    "description": (lambda value: isinstance(value, str), "text"),
}
_FIELDS = {item.name for item in fields(TaskSpec)}
_REQUIRED = {item.name for item in fields(TaskSpec) if item.default is MISSING}
