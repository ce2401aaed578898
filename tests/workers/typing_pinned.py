"""The public types as a task's author sees them: read by the type checker, never run.

A line that must not type-check carries the error it gives; mypy also says so where it gives none.
"""

from collections.abc import Callable
from typing import Any, assert_type

from signing.catalog import Catalog, TaskSpec
from workers import JobContext, Secret, current_job, job
from workers.job import REGISTRY, JobDefinition


@job("pinned.capture", queue="fast", max_attempts=5, retry_on=(ConnectionError,), on_lost="hold")
def capture(invoice: str, amount: int, card_token: Secret[str], *, note: str = "") -> bool:
    assert_type(card_token, Secret[str])
    assert_type(card_token.reveal(), str)
    return True


# The decorated function is called as it was written.
assert_type(capture("A-1", 5, Secret("t")), bool)
assert_type(capture(invoice="A-1", amount=5, card_token=Secret("t"), note="n"), bool)
capture("A-1", "5", Secret("t"))  # type: ignore[arg-type]
capture("A-1", 5, "t")  # type: ignore[arg-type]
capture("A-1", 5, Secret(5))  # type: ignore[arg-type]
capture("A-1", 5)  # type: ignore[call-arg]
capture("A-1", 5, Secret("t"), "n")  # type: ignore[call-arg]
capture("A-1", 5, Secret("t"), colour="red")  # type: ignore[call-arg]

# Options are checked where they are written.
job("pinned.task")  # type: ignore[call-arg]
job("pinned.task", "fast")  # type: ignore[call-arg]
job("pinned.task", queue="fast", on_lost="forget")  # type: ignore[arg-type]
job("pinned.task", queue="fast", undeclared_secrets="keep")  # type: ignore[arg-type]
job("pinned.task", queue="fast", retry_on=ConnectionError)  # type: ignore[arg-type]
job("pinned.task", queue="fast", retry_on=(BaseException,))  # type: ignore[arg-type]
job("pinned.task", queue="fast", time_limit=1.5)  # type: ignore[arg-type]

# A secret is no text, and a secret of a subtype is a secret of its type.
assert_type(Secret("t"), Secret[str])
assert_type(Secret(5).reveal(), int)
wider: Secret[object] = Secret("t")
text: str = Secret("t")  # type: ignore[assignment]
"a" + Secret("t")  # type: ignore[operator]
len(Secret("t"))  # type: ignore[arg-type]

# What a job knows of itself cannot be changed.
context = current_job()
assert_type(context, JobContext)
assert_type(context.attempt, int)
assert_type(context.trace, str | None)
context.attempt = 2  # type: ignore[misc]

# What the other packages take from here.
definition = REGISTRY["pinned.capture"]
assert_type(definition, JobDefinition)
assert_type(definition.spec, TaskSpec)
assert_type(definition.function, Callable[..., Any])
assert_type(definition.bind({"invoice": "A-1"}), dict[str, Any])
assert_type(Catalog([definition.spec])["pinned.capture"], TaskSpec)
