"""Collects what a campaign left behind, once all is settled and the roles have stopped."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import redis

from bench.faults.evidence import LOSSES, Evidence, FinalRecord
from bench.faults.history import read_history
from bench.faults.journal import read_journal
from bench.faults.logs import read_logs
from bench.faults.plan import ROLES
from bench.faults.secrecy import scan
from bench.faults.sink import read_effects, read_runs
from deploy.demo.sources import Source, redis_diagnostics
from signing.ledger import keys

_AT_ONCE: Final = 1000
_FIELDS: Final = ("state", "attempt", "error", "max_attempts")


@dataclass(frozen=True, slots=True)
class Places:
    """Where it lies.

    Attributes:
        appendonly: the directory of the ledger's append-only files.
        searched: directories and files in which no secret may be; the append-only files, the sink
            and the journal are searched anyhow. The roles' logs are looked for among them.
    """

    journal: Path
    sink: Path
    appendonly: Path
    searched: tuple[Path, ...]


def gather(
    places: Places,
    ledger: redis.Redis,
    *,
    secrets: Sequence[str],
    stored: frozenset[str],
    extra: Iterable[Source] = (),
    database: int = 0,
    explained: frozenset[str] = frozenset(),
    losses_explained: frozenset[str] = LOSSES,
    clock_moved: tuple[tuple[int, int], ...] = (),
) -> Evidence:
    """Collect everything; `ledger` is the superuser's client of the Redis that still runs.

    Args:
        places: where it lies.
        ledger: reads the records and the quarantine.
        secrets: texts that may be found nowhere.
        stored: the jobs that have secrets in Vault still.
        extra: names and bytes to be searched besides.
        database: the ledger's number.
        explained: reasons for which the campaign's own faults put messages into the quarantine.
        losses_explained: reasons of `LOSSES` for which the campaign's faults let workers lose jobs.
        clock_moved: from when to when, ms, they moved Redis's clock.

    Raises:
        AofDamaged, ValueError, OSError, RedisError: what cannot be read is not judged.
    """
    runs = read_runs(places.sink)
    searched = (*places.searched, places.appendonly, places.sink, places.journal)
    return Evidence(
        journal=read_journal(places.journal),
        runs=runs.runs,
        effects=tuple(read_effects(places.sink)),
        history=read_history(places.appendonly, database),
        records=dict(_records(ledger)),
        scanned=scan(secrets, searched, (*redis_diagnostics(ledger), *extra)),
        left=_left(ledger),
        quarantine=_quarantine(ledger),
        stored=stored,
        explained=explained,
        torn=runs.torn,
        losses_explained=losses_explained,
        clock_moved=clock_moved,
        logged=read_logs(places.searched, ROLES),
    )


def unsettled(ledger: redis.Redis) -> int:
    """Count the jobs that have not settled."""
    client: Any = ledger
    return sum(abs(int(count)) for count in client.hvals(keys.OPEN))


def unpurged(ledger: redis.Redis) -> int:
    """Count the settled jobs whose secrets are still to be deleted from Vault."""
    client: Any = ledger
    return int(client.zcard(keys.PURGE))


def _records(client: Any) -> Iterator[tuple[str, FinalRecord]]:
    prefix = keys.job("")
    names = [key.decode() for key in client.scan_iter(f"{prefix}*", count=_AT_ONCE)]
    for start in range(0, len(names), _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        with client.pipeline(transaction=False) as pipe:
            for name in some:
                pipe.hmget(name, _FIELDS)
            replies = pipe.execute()
        for name, fields in zip(some, replies, strict=True):
            state, attempt, error, most = (value.decode() if value else "" for value in fields)
            record = FinalRecord(state, int(attempt or -1), error, int(most or 0))
            yield name.removeprefix(prefix), record


def _left(client: Any) -> dict[str, int]:
    queues = [key.decode() for key in client.scan_iter(keys.published("*"), count=_AT_ONCE)]
    names = (keys.DUE, keys.RUNNING, keys.HELD, keys.EXPIRING, keys.PURGE, *queues)
    return {name: client.zcard(name) for name in names} | {keys.OPEN: unsettled(client)}


def _quarantine(client: Any) -> dict[str, int]:
    entries = client.xrange(keys.QUARANTINE)
    return Counter(fields[b"reason"].decode("ascii", "replace") for _, fields in entries)
