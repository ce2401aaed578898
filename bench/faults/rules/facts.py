"""The evidence in the order in which the rules look at it; and what a rule is."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple, TypeVar

from bench.faults.evidence import Effect, Evidence
from bench.faults.history import JobHistory
from bench.faults.journal import Entry

K = TypeVar("K")
V = TypeVar("V")

Fate = Literal["accepted", "refused", "unknown"]


class Seen(NamedTuple):
    """What breaks a rule: the job, the reference, and words that hold no secret."""

    job: str | None
    ref: str | None
    what: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that has to hold.

    Attributes:
        code: stable.
        says: what it promises.
        checked: how many could have broken it.
        broken: those that did.
    """

    code: str
    says: str
    checked: Callable[["Facts"], int]
    broken: Callable[["Facts"], Iterator[Seen]]


@dataclass(frozen=True, slots=True)
class Submission:
    """What the client was told about one reference.

    Attributes:
        accepted: the ids that it was told, each once.
        codes: of refusals.
        tries: how often it was handed in.
        unknown: there is an attempt whose outcome nobody knows.
        cancelled: a cancellation was asked for.
    """

    ref: str
    kind: str | None
    accepted: tuple[str, ...]
    codes: tuple[str, ...]
    tries: int
    unknown: bool
    cancelled: bool

    @property
    def fate(self) -> Fate:
        """One refusal says nothing of an attempt before it."""
        if self.accepted:
            return "accepted"
        return "unknown" if self.unknown else "refused"


class Facts:
    """The evidence, looked up by job and by reference."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.jobs: Mapping[str, JobHistory] = {item.job: item for item in evidence.history.jobs}
        self.begun = Counter((r.job, r.attempt) for r in evidence.runs if r.event == "begin")
        self.ended = {(r.job, r.attempt) for r in evidence.runs if r.event == "end"}

    @cached_property
    def submissions(self) -> Mapping[str, Submission]:
        """By reference."""
        entries = _grouped((entry.ref, entry) for entry in self.evidence.journal)
        return {ref: _submission(ref, some) for ref, some in entries.items()}

    @cached_property
    def accepted(self) -> Mapping[str, str]:
        """The ids that were promised to producers, with their references."""
        return {job: sub.ref for sub in self.submissions.values() for job in sub.accepted}

    @cached_property
    def jobs_of(self) -> Mapping[str, list[str]]:
        """The ledger's jobs by the reference in their seals."""
        return _grouped((item.ref, item.job) for item in self.jobs.values() if item.ref)

    @cached_property
    def effects(self) -> Mapping[str, list[Effect]]:
        """The sink's rows, by job."""
        return _grouped((effect.job, effect) for effect in self.evidence.effects)

    @cached_property
    def answers(self) -> Mapping[str, list[Entry]]:
        """What the gateway told of jobs, in order."""
        told = (entry for entry in self.evidence.journal if entry.event == "answer")
        return _grouped((entry.job, entry) for entry in told if entry.job and entry.state)

    @cached_property
    def asked(self) -> list[Entry]:
        """What accepted jobs' producers were answered of them, whatever it was."""
        return [
            entry
            for entry in self.evidence.journal
            if entry.event == "answer" and entry.status is not None and entry.job in self.accepted
        ]

    @cached_property
    def replays(self) -> list[Entry]:
        """Recorded requests that were sent again and answered."""
        replays = (entry for entry in self.evidence.journal if entry.event == "replay")
        return [entry for entry in replays if entry.status is not None]

    @cached_property
    def succeeded(self) -> Mapping[str, int]:
        """Jobs that ended well, with the attempt that did it."""
        records = self.evidence.records.items()
        return {job: end.attempt for job, end in records if end.state == "succeeded"}

    def ref_of(self, job: str) -> str | None:
        """The reference of a job, by the ledger or else by the journal."""
        known = self.jobs.get(job)
        return (known.ref if known else None) or self.accepted.get(job)


def _grouped(pairs: Iterable[tuple[K, V]]) -> dict[K, list[V]]:
    groups: dict[K, list[V]] = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return dict(groups)


def _submission(ref: str, entries: list[Entry]) -> Submission:
    events = Counter(entry.event for entry in entries)
    told = events["accepted"] + events["refused"] + events["unknown"]
    return Submission(
        ref=ref,
        kind=next((entry.kind for entry in entries if entry.kind), None),
        accepted=tuple(dict.fromkeys(e.job for e in entries if e.event == "accepted" and e.job)),
        codes=tuple(str(e.code or e.status) for e in entries if e.event == "refused"),
        tries=events["attempt"],
        unknown=events["unknown"] > 0 or events["attempt"] > told,
        cancelled=events["cancel"] > 0,
    )
