"""From a seed to a schedule of faults. Pure: the same seed gives the same plan.

Faults lie evenly over the campaign's time, at most three at a time, never two on one target.
"""

import math
import random
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

Broker = Literal["redis", "rabbitmq"]

MOST_AT_ONCE: Final = 3
HOUR_S: Final = 3600.0
DISPATCHERS: Final = ("dispatcher", "dispatcher-2")
WORKERS: Final = ("worker", "worker-2")
ROLES: Final = ("gateway", *DISPATCHERS, *WORKERS)
CHILDREN: Final = tuple(f"{worker} child" for worker in WORKERS)
QUEUES: Final = ("fast", "slow")
#: Every proxied connection, by who opens it and to whom.
LINKS: Final = (
    "client->gateway",
    "gateway->ledger",
    "gateway->vault",
    *(f"{name}->{to}" for name in DISPATCHERS for to in ("ledger", "broker")),
    *(f"{name}->{to}" for name in WORKERS for to in ("ledger", "broker", "vault")),
)
#: A card for everything is laid after so many others, where nothing else is under way.
PATIENCE: Final = 6
MOST_LOOKED_AT: Final = 40
#: What leaves nothing that would have to come back.
AT_ONCE_OVER: Final = ("wipe-queue", "wipe-broker", "forget-scripts", "memory")
#: Longer than the lease of what the worker runs.
WORKER_PAUSE_S: Final = (6.0, 12.0)
_OUTLASTING: Final = frozenset(("pause", worker) for worker in WORKERS)
#: The target of a fault that is done to all parts at once.
EVERYTHING: Final = "everything"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault: its targets, how long it lasts, how much of it, how often it is drawn."""

    name: str
    targets: tuple[str, ...]
    seconds: tuple[float, float] = (0.0, 0.0)
    amounts: tuple[float, ...] | None = None
    between: tuple[float, float] = (0.0, 0.0)
    weight: int = 1
    first: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a plan.

    Attributes:
        at: seconds after the campaign's start.
        seconds: how long until it is mended.
        amount: what the kind makes of it: milliseconds, bytes, seconds of a clock, a choice.
    """

    number: int
    kind: str
    target: str
    at: float
    seconds: float
    amount: float

    @property
    def ends(self) -> float:
        """When it is mended."""
        return round(self.at + self.seconds, 2)


def kinds(broker: Broker) -> tuple[Kind, ...]:
    """Every kind of fault there is, for a broker."""
    servers = ("redis", "vault") if broker == "redis" else ("redis", "vault", "rabbitmq")
    return (
        Kind(
            "kill",
            (*ROLES, *CHILDREN, *CHILDREN, *servers),
            (0.0, 3.0),
            weight=8,
            first=("gateway", "dispatcher", "worker", "worker-2 child", *servers),
        ),
        Kind("pause", (*ROLES, *CHILDREN, *servers), (1.0, 12.0), weight=3),
        Kind("stop", ROLES, weight=2),
        Kind("refuse", LINKS, (1.0, 6.0)),
        Kind("reset", LINKS),
        Kind("delay", LINKS, (2.0, 8.0), between=(50.0, 800.0)),
        Kind("silence", LINKS, (2.0, 15.0)),
        Kind("cut", LINKS, (1.0, 4.0), between=(1.0, 6000.0)),
        Kind("wipe-queue", QUEUES, weight=8),
        Kind("wipe-broker", ("broker",), weight=10),
        Kind("forget-scripts", ("redis",), weight=10),
        Kind("memory", ("redis",), (2.0, 6.0), weight=8),
        Kind("disk", ("redis", "vault"), (2.0, 5.0), weight=6),
        Kind("clock", ROLES, (4.0, 10.0), amounts=(-HOUR_S, HOUR_S), weight=4),
        Kind("ledger-clock", ("redis",), (4.0, 8.0), amounts=(-HOUR_S,), weight=6),
        Kind("foreign-certificate", ("redis", "gateway"), (3.0, 6.0), weight=4),
        Kind("rotate-certificates", (EVERYTHING,), weight=4),
    )


def plan(
    seed: int,
    count: int,
    span_s: float,
    *,
    broker: Broker = "redis",
    only: Sequence[str] = (),
    longest_s: float = 15.0,
) -> tuple[Fault, ...]:
    """Lay out `count` faults over `span_s` seconds; `only` names the kinds to draw from.

    Raises:
        ValueError: where `only` names no kind.
    """
    rng = random.Random(seed)
    chosen = [kind for kind in kinds(broker) if not only or kind.name in only]
    if not chosen or set(only) - {kind.name for kind in chosen}:
        raise ValueError("there is no such kind of fault")
    table = _Table(_deck(chosen, rng))
    for number in range(count):
        at, kind, target = table.next(span_s * (number + rng.random()) / count)
        seconds = _seconds(kind, target, rng, min(longest_s, max(0.0, span_s - at)))
        fault = Fault(number, kind.name, target, at, round(seconds, 2), _amount(kind, rng))
        table.place(fault)
    return tuple(table.placed)


