"""`python -m bench.faults.stock`: the same faults done to stock Celery on Redis, and to this.

The positive control: what the campaign looks for does happen, to somebody else. Exit status 1
where stock Celery lost nothing and ran nothing twice, or Countersign's side is not clean.
"""

import json
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import click

from bench.faults.checker import Verdict
from bench.faults.controls.outcome import Counted, count
from bench.faults.controls.paired import FAULTS, JOBS, SPAN_S, paired
from bench.faults.controls.site import Site
from bench.faults.controls.stock_app import Manner
from bench.faults.controls.stock_run import noted, run_stock
from bench.faults.journal import read_journal
from deploy.errors import StackError
from deploy.supervise import interruptible, uninterrupted
from signing.ledger import keys
from signing.ledger.states import TERMINAL

DEFAULT_SEED: Final = 20261122
RESULTS: Final = Path("bench/results/faults-stock.json")
_STOCK: Final[Mapping[str, Manner]] = {
    "stock Celery, its defaults": "defaults",
    "stock Celery, as advised": "advised",
}
_OURS: Final = "Countersign"
_ROWS: Final = {
    "accepted": "jobs accepted",
    "ended": "run to their end",
    "lost": "lost",
    "lost_running": "  of them while running",
    "stuck": "not back from the broker",
    "ran_twice": "begun twice",
    "ended_twice": "run to their end twice",
    "ran_after_success": "run again after success",
}


@dataclass(frozen=True, slots=True)
class Side:
    """One system's figures."""

    counted: Counted
    seconds: float
    faults: int | None = None


@click.command("stock")
@click.option("--seed", type=int, default=DEFAULT_SEED, show_default=True)
@click.pass_context
def stock(context: click.Context, *, seed: int) -> None:
    """Do the same faults to stock Celery and to Countersign, and count alike."""
    sides: dict[str, Side] = {}
    try:
        with (
            interruptible(),
            tempfile.TemporaryDirectory(prefix="countersign-stock-") as directory,
        ):
            site = Site(Path(directory))
            try:
                site.start()
                for name, manner in _STOCK.items():
                    begun = time.monotonic()
                    counted, done = run_stock(site, manner, seed)
                    sides[name] = Side(counted, round(time.monotonic() - begun, 1), done)
                begun = time.monotonic()
                verdict = site.run(paired(seed))
                sides[_OURS] = Side(_counted(site), round(time.monotonic() - begun, 1))
            finally:
                with uninterrupted():
                    site.stop()
    except KeyboardInterrupt:
        context.exit(130)
    except StackError as error:
        raise click.ClickException(error.message) from None
    context.exit(_summed_up(seed, sides, verdict))


def _counted(site: Site) -> Counted:
    """Count the campaign that has just run on Countersign."""
    journal = read_journal(site.journal)
    accepted = {entry.job for entry in journal if entry.event == "accepted" and entry.job}
    settled: set[str] = set()
    succeeded: dict[str, int] = {}
    ledger: Any
    with site.system.redis_superuser(0) as ledger:
        for job in accepted:
            state, finished = ledger.hmget(keys.job(job), ["state", "finished"])
            if state is not None and state.decode() in TERMINAL:
                settled.add(job)
            if state == b"succeeded":
                succeeded[job] = int(finished)
    return count(accepted, noted(site.system.sink), succeeded, settled=settled)


def _summed_up(seed: int, sides: Mapping[str, Side], verdict: Verdict) -> int:
    click.echo(f"{FAULTS} faults in {SPAN_S:g} s, {JOBS} jobs, seed {seed}")
    click.echo(" " * 26 + "".join(f"{name:>28}" for name in sides))
    for field, says in _ROWS.items():
        figures = (getattr(side.counted, field) for side in sides.values())
        click.echo(f"{says:26}" + "".join(f"{figure:28}" for figure in figures))
    for item in verdict.violations:
        click.echo(f"violation: {item}")
    document = {
        "seed": seed,
        "faults": FAULTS,
        "jobs": JOBS,
        "sides": {name: asdict(side) for name, side in sides.items()},
        "violations": [asdict(item) for item in verdict.violations],
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    theirs = [sides[name].counted for name in _STOCK]
    lost, twice = sum(each.lost for each in theirs), sum(each.ended_twice for each in theirs)
    click.echo(
        f"stock Celery lost {lost} jobs and ran {twice} to their end twice; "
        f"Countersign: {sides[_OURS].counted.lost} lost, {len(verdict.violations)} violations"
    )
    return int(not lost or not twice or bool(verdict.violations))


if __name__ == "__main__":
    sys.exit(stock.main())
