"""The faults and jobs that stock Celery and Countersign are both given, from one seed."""

from random import Random
from typing import Final

from bench.faults.controls.directed import Directed
from bench.faults.jobs import Kind
from bench.faults.plan import Fault

JOBS: Final = 280
SPAN_S: Final = 36.0
WEIGHTS: Final[dict[Kind, int]] = {"quick": 40, "slow": 60}
#: Kind, target, seconds, amount: what a stock Celery on Redis has as well. The wipes come early:
#: what is killed after them has time to come back. kombu drops what is sent while its bindings
#: are gone, until a worker starts again.
_ALL: Final = (
    ("kill", "worker-2 child", 0.0, 0.2),
    ("wipe-queue", "fast", 0.0, 0.0),
    ("kill", "worker", 0.0, 0.0),
    ("pause", "worker-2", 3.0, 0.0),
    ("wipe-broker", "broker", 0.0, 0.0),
    ("silence", "worker->broker", 2.5, 0.0),
    ("kill", "worker-2", 0.0, 0.0),
    ("kill", "redis", 0.2, 0.0),
    ("kill", "worker child", 0.0, 0.7),
    ("pause", "worker", 3.0, 0.0),
    ("silence", "worker-2->broker", 2.5, 0.0),
    ("kill", "worker", 0.0, 0.0),
    ("kill", "worker-2 child", 0.0, 0.7),
    ("kill", "worker-2", 0.0, 0.0),
)
FAULTS: Final = len(_ALL)


def paired_faults(seed: int) -> tuple[Fault, ...]:
    """Lay the faults over the time, at times that the seed decides."""
    random = Random(f"paired {seed}")
    step = SPAN_S / FAULTS
    return tuple(
        Fault(number, kind, target, round(step * (number + random.random()), 2), seconds, amount)
        for number, (kind, target, seconds, amount) in enumerate(_ALL)
    )


def paired(seed: int) -> Directed:
    """Give Countersign's side."""
    return Directed(
        WEIGHTS,
        jobs=JOBS,
        seconds=SPAN_S,
        faults=paired_faults(seed),
        roles=("gateway", "dispatcher", "worker", "worker-2"),
    )