def rest_s(fault: Fault) -> float:
    """How long a target is left alone after a fault, so that the next one finds it there."""
    if fault.kind in AT_ONCE_OVER:
        return 0.5
    if "->" in fault.target:
        return 1.0
    return {"redis": 2.0, "vault": 5.0, "rabbitmq": 8.0}.get(fault.target, 4.0)


def occupied(target: str) -> frozenset[str]:
    """What a fault on a target keeps other faults away from."""
    if target in (*QUEUES, "broker"):
        return frozenset({"redis", "rabbitmq"})
    return frozenset({target})


def _deck(chosen: Sequence[Kind], rng: random.Random) -> Iterator[tuple[Kind, str]]:
    """Draw for ever: each kind once, a kill of each sort of part; then whole decks of all."""
    first = [(kind, rng.choice(kind.targets)) for kind in chosen if kind.name != "kill"]
    first += [(kind, target) for kind in chosen if kind.name == "kill" for target in kind.first]
    rng.shuffle(first)
    yield from first
    while True:
        deck = [(kind, target) for kind in chosen for target in kind.targets * kind.weight]
        rng.shuffle(deck)
        yield from deck


class _Table:
    """The faults laid so far, and the cards that wait for their target to be free."""

    def __init__(self, drawn: Iterator[tuple[Kind, str]]) -> None:
        self._drawn = drawn
        self._waiting: deque[tuple[Kind, str, int]] = deque()
        self.placed: list[Fault] = []
        #: Those that keep others away from their targets still.
        self._near: list[Fault] = []

    def place(self, fault: Fault) -> None:
        """Lay a fault."""
        self.placed.append(fault)
        self._near.append(fault)

    def next(self, wanted: float) -> tuple[float, Kind, str]:
        """The next card, and when it can be laid at the earliest, not before the last one."""
        at = _up(max(wanted, self._room_at()))
        for kind, target, since in list(self._waiting):
            if self._is_free(target, at):
                self._waiting.remove((kind, target, since))
                return at, kind, target
            if target == EVERYTHING and len(self.placed) - since > PATIENCE:
                self._waiting.remove((kind, target, since))
                return _up(max([at, *map(_free_again, self._near)])), kind, target
        for _ in range(MOST_LOOKED_AT):
            kind, target = next(self._drawn)
            if self._is_free(target, at):
                return at, kind, target
            self._waiting.append((kind, target, len(self.placed)))
        return self.next(at + 1.0)

    def _room_at(self) -> float:
        """When the last fault has begun, and fewer than the most are under way."""
        last = self.placed[-1].at if self.placed else 0.0
        self._near = [fault for fault in self._near if _free_again(fault) > last]
        # One that is over at once counts for its instant.
        ends = (max(fault.ends, fault.at + 0.01) for fault in self._near)
        under_way = sorted(end for end in ends if end > last)
        if len(under_way) < MOST_AT_ONCE:
            return last
        return under_way[len(under_way) - MOST_AT_ONCE]

    def _is_free(self, target: str, at: float) -> bool:
        ours = occupied(target)
        for fault in self._near:
            theirs = occupied(fault.target)
            over = _free_again(fault) <= at
            if not over and (ours & theirs or EVERYTHING in ours | theirs):
                return False
        return True


def _up(seconds: float) -> float:
    return math.ceil(seconds * 100) / 100


def _free_again(fault: Fault) -> float:
    return fault.ends + rest_s(fault)


def _seconds(kind: Kind, target: str, rng: random.Random, most: float) -> float:
    """Draw how long it lasts: not past the campaign's end, yet never less than it has to."""
    least, longest = WORKER_PAUSE_S if (kind.name, target) in _OUTLASTING else kind.seconds
    return max(least, min(rng.uniform(least, longest), most))


def _amount(kind: Kind, rng: random.Random) -> float:
    if kind.amounts is not None:
        return rng.choice(kind.amounts)
    if kind.between == (0.0, 0.0):
        return round(rng.random(), 3)
    return round(rng.uniform(*kind.between), 1)


def counts(faults: Sequence[Fault]) -> Mapping[str, int]:
    """How many faults of each kind."""
    found: dict[str, int] = {}
    for fault in faults:
        found[fault.kind] = found.get(fault.kind, 0) + 1
    return found
