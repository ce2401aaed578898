"""`make bench-recovery`: how soon jobs go on after something broke.

The real stack with its default settings; each thing is broken several times, and the longest of
them is held to its bound. Exit status 1 where one is missed.
"""

import json
import time
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from math import inf
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.recover.breaks import (
    killed_child,
    killed_parents,
    restarted_redis,
    silent,
    silent_busy,
)
from bench.recover.site import LINKS, Site, site

RESULTS: Final = Path("bench/results")
LEASE_S: Final = 30.0
CHILD_S, PARENT_S, REDIS_S, SILENT_S = 2.0, LEASE_S + 5.0, 3.0, 10.0
#: How long Redis is away: whoever waits for it waits longer the longer that takes.
AWAY_S: Final = (0.5, 3.0, 12.0, 25.0)
WORKERS: Final = 3


@dataclass(frozen=True, slots=True)
class Row:
    """What was broken, the bound, and how long each try took, in seconds."""

    what: str
    bound: float
    tries: list[float]

    @property
    def held(self) -> bool:
        """Whether every try kept to the bound."""
        return max(self.tries) <= self.bound


def main() -> None:
    """Measure, print, and keep the figures."""
    options = _options()
    started = time.perf_counter()
    rows: list[Row] = []
    with site() as here:
        for part in options.only.split(","):
            rows += _PARTS[part](here, options.tries)
    print(f"\n{'seconds until jobs go on':38}{'least':>8}{'median':>8}{'most':>8}{'bound':>8}")
    for row in rows:
        found = f"{min(row.tries):8.2f}{median(row.tries):8.2f}{max(row.tries):8.2f}"
        print(f"{row.what:38}{found}{row.bound:8.0f}{'' if row.held else '  missed'}")
    print(f"{time.perf_counter() - started:.0f} s in all")
    RESULTS.mkdir(parents=True, exist_ok=True)
    kept = [asdict(row) | {"held": row.held} for row in rows]
    (RESULTS / "recovery.json").write_text(json.dumps(kept, indent=2) + "\n", "utf-8")
    raise SystemExit(0 if all(row.held for row in rows) else 1)


def _options() -> Any:
    parser = ArgumentParser(prog="make bench-recovery", description=__doc__)
    parser.add_argument("--tries", type=int, default=5)
    parser.add_argument("--only", default=",".join(_PARTS), help="some of: " + ", ".join(_PARTS))
    return parser.parse_args()


def _children(here: Site, tries: int) -> list[Row]:
    return [_row("a worker's child is killed", CHILD_S, here, tries, killed_child)]


def _parents(here: Site, _tries: int) -> list[Row]:
    names = [f"worker-{number}" for number in range(WORKERS)]
    here.parts.pop("worker").stop()
    for name in names:
        here.start("worker", name=name, COUNTERSIGN_CONCURRENCY="1")
    row = Row("a worker is killed", PARENT_S, killed_parents(here, names))
    here.start("worker", COUNTERSIGN_CONCURRENCY="1")
    here.calm()
    return [_told(row)]


def _restarts(here: Site, tries: int) -> list[Row]:
    accepted: list[float] = []
    run: list[float] = []
    for number in range(max(tries, len(AWAY_S))):
        one, other = restarted_redis(here, AWAY_S[number % len(AWAY_S)])
        accepted.append(one)
        run.append(other)
        here.calm()
    rows = [Row("Redis is back: a job is accepted", REDIS_S, accepted)]
    return [*map(_told, rows), _told(Row("Redis is back: and has run", REDIS_S, run))]


def _silences(here: Site, tries: int) -> list[Row]:
    rows = []
    for link in LINKS:
        rows.append(_row(f"silent: {link}", SILENT_S, here, tries, partial(silent, link=link)))
        busy = partial(silent_busy, link=link)
        rows.append(_row(f"silent, busy: {link}", SILENT_S, here, tries, busy))
    return rows


def _row(what: str, bound: float, here: Site, tries: int, measure: Callable[[Site], float]) -> Row:
    found = []
    for _ in range(tries):
        here.calm()
        found.append(measure(here))
    return _told(Row(what, bound, found))


def _told(row: Row) -> Row:
    tries = " ".join("never" if each == inf else f"{each:.2f}" for each in row.tries)
    print(f"{row.what}: {tries}", flush=True)
    return row


_PARTS: Final[dict[str, Callable[[Site, int], list[Row]]]] = {
    "child": _children,
    "parent": _parents,
    "redis": _restarts,
    "silent": _silences,
}

if __name__ == "__main__":
    main()
