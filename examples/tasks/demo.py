"""Tasks that show how the system behaves: what succeeds, fails, retries and hangs."""

import time
from typing import Annotated, Any, Never

from pydantic import Field

from workers import current_job, job


@job("demo.echo", queue="fast")
def echo(value: Any = None) -> Any:
    """Give back what came in."""
    return value


@job("demo.noop", queue="fast")
def noop() -> None:
    """Do nothing, for benchmarks."""


@job("demo.fail", queue="fast", max_attempts=1)
def fail(reason: str = "asked to") -> Never:
    """Fail at once and for good."""
    raise RuntimeError(reason)


@job("demo.flaky", queue="fast", max_attempts=10, retry_on=(ConnectionError,))
def flaky(until: Annotated[int, Field(ge=1, le=10)] = 3) -> int:
    """Fail in a way that is tried again, until this attempt; give back its number."""
    attempt = current_job().attempt
    if attempt < until:
        raise ConnectionError(f"attempt {attempt} of {until}")
    return attempt


@job("demo.hang", queue="slow", max_attempts=1, soft_time_limit=3, time_limit=5)
def hang() -> Never:
    """Never come to an end, so that a time limit has to."""
    while True:
        time.sleep(0.1)
