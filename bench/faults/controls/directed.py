"""Short campaigns, each with the jobs and faults that one family of bugs shows under."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from bench.faults.evidence import LOSSES
from bench.faults.jobs import Kind
from bench.faults.plan import Fault

SEED: Final = 20261122
#: The shortest lease that a worker takes, and a queue that is looked after at once.
SHORTEST: Final = {"COUNTERSIGN_LEASE_SECONDS": "3", "COUNTERSIGN_REPUBLISH_SECONDS": "1"}
_ONE: Final = ("gateway", "dispatcher", "worker")
_TWO: Final = (*_ONE, "worker-2")


@dataclass(frozen=True, slots=True)
class Directed:
    """One short campaign.

    Attributes:
        weights: how many of so many jobs are of each kind.
        jobs, seconds: how many are handed in, spread over how long.
        faults: what is done meanwhile.
        roles: what runs.
        calls_back: cancellations of jobs that run, and requests sent again after a restart.
        warm: quick jobs that have settled before all this begins.
        doubles: each hint lies in its queue twice.
        is_outrun: the worker stands still until a rival has claimed what it runs.
        losses: for which of these reasons faults explain that an attempt is given up.
        least_effects: of so many faults an effect is to be seen; `None`: of each.
    """

    weights: Mapping[Kind, int]
    jobs: int = 60
    seconds: float = 4.0
    faults: tuple[Fault, ...] = ()
    roles: tuple[str, ...] = _ONE
    calls_back: bool = False
    warm: int = 8
    doubles: bool = False
    is_outrun: bool = False
    losses: frozenset[str] = LOSSES
    least_effects: int | None = None
    settings: Mapping[str, str] = field(default_factory=lambda: SHORTEST)

    @property
    def takes_more(self) -> bool:
        """Whether jobs are asked for more often than they were published: that is noticed."""
        return self.doubles or self.is_outrun


def _faults(*given: tuple[str, str, float, float, float]) -> tuple[Fault, ...]:
    """Each as (kind, target, at, seconds, amount)."""
    return tuple(Fault(number, *rest) for number, rest in enumerate(given))


DIRECTED: Final[Mapping[str, Directed]] = {
    "nothing is broken": Directed(
        {"quick": 30, "secret": 20, "slow": 20, "flaky": 15, "failing": 10, "later": 5},
        calls_back=True,
        losses=frozenset(),
    ),
    "a run takes longer than a lease": Directed(
        {"slow": 1},
        jobs=12,
        faults=_faults(("pause", "worker child", 1.0, 6.0, 0.0)),
        # What that child was given and had not begun.
        losses=frozenset({"not_begun_in_time"}),
    ),
    "queues are wiped": Directed(
        {"quick": 60, "slow": 10},
        faults=_faults(
            ("kill", "worker", 0.5, 3.0, 0.0),
            ("wipe-broker", "broker", 3.0, 0.0, 0.0),
            ("wipe-broker", "broker", 4.5, 0.0, 0.0),
        ),
    ),
    "workers are killed": Directed(
        {"slow": 1, "held": 1},
        jobs=60,
        seconds=5.0,
        faults=_faults(
            ("kill", "worker child", 1.0, 0.0, 0.1),
            ("kill", "worker-2 child", 1.5, 0.0, 0.9),
            ("kill", "worker", 2.2, 0.0, 0.0),
            ("kill", "worker-2 child", 2.6, 0.0, 0.1),
            ("kill", "worker-2", 3.4, 0.0, 0.0),
        ),
        roles=_TWO,
    ),
    "a worker stands still and is outrun": Directed(
        {"slow": 1}, jobs=8, seconds=1.0, is_outrun=True
    ),
    "a worker stands still with jobs in front of its pool": Directed(
        {"slow": 1},
        jobs=16,
        seconds=0.3,
        # Before a second run has told it that these are not short, and that it holds too many.
        faults=_faults(("pause", "worker", 0.5, 9.0, 0.0)),
        roles=_TWO,
        # As below: it knows of short runs alone, and takes more than it has slots.
        warm=60,
        settings={**SHORTEST, "COUNTERSIGN_CONCURRENCY": "1"},
    ),
    "hints come twice": Directed(
        {"quick": 2, "slow": 1},
        jobs=30,
        seconds=2.0,
        faults=_faults(("kill", "worker", 0.2, 1.5, 0.0)),
        doubles=True,
    ),
    "workers lose the ledger": Directed(
        {"quick": 70, "slow": 10},
        jobs=120,
        faults=_faults(
            *(("cut", "worker->ledger", 0.4 + 0.6 * n, 0.2, 3.0) for n in range(6)),
            ("silence", "worker-2->ledger", 1.0, 2.5, 0.0),
            ("refuse", "worker->ledger", 4.2, 2.0, 0.0),
            ("reset", "worker->ledger", 4.3, 0.0, 0.0),
        ),
        roles=_TWO,
    ),
    "workers lose the broker": Directed(
        {"slow": 1},
        jobs=12,
        seconds=0.6,
        faults=_faults(*(("reset", "worker->broker", 0.2 + 0.2 * n, 0.0, 0.0) for n in range(8))),
        # One slot: others wait in front of it while the connection goes, for the worker knows of
        # short runs alone when it takes them.
        warm=40,
        settings={
            **SHORTEST,
            "COUNTERSIGN_CONCURRENCY": "1",
            # Longer than what waits takes.
            "COUNTERSIGN_LEASE_SECONDS": "10",
        },
        losses=frozenset(),
        # A worker that has enough to do notices only then that its broker is gone.
        least_effects=2,
    ),
    "the gateway loses the ledger": Directed(
        {"quick": 1},
        jobs=150,
        faults=_faults(
            ("cut", "gateway->ledger", 0.5, 1.0, 300.0),
            ("silence", "gateway->ledger", 2.0, 1.2, 0.0),
            ("refuse", "gateway->ledger", 3.4, 1.0, 0.0),
            ("reset", "gateway->ledger", 3.5, 0.0, 0.0),
        ),
    ),
    "producers lose the gateway": Directed(
        {"quick": 1},
        jobs=150,
        faults=_faults(
            *(("cut", "client->gateway", 0.3 + 0.35 * n, 0.12, 20.0) for n in range(10)),
        ),
        # Each is short: whether an answer is under way then is luck.
        least_effects=5,
    ),
    "the gateway is killed": Directed(
        {"quick": 1},
        faults=_faults(("kill", "gateway", 2.0, 0.0, 0.0)),
        calls_back=True,
        losses=frozenset(),
    ),
}
