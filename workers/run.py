"""Step 4 of the worker: run the task under its limits; no value of it gets into an error."""

import logging
from collections.abc import Callable, Mapping
from typing import Final

from celery.exceptions import SoftTimeLimitExceeded

from backends.errors import VaultDenied, VaultNotFound, VaultUnavailable
from signing.errors import MalformedJSON
from signing.strict_json import JsonValue, canonical, parse_object
from workers.context import JobContext, entered
from workers.errors import ArgumentsInvalid, ResultInvalid, SecretUnusable
from workers.job import JobDefinition
from workers.redact import redact
from workers.resolve import SecretReader, resolve
from workers.types import Claimed, Outcome, Ready

MAX_RESULT_BYTES: Final = 262_144
FIRST_DELAY_MS: Final = 1_000
MAX_DELAY_MS: Final = 600_000
#: What could not begin waits so long, however often it did: Vault may be back at any moment, and
#: such attempts are many where it was away for long.
RELEASE_DELAY_MS: Final = 3_000

_log = logging.getLogger(__name__)
#: Its worker stood still, its pool was busy, or Vault slow, for as long as the lease.
NOT_BEGUN_IN_TIME: Final = Outcome("release", error="not_begun_in_time")
_OVER_TIME: Final = Outcome(
    "failed", error="time_limit_exceeded", error_type=SoftTimeLimitExceeded.__name__
)


def run_claimed(
    claimed: Claimed,
    registry: Mapping[str, JobDefinition],
    reader: SecretReader,
    *,
    jitter: Callable[[], float],
    clock: Callable[[], float],
) -> Outcome:
    """Resolve and run; every way in which this can end is an outcome.

    Args:
        claimed: the job.
        registry: the tasks that this worker serves.
        reader: of secrets.
        jitter: a random factor from 0.5 to 1.5.
        clock: the machine's monotonic one, in seconds.
    """
    if clock() > claimed.begin_by:
        return NOT_BEGUN_IN_TIME  # without a call to Vault
    factor = jitter()
    try:
        ready = resolve(claimed, reader)  # 3
    except VaultUnavailable:
        delay = jittered_ms(RELEASE_DELAY_MS, factor)
        return Outcome("release", error="vault_unavailable", delay_ms=delay)
    except (VaultDenied, VaultNotFound, SecretUnusable) as error:
        return Outcome("failed", error="secret_unavailable", error_type=error.code)
    except SoftTimeLimitExceeded:
        return _OVER_TIME
    if clock() > claimed.begin_by:
        return NOT_BEGUN_IN_TIME
    definition = registry[claimed.job.claims.task]
    return run_ready(ready, definition, retry_delay_ms(begun_attempts(claimed), factor))  # 4


def run_ready(ready: Ready, definition: JobDefinition, delay_ms: int) -> Outcome:
    """Call the task's function with its typed arguments, and take the secrets out of its result."""
    claimed = ready.claimed
    context = JobContext.of(claimed.job.claims, claimed.attempt, claimed.max_attempts)
    try:
        arguments = definition.bind(ready.args)
        with entered(context):
            returned = definition.function(**arguments)
        return Outcome("succeeded", result=redact(json_value(returned), ready.secrets))
    except (ArgumentsInvalid, ResultInvalid) as error:
        return Outcome("failed", error=error.code)
    except SoftTimeLimitExceeded:
        return _OVER_TIME
    except Exception as error:  # noqa: BLE001 - a task may raise anything; it becomes an outcome
        return _raised(error, claimed, definition, delay_ms)


def json_value(returned: object) -> JsonValue:
    """Give a task's return value as the JSON value that is sealed.

    Raises:
        ResultInvalid: where it is none, larger than 256 KiB, or nested deeper than a seal can hold.
    """
    try:
        # In an object, as it will be in its claims.
        data = canonical({"result": returned})
        return parse_object(data, max_bytes=MAX_RESULT_BYTES)["result"]
    except (TypeError, ValueError, RecursionError, MalformedJSON):
        raise ResultInvalid("the task's result is not JSON, or too large") from None


def begun_attempts(claimed: Claimed) -> int:
    """Give which attempt this is, from 1, without those that could not begin.

    For each of them the ledger allows one more than the seal does.
    """
    released = claimed.max_attempts - claimed.job.claims.max_attempts
    return max(1, claimed.attempt - max(0, released))


def retry_delay_ms(attempt: int, jitter: float) -> int:
    """Give the delay after an attempt: doubled each time to at most ten minutes, then jittered."""
    return jittered_ms(min(MAX_DELAY_MS, FIRST_DELAY_MS << min(attempt - 1, 20)), jitter)


def jittered_ms(delay_ms: int, jitter: float) -> int:
    """Give a delay times a random factor; at least 1 ms."""
    return max(1, round(delay_ms * jitter))


def _raised(
    error: Exception, claimed: Claimed, definition: JobDefinition, delay_ms: int
) -> Outcome:
    name = type(error).__name__
    again = isinstance(error, definition.retry_on) and claimed.attempt < claimed.max_attempts
    # The formatter leaves the exception's message out: it may hold an argument or a secret.
    _log.warning(
        "task %s raised %s in attempt %d of job %s",
        definition.spec.name,
        name,
        claimed.attempt,
        claimed.job.claims.id,
        exc_info=error,
    )
    if again:
        return Outcome("retry", error="task_error", error_type=name, delay_ms=delay_ms)
    return Outcome("failed", error="task_error", error_type=name)
