"""What runs in a pool's process or thread: it holds no ledger connection and no signing key."""

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workers.job import JobDefinition
from workers.resolve import SecretReader
from workers.run import run_claimed
from workers.types import Claimed, Outcome


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a run needs beyond its job; set before the pool forks, and inherited by its children."""

    registry: Mapping[str, JobDefinition]
    reader: SecretReader


_runtime: list[Runtime] = []


def install(runtime: Runtime) -> None:
    """Set this process's runtime."""
    _runtime[:] = [runtime]


def run_in_pool(claimed: Claimed) -> tuple[int, Outcome, Any]:
    """Run a job; the tuple's form, (failed, result, runtime), is that of Celery's own tracer."""
    runtime = _runtime[0]
    outcome = run_claimed(
        claimed, runtime.registry, runtime.reader, jitter=_jitter, clock=time.monotonic
    )
    return 0, outcome, None


def _jitter() -> float:
    return random.uniform(0.5, 1.5)
