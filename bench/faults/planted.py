"""`python -m bench.faults.planted`: is each of many bugs, planted one by one, found?

Each runs through a short campaign that is directed at it; the same campaigns without a bug find
nothing. Exit status 1 where a bug is missed, or a campaign without one is not clean.
"""

import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from queue import Empty, Queue
from typing import Final

import click

from bench.faults.checker import Verdict
from bench.faults.controls.bugs import BUGS, Bug
from bench.faults.controls.directed import DIRECTED, SEED
from bench.faults.controls.site import LONG, SHORT, Site
from bench.faults.controls.tree import CannotPlant, check_runs, copy_tree, plant
from deploy.errors import StackError
from deploy.supervise import interruptible
from signing.ledger.states import TERMINAL

RESULTS: Final = Path("bench/results/faults-controls.json")
LEAST_SETTLED: Final = 0.2
_NOT_STARTED: Final = "not started"


@dataclass(frozen=True, slots=True)
class Row:
    """What one campaign found: how often each rule was broken; and which are right for the bug.

    Attributes:
        settled: the part of the jobs that did.
        faults: of how many an effect was seen.
    """

    name: str
    part: str
    directed: str
    rules: Sequence[str]
    found: Mapping[str, int]
    seconds: float
    settled: float = 1.0
    faults: int = 0

    @property
    def is_right(self) -> bool:
        """A bug is to be found by a rule that is for it, and nothing where there is none.

        Jobs that do not settle show a bug where others did: a system that stands still shows none.
        """
        if not self.rules:
            directed = DIRECTED[self.directed]
            least = directed.least_effects
            enough = len(directed.faults) if least is None else least
            return not self.found and self.faults >= enough
        by = set(self.rules) & self.found.keys()
        return bool(by) and (by != {"unsettled"} or self.settled >= LEAST_SETTLED)


@click.command("planted")
@click.option("--only", multiple=True, help="Bugs whose names have this text in them.")
@click.option("--directed", multiple=True, type=click.Choice(list(DIRECTED)), help="Only these.")
@click.option("--without-clean", is_flag=True, help="Leave the campaigns without a bug out.")
@click.option("--lanes", type=click.IntRange(1, 8), default=2, show_default=True, help="At once.")
@click.pass_context
def planted(
    context: click.Context,
    *,
    only: Sequence[str],
    directed: Sequence[str],
    without_clean: bool,
    lanes: int,
) -> None:
    """Plant bugs one by one and see whether the checker finds them."""
    chosen = {
        name: bug
        for name, bug in BUGS.items()
        if (not only or any(text in name for text in only))
        and (not directed or bug.directed in directed)
    }
    begun = time.monotonic()
    try:
        with (
            interruptible(),
            tempfile.TemporaryDirectory(prefix="countersign-controls-") as directory,
        ):
            rows = _run(Path(directory), chosen, lanes, clean=not without_clean)
    except KeyboardInterrupt:
        context.exit(130)
    except StackError as error:
        raise click.ClickException(error.message) from None
    whole = not only and not directed and not without_clean
    context.exit(_summed_up(rows, time.monotonic() - begun, whole=whole))


def _run(directory: Path, bugs: Mapping[str, Bug], lanes: int, *, clean: bool) -> list[Row]:
    """Run everything, some of it at the same time, each lane on servers of its own."""
    source = directory / "source"
    copy_tree(Path(__file__).parents[2], source)
    work: Queue[Callable[[Site], Row]] = Queue()
    directed = {bug.directed for bug in bugs.values()} if clean else set()
    for name in (name for name in DIRECTED if name in directed):
        work.put(partial(_clean, name, source))
    for name, bug in bugs.items():
        work.put(partial(_planted, name, bug, source))
    stop = threading.Event()
    with ThreadPoolExecutor(lanes) as pool:
        running = [pool.submit(_lane, directory / f"lane-{n}", work, stop) for n in range(lanes)]
        try:
            rows = [row for each in running for row in each.result()]
        finally:
            stop.set()
    order = list(BUGS)
    return sorted(rows, key=lambda row: order.index(row.name) if row.part else -1)


def _lane(directory: Path, work: Queue[Callable[[Site], Row]], stop: threading.Event) -> list[Row]:
    site, rows = Site(directory), list[Row]()
    try:
        site.start()
        while not stop.is_set():
            try:
                item = work.get_nowait()
            except Empty:
                break
            rows.append(item(site))
    finally:
        site.stop()
    return rows


def _clean(name: str, source: Path, site: Site) -> Row:
    return _row(site, f"without a bug: {name}", None, name, source)


def _planted(name: str, bug: Bug, source: Path, site: Site) -> Row:
    with tempfile.TemporaryDirectory(prefix="planted-", dir=site.system.directory) as text:
        copy = Path(text)
        copy_tree(source, copy)
        site.system.source = copy
        try:
            plant(copy, bug.replacement)
            check_runs(copy, bug.replacement.module, site.system.environment("worker"))
        except CannotPlant as error:
            click.echo(f"{name}: {error}", err=True)
            return _missed(name, bug)
        return _row(site, name, bug, bug.directed, copy)


def _row(site: Site, name: str, bug: Bug | None, directed: str, source: Path) -> Row:
    begun = time.monotonic()
    try:
        patience = LONG if bug is None or "unsettled" in bug.rules else SHORT
        ran = site.run(DIRECTED[directed], source, patience=patience)
        found, settled, faults = ran.verdict.broken, _settled(ran.verdict), ran.faults
    except StackError as error:
        click.echo(f"{name}: {error}", err=True)
        found, settled, faults = {_NOT_STARTED: 1}, 0.0, 0
    part, rules = (bug.part, sorted(bug.rules)) if bug is not None else ("", [])
    seconds = round(time.monotonic() - begun, 1)
    row = Row(name, part, directed, rules, found, seconds, settled, faults)
    _tell(row)
    return row


def _missed(name: str, bug: Bug) -> Row:
    row = Row(name, bug.part, bug.directed, sorted(bug.rules), {}, 0.0)
    _tell(row)
    return row


def _settled(verdict: Verdict) -> float:
    jobs = verdict.counts.jobs
    ended = sum(count for state, count in jobs.items() if state in TERMINAL)
    return round(ended / max(1, sum(jobs.values())), 3)


def _tell(row: Row) -> None:
    said = ", ".join(f"{rule} {count}" for rule, count in row.found.items()) or "nothing"
    said += f"; {row.settled:.0%} settled, {row.faults} faults"
    mark = "" if row.is_right else "  <-- WRONG"
    click.echo(f"{row.part:11}{row.name:50}{row.seconds:6.1f} s  {said}{mark}")


def _summed_up(rows: Sequence[Row], seconds: float, *, whole: bool) -> int:
    bugs = [row for row in rows if row.part]
    found = [row for row in bugs if row.is_right]
    clean = [row for row in rows if not row.part]
    unclean = [row.name for row in clean if not row.is_right]
    document = {
        "seed": SEED,
        "seconds": round(seconds),
        "planted": len(bugs),
        "found": len(found),
        "campaigns_without_a_bug": len(clean),
        "of_them_not_clean": unclean,
        "rows": [asdict(row) for row in rows],
    }
    if whole:
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        RESULTS.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    click.echo(f"{len(clean)} campaigns without a bug, {len(unclean)} not clean; {seconds:.0f} s")
    click.echo(f"{len(found)} of {len(bugs)} planted bugs found")
    return int(len(found) < len(bugs) or bool(unclean))


if __name__ == "__main__":
    sys.exit(planted.main())
