"""`@job` declares a function and leaves it alone; what cannot be a job is refused with the mend."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypedDict

import pytest
from pydantic import Field

from workers import Secret, job
from workers.errors import ArgumentsInvalid, JobDefinitionError
from workers.job import REGISTRY, Registry


@pytest.fixture
def registry() -> Registry:
    return Registry()


def refusal(function: Callable[..., Any], **options: Any) -> str:
    registry = Registry()
    settings: dict[str, Any] = {"queue": "fast", "registry": registry} | options
    with pytest.raises(JobDefinitionError) as caught:
        job("shop.task", **settings)(function)
    assert not registry
    return str(caught.value)


def test_the_function_stays_what_it_was(registry: Registry) -> None:
    def add(a: int, b: int = 2) -> int:
        return a + b

    decorated = job("shop.add", queue="fast", registry=registry)(add)
    assert decorated is add
    assert decorated(1) == 3
    assert decorated(1, b=5) == 6


def test_a_definition_carries_all_that_was_declared(registry: Registry) -> None:
    @job(
        "shop.order",
        queue="slow",
        max_attempts=7,
        retry_on=(ConnectionError, TimeoutError),
        on_lost="hold",
        soft_time_limit=5,
        time_limit=6,
        undeclared_secrets="refuse",
        registry=registry,
    )
    def order(number: int, key: Secret[str]) -> None:
        """Order it,
        now.

        More about ordering.
        """

    definition = registry["shop.order"]
    spec = definition.spec
    assert (spec.name, spec.queue, spec.max_attempts) == ("shop.order", "slow", 7)
    assert (spec.on_lost, spec.undeclared_secrets) == ("hold", "refuse")
    assert (spec.soft_time_limit, spec.time_limit) == (5, 6)
    assert spec.description == "Order it, now."
    assert spec.schema is definition.arguments.schema
    assert definition.function is order
    assert definition.retry_on == (ConnectionError, TimeoutError)
    assert definition.bind({"number": 1, "key": "k"})["key"].reveal() == "k"
    with pytest.raises(ArgumentsInvalid):
        definition.bind({})


def test_a_description_may_be_given_or_be_absent(registry: Registry) -> None:
    def task() -> None:
        """From the docstring."""

    job("a", queue="fast", description="Given.", registry=registry)(task)
    job("b", queue="fast", registry=registry)(lambda: None)
    assert [registry[name].spec.description for name in registry] == ["Given.", ""]
    assert len(registry) == 2


def test_without_a_registry_it_is_the_one_of_the_process() -> None:
    job("tests.default_registry", queue="fast")(lambda: None)
    assert "tests.default_registry" in REGISTRY


def test_a_name_is_taken_once(registry: Registry) -> None:
    def first() -> None: ...
    def second() -> None: ...

    job("shop.task", queue="fast", registry=registry)(first)
    with pytest.raises(JobDefinitionError, match=r"declared twice: by .*first and by .*second"):
        job("shop.task", queue="fast", registry=registry)(second)
    assert registry["shop.task"].function is first


def test_an_async_function_is_refused() -> None:
    async def task() -> None: ...

    async def stream() -> AsyncIterator[int]:
        yield 1

    @functools.wraps(task)
    def wrapped() -> Any:
        return task()

    for function in (task, stream, wrapped):
        message = refusal(function)
        assert "shop.task" in message
        assert "is async" in message
        assert "write it with def" in message


def test_a_generator_is_refused() -> None:
    def task() -> Iterator[int]:
        yield 1

    assert "yields" in refusal(task)


@pytest.mark.parametrize(
    "retry_on", [ConnectionError, [ConnectionError], (BaseException,), ("ConnectionError",), None]
)
def test_what_is_no_tuple_of_exceptions_is_refused(retry_on: object) -> None:
    assert "retry_on must be a tuple" in refusal(lambda: None, retry_on=retry_on)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"queue": "Fast Lane"}, "queue must be"),
        ({"max_attempts": 0}, "max_attempts must be"),
        ({"time_limit": 60}, r"soft_time_limit (600 s) must be below time_limit (60 s)"),
        ({"on_lost": "forget"}, "on_lost must be rerun or hold"),
    ],
)
def test_a_wrong_option_is_refused_by_name(options: dict[str, Any], says: str) -> None:
    message = refusal(lambda: None, **options)
    assert says in message
    assert "task shop.task" in message


def test_a_wrong_name_is_refused_with_the_functions_place(registry: Registry) -> None:
    def badly_named() -> None: ...

    with pytest.raises(JobDefinitionError, match=r"badly_named: name must be"):
        job("Shop Task", queue="fast", registry=registry)(badly_named)


def variadic(*numbers: int) -> None: ...
def open_ended(**anything: int) -> None: ...
def positional(number: int, /) -> None: ...
def untyped(number) -> None: ...  # type: ignore[no-untyped-def]
def unknown_type(number: Missing) -> None: ...  # type: ignore[name-defined]  # noqa: F821
def unknown_inner(number: list["Missing"]) -> None: ...  # type: ignore[name-defined]  # noqa: F821, UP037
def not_json(number: Callable[[], None]) -> None: ...
def bare_secret(number: Secret) -> None: ...  # type: ignore[type-arg]
def coded_secret(number: Secret[str] = Secret("x")) -> None: ...  # noqa: B008
def nested_secret(number: list[Secret[str]] = [Secret("x")]) -> None: ...  # noqa: B006, B008
def wrong_default(number: int = None) -> None: ...  # type: ignore[assignment]  # noqa: RUF013
def field_default(number: int = Field(gt=0)) -> None: ...
def silly_default(number: float = float("nan")) -> None: ...


class Old(TypedDict):
    a: int


def old_dict(number: Old) -> None: ...


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (variadic, "parameter numbers takes any number of values; name each"),
        (open_ended, "parameter anything takes any name"),
        (positional, "parameter number is positional only; drop the /"),
        (untyped, "parameter number has no type; annotate it"),
        (unknown_type, "annotation Missing cannot be found"),
        (unknown_inner, "parameter number has a type that cannot be checked"),
        (not_json, "parameter number has a type that cannot be checked from JSON"),
        (bare_secret, "for instance Secret[str]"),
        (coded_secret, "parameter number has a secret in the code as its default"),
        (nested_secret, "parameter number has a default that its type does not allow"),
        (wrong_default, "parameter number has a default that its type does not allow"),
        (field_default, "parameter number has a default that its type does not allow"),
        (silly_default, "parameter number has a default that its type does not allow"),
        (old_dict, "typing_extensions.TypedDict"),
    ],
)
def test_a_parameter_that_json_cannot_fill_is_refused(
    function: Callable[..., Any], says: str
) -> None:
    message = refusal(function)
    assert message.startswith("task shop.task: ")
    assert says in message
    assert "canary" not in message


def test_importing_the_public_names_loads_no_client_of_a_server() -> None:
    code = (
        "import sys, workers; "
        "print(sorted({'celery', 'kombu', 'redis', 'hvac'} & set(sys.modules)), workers.__all__)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[] ['JobContext', 'Secret', 'current_job', 'job']"
