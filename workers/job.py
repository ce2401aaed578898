"""`@job`: declares what a function may be called for, and leaves the function as it was."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from signing.catalog import OnLost, TaskSpec, UndeclaredSecrets
from signing.errors import CatalogError
from signing.strict_json import JsonValue
from workers.arguments import Arguments, arguments_of
from workers.errors import JobDefinitionError

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class JobDefinition:
    """One declared task.

    Attributes:
        spec: what the catalog says of it.
        function: the author's function, unchanged.
        retry_on: the exceptions after which another attempt may follow.
        arguments: the type of its arguments.
    """

    spec: TaskSpec
    function: Callable[..., Any]
    retry_on: tuple[type[Exception], ...]
    arguments: Arguments

    def bind(self, args: Mapping[str, JsonValue]) -> dict[str, Any]:
        """Give typed keyword arguments for the function.

        Raises:
            ArgumentsInvalid: with places and rules, never a value.
        """
        return self.arguments.bind(args)


class Registry(Mapping[str, JobDefinition]):
    """Declared tasks by name; only ever grows."""

    def __init__(self) -> None:
        self._jobs: dict[str, JobDefinition] = {}

    def __getitem__(self, name: str) -> JobDefinition:
        return self._jobs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._jobs)

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, definition: JobDefinition) -> None:
        """Take in one task.

        Raises:
            JobDefinitionError: where its name is taken.
        """
        name = definition.spec.name
        if name in self._jobs:
            raise JobDefinitionError(
                f"task {name} is declared twice: by {_place(self._jobs[name].function)} and by "
                f"{_place(definition.function)}; rename one"
            )
        self._jobs[name] = definition


REGISTRY = Registry()


def job(
    name: str,
    *,
    queue: str,
    max_attempts: int = 5,
    retry_on: tuple[type[Exception], ...] = (),
    on_lost: OnLost = "rerun",
    soft_time_limit: int = 600,
    time_limit: int = 700,
    undeclared_secrets: UndeclaredSecrets = "strip",
    description: str | None = None,
    registry: Registry = REGISTRY,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declare a function as the task of this name; the function itself stays as it is.

    Args:
        name: as the catalog has it, for instance `payments.capture`.
        queue: which queue carries it.
        max_attempts: how often it is started at most, 1 to 100.
        retry_on: exceptions after which it is tried again; after any other it has failed.
        on_lost: what follows when its worker died: `rerun` it, or `hold` it for a person.
        soft_time_limit: seconds until the task is told to stop, by an exception inside of it.
        time_limit: seconds until it is ended.
        undeclared_secrets: what the ingress does with a secret in a place that is not declared as
            one: `strip` it into Vault, or `refuse` the job.
        description: for the catalog; the docstring's first paragraph where it is not given.
        registry: where the task is declared; a test may bring its own.

    Raises:
        JobDefinitionError: where the function cannot be a job; says what to change.
    """

    def declare(function: Callable[P, R]) -> Callable[P, R]:
        _check_function(function, name)
        _check_retry_on(retry_on, name)
        arguments = arguments_of(function, name)
        try:
            spec = TaskSpec(
                name=name,
                queue=queue,
                schema=arguments.schema,
                max_attempts=max_attempts,
                soft_time_limit=soft_time_limit,
                time_limit=time_limit,
                on_lost=on_lost,
                undeclared_secrets=undeclared_secrets,
                description=_summary(function) if description is None else description,
            )
        except CatalogError as error:
            raise JobDefinitionError(f"@job on {_place(function)}: {error.message}") from None
        registry.add(JobDefinition(spec, function, retry_on, arguments))
        return function

    return declare


def _check_function(function: Callable[..., object], name: str) -> None:
    inner = inspect.unwrap(function)
    if inspect.iscoroutinefunction(inner) or inspect.isasyncgenfunction(inner):
        raise JobDefinitionError(
            f"task {name}: {_place(function)} is async, and a worker runs plain functions; "
            "write it with def, and call asyncio.run() inside where it needs to"
        )
    if inspect.isgeneratorfunction(inner):
        raise JobDefinitionError(
            f"task {name}: {_place(function)} yields, and a task has one result; return it"
        )


def _check_retry_on(retry_on: object, name: str) -> None:
    if isinstance(retry_on, tuple) and all(
        isinstance(item, type) and issubclass(item, Exception) for item in retry_on
    ):
        return
    raise JobDefinitionError(
        f"task {name}: retry_on must be a tuple of exception classes, "
        "for instance (ConnectionError,)"
    )


def _place(function: Callable[..., object]) -> str:
    return f"{function.__module__}.{function.__qualname__}"


def _summary(function: Callable[..., object]) -> str:
    """The docstring's first paragraph on one line."""
    return " ".join((inspect.getdoc(function) or "").partition("\n\n")[0].split())
