"""What a campaign left behind, as the checker judges it: frozen, and nothing but values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from bench.faults.history import History
from bench.faults.journal import Entry
from bench.faults.logs import NOTHING_LOGGED, Logged

#: So far the clocks of a campaign's processes are moved.
HOUR_MS: Final = 3_600_000
#: Why an attempt ends of which nobody knows how its run ended, or that had none.
LOSSES: Final = frozenset({"worker_lost", "not_begun_in_time"})


@dataclass(frozen=True, slots=True)
class Run:
    """A line of the log of runs: a task's function began, or is about to return.

    Attributes:
        at: by the clock of the process that wrote it, ms; it may be `HOUR_MS` off.
    """

    event: Literal["begin", "end"]
    job: str
    ref: str
    attempt: int
    at: int = 0


@dataclass(frozen=True, slots=True)
class Effect:
    """A row of the tasks' sink."""

    job: str
    ref: str
    attempt: int


@dataclass(frozen=True, slots=True)
class FinalRecord:
    """A job's record as the ledger's Redis held it at the end."""

    state: str
    attempt: int
    error: str = ""
    max_attempts: int = 0


@dataclass(frozen=True, slots=True)
class Scanned:
    """A search for the campaign's secrets: how many places, and in which one was found."""

    places: int
    bytes_read: int
    hits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that is judged.

    Attributes:
        journal: what the client did, in order.
        history: what the ledger ever wrote, in order.
        records: what it held at the end, by job id.
        left: how many jobs the ledger's indexes of unsettled jobs held at the end.
        stored: the jobs that had secrets in Vault at the end.
        quarantine: reasons and how often the quarantine has each.
        explained: those of them that the campaign's own faults explain.
        torn: lines of the log of runs that were not whole.
        losses_explained: reasons of `LOSSES` for which something was done.
        clock_moved: from when to when, ms, Redis's clock was, so that leases ended at other times
            than workers think.
        logged: what the roles' logs tell of errors.
    """

    journal: tuple[Entry, ...]
    runs: tuple[Run, ...]
    effects: tuple[Effect, ...]
    history: History
    records: Mapping[str, FinalRecord]
    scanned: Scanned
    left: Mapping[str, int]
    quarantine: Mapping[str, int]
    stored: frozenset[str] = frozenset()
    explained: frozenset[str] = frozenset()
    torn: int = 0
    losses_explained: frozenset[str] = LOSSES
    clock_moved: tuple[tuple[int, int], ...] = ()
    logged: Logged = NOTHING_LOGGED
