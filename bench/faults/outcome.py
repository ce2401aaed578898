"""What a campaign is to be, what became of its faults, and all that fails it."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.faults.checker import Verdict
from bench.faults.plan import Broker, Fault, counts

#: How long after the last fault everything may take to settle.
DRAIN_S: Final = 150.0
#: A count that nobody could be asked for.
UNKNOWN: Final = -1
#: More faults than this part that could not be done make a campaign fail.
MOST_NOT_INJECTED: Final = 0.02
#: A campaign in which less than this part of the jobs was accepted says too little.
LEAST_ACCEPTED: Final = 0.97
NO_EFFECT: Final = "no effect"
NOT_INJECTED: Final = "not injected"
NOT_MENDED: Final = "not mended"
#: Kinds of which nothing is demanded: RabbitMQ hands hints to its workers ahead, and a purge finds
#: none in the queue.
_HARDLY_EVER: Final[Mapping[str, frozenset[str]]] = {"rabbitmq": frozenset({"wipe-queue"})}


@dataclass(frozen=True, slots=True)
class Terms:
    """What a campaign is to be.

    Attributes:
        least_faults, least_jobs: fewer that were done, or accepted, say too little.
        least_share: so much of each kind's faults has to be done, and one at least where more than
            one was laid; `None`: a kind may never have been.
    """

    name: str
    seed: int
    jobs: int
    span_s: float
    broker: Broker
    results: Path
    faults: tuple[Fault, ...]
    least_faults: int = 0
    least_jobs: int = 0
    least_share: float | None = None


@dataclass(frozen=True, slots=True)
class Injected:
    """What became of one fault; times in seconds after the campaign's start.

    Attributes:
        note: why it does not count; empty where it does.
        effect: what was seen of it.
    """

    fault: Fault
    begun: float
    ended: float
    note: str
    effect: str = ""

    @property
    def done(self) -> bool:
        """Whether it was done, seen and mended."""
        return not self.note


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a campaign found.

    Attributes:
        open_jobs: how many have not settled, or `UNKNOWN`.
        broken: what is wrong with the campaign itself, a line each.
    """

    terms: Terms
    injected: tuple[Injected, ...]
    accepted: int
    open_jobs: int
    verdict: Verdict
    broken: tuple[str, ...] = field(default=())

    @property
    def missed(self) -> int:
        """Faults that could not be done."""
        return self._noted(NOT_INJECTED)

    @property
    def without_effect(self) -> int:
        """Faults of which nothing was seen."""
        return self._noted(NO_EFFECT)

    @property
    def done(self) -> int:
        """Faults that were done, seen and mended."""
        return sum(each.done for each in self.injected)

    @property
    def notes(self) -> Mapping[str, int]:
        """How many faults do not count, by why."""
        return dict(Counter(each.note for each in self.injected if each.note).most_common())

    @property
    def failures(self) -> tuple[str, ...]:
        """What fails the campaign apart from a broken rule, a line each."""
        found = list(self.broken)
        if self.open_jobs == UNKNOWN:
            found.append("the ledger does not serve at the end")
        elif self.open_jobs:
            found.append(f"{self.open_jobs} jobs have not settled {DRAIN_S:g} s after the end")
        found += [
            f"{each.fault.kind} {each.fault.target}: {each.note}"
            for each in self.injected
            if each.note.startswith(NOT_MENDED)
        ]
        if self.missed > max(1, MOST_NOT_INJECTED * len(self.injected)):
            found.append(f"{self.missed} of {len(self.injected)} faults could not be injected")
        if len(self.injected) < len(self.terms.faults):
            left = len(self.terms.faults) - len(self.injected)
            found.append(f"{left} faults of the plan were never tried")
        if self.accepted < LEAST_ACCEPTED * self.terms.jobs:
            found.append(f"only {self.accepted} of {self.terms.jobs} jobs were accepted")
        if self.accepted < self.terms.least_jobs:
            found.append(f"fewer than {self.terms.least_jobs} jobs were accepted")
        if self.done < self.terms.least_faults:
            found.append(f"only {self.done} faults had an effect, not {self.terms.least_faults}")
        found += self._too_seldom()
        return tuple(found)

    @property
    def violations(self) -> tuple[str, ...]:
        """Everything that fails the campaign, a line each."""
        return (*map(str, self.verdict.violations), *self.failures)

    def _too_seldom(self) -> Iterator[str]:
        """The sum alone would let a kind pass that silently never happens."""
        if self.terms.least_share is None:
            return
        done = by_kind(self.injected)
        for kind, laid in counts(self.terms.faults).items():
            least = max(int(laid > 1), math.ceil(laid * self.terms.least_share))
            if kind in _HARDLY_EVER.get(self.terms.broker, ()):
                continue
            if done.get(kind, 0) < least:
                yield f"only {done.get(kind, 0)} of {laid} {kind} faults had an effect, not {least}"

    def _noted(self, note: str) -> int:
        return sum(each.note.startswith(note) for each in self.injected)


def by_kind(injected: Sequence[Injected]) -> Mapping[str, int]:
    """How many faults of each kind were done and seen."""
    return dict(Counter(each.fault.kind for each in injected if each.done))
