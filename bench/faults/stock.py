"""`python -m bench.faults.stock`: the same faults done to stock Celery on Redis, and to this.

The positive control: what the campaign looks for does happen, to somebody else. Exit status 1
where stock Celery lost nothing that ran or ran nothing again, the checker does not see what was
counted, or Countersign's side is not clean.
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
    """One system's figures.

    Attributes:
        broken: how often the checker found each rule broken.
        faults: of how many an effect was seen.
    """

    counted: Counted
    broken: Mapping[str, int]
    faults: int
    seconds: float


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
                    run = run_stock(site, manner, seed)
                    sides[name] = _side(run.counted, run.verdict, run.faults, begun)
                begun = time.monotonic()
                ran = site.run(paired(seed))
                sides[_OURS] = _side(_counted(site), ran.verdict, ran.faults, begun)
            finally:
                with uninterrupted():
                    site.stop()
    except KeyboardInterrupt:
        context.exit(130)
    except StackError as error:
        raise click.ClickException(error.message) from None
    context.exit(_summed_up(seed, sides, ran.verdict))


def _side(counted: Counted, verdict: Verdict, faults: int, begun: float) -> Side:
    return Side(counted, verdict.broken, faults, round(time.monotonic() - begun, 1))


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
    click.echo("rules that the campaign's checker found broken:")
    for name, side in sides.items():
        told = ", ".join(f"{rule} {times}" for rule, times in side.broken.items()) or "none"
        click.echo(f"  {name}: {told}; {side.faults} of {FAULTS} faults had an effect")
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
    ours, theirs = sides[_OURS].counted, [sides[name] for name in _STOCK]
    lost, running, again = (
        sum(getattr(side.counted, field) for side in theirs)
        for field in ("lost", "lost_running", "ran_after_success")
    )
    click.echo(
        f"stock Celery lost {lost} jobs, {running} of them while they ran, and ran {again} again "
        f"after their success; Countersign: {ours.lost} lost, {ours.ran_after_success} again, "
        f"{len(verdict.violations)} violations"
    )
    # The checker has to see what was counted without it.
    blind = not all("unsettled" in side.broken for side in theirs if side.counted.lost)
    blind |= not all(
        "attempt_ran_twice" in side.broken for side in theirs if side.counted.ran_twice
    )
    clean = not (ours.lost or ours.ran_after_success or verdict.violations)
    return int(not (running and again and clean) or blind)


if __name__ == "__main__":
    sys.exit(stock.main())
