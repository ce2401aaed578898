"""The campaign's tasks; each leaves in the sink what it did, and its effect once.

They run in a pool's children, which may be killed at any instruction.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Never

from bench.faults.evidence import Effect
from bench.faults.jobs import proof
from bench.faults.sink import Sink
from workers import Secret, current_job, job

#: The environment variable that names the sink's directory.
SINK: Final = "FAULTS_SINK"

Result = dict[str, Any]


@contextmanager
def _run(ref: str) -> Iterator[Result]:
    """Note the run around a block, and the effect where the block ends well."""
    sink, current = Sink(Path(os.environ[SINK])), current_job()
    run = Effect(current.id, ref, current.attempt)
    sink.note("begin", run, _now())
    yield {"proof": proof(ref), "attempt": run.attempt}
    sink.put(run)
    sink.note("end", run, _now())


def _now() -> int:
    return time.time_ns() // 1_000_000


@job("faults.quick", queue="fast")
def quick(ref: str, note: str) -> Result:
    """Do nothing else."""
    with _run(ref) as result:
        return result


@job("faults.secret", queue="fast")
def secret(ref: str, note: str, token: Secret[str]) -> Result:
    """Use a secret, and do what one must not: give it back."""
    with _run(ref) as result:
        result["told"] = token.reveal()
        return result


@job("faults.slow", queue="slow", max_attempts=10)
def slow(ref: str, note: str, seconds: float) -> Result:
    """Take a while."""
    with _run(ref) as result:
        time.sleep(seconds)
        return result


@job("faults.flaky", queue="fast", max_attempts=10, retry_on=(ConnectionError,))
def flaky(ref: str, note: str, failures: int) -> Result:
    """Fail so often in a way that is tried again."""
    with _run(ref) as result:
        if current_job().attempt <= failures:
            raise ConnectionError
        return result


@job("faults.failing", queue="fast")
def failing(ref: str, note: str) -> Never:
    """Fail in a way that is not tried again."""
    with _run(ref):
        raise ValueError(note)


@job("faults.held", queue="slow", on_lost="hold")
def held(ref: str, note: str, seconds: float) -> Result:
    """Take a while, and wait for an operator where the worker died meanwhile."""
    with _run(ref) as result:
        time.sleep(seconds)
        return result
