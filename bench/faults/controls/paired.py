"""The faults and jobs that stock Celery and Countersign are both given, from one seed."""

from random import Random
from typing import Final

from bench.faults.controls.directed import Directed
from bench.faults.jobs import Kind
from bench.faults.plan import Fault

JOBS: Final = 700
#: So long a worker stands still at first: past the time after which what it has not acknowledged is
#: delivered again, and again looked for.
PAUSE_S: Final = 18.0
#: Then come the others, so many seconds.
_OTHERS_S: Final = 36.0
_BEGIN_S: Final = 2.0
SPAN_S: Final = _BEGIN_S + PAUSE_S + _OTHERS_S
#: Most of the workers' processes are busy at any time: whatever is stopped was running something.
WEIGHTS: Final[dict[Kind, int]] = {"slow": 1}
#: Its processes go on and end what they run, which nobody acknowledges.
_OUTLASTED: Final = ("pause", "worker", PAUSE_S, 0.0)
#: Kind, target, seconds, amount: what a stock Celery on Redis has as well. The wipes come early:
#: what is killed after them has time to come back. kombu drops what is sent while its bindings
#: are gone, until a worker starts again.
_OTHERS: Final = (
    ("kill", "worker-2 child", 0.0, 0.2),
    ("wipe-queue", "slow", 0.0, 0.0),
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
FAULTS: Final = 1 + len(_OTHERS)


def paired_faults(seed: int) -> tuple[Fault, ...]:
    """Lay the faults over the time, at times that the seed decides."""
    random = Random(f"paired {seed}")
    step = _OTHERS_S / len(_OTHERS)
    kind, target, seconds, amount = _OUTLASTED
    laid = [Fault(0, kind, target, _BEGIN_S, seconds, amount)]
    for number, (kind, target, seconds, amount) in enumerate(_OTHERS):
        at = _BEGIN_S + PAUSE_S + step * (number + random.random())
        laid.append(Fault(number + 1, kind, target, round(at, 2), seconds, amount))
    return tuple(laid)


def paired(seed: int) -> Directed:
    """Give Countersign's side."""
    return Directed(
        WEIGHTS,
        jobs=JOBS,
        seconds=SPAN_S,
        faults=paired_faults(seed),
        roles=("gateway", "dispatcher", "worker", "worker-2"),
    )
