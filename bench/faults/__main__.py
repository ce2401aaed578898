"""`python -m bench.faults`: run a fault campaign, and say what it found."""

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import click

from bench.faults.campaign import Campaign
from bench.faults.outcome import Outcome, Terms, by_kind
from bench.faults.plan import Broker, kinds, plan
from bench.faults.system import System
from bench.faults.tools import missing
from deploy.errors import StackError
from deploy.progress import Progress
from deploy.supervise import interruptible, uninterrupted

DEFAULT_SEED: Final = 20261122
RESULTS: Final = Path("bench/results")
_MINUTES: Final = {False: 25.0, True: 1.2}
_FAULTS: Final = {False: 590, True: 40}
#: What the whole campaign, and the short one, has to come to.
_LEAST_FAULTS: Final = {False: 500, True: 25}
_LEAST_JOBS: Final = {False: 20_000, True: 1_450}
#: So much of each kind's faults has to be seen; in the short one, one of those laid more than once.
_LEAST_SHARE: Final = {False: 0.5, True: 0.0}
_JOBS: Final = {False: 20_500, True: 1_500}
_ALL_KINDS: Final = sorted({kind.name for kind in (*kinds("redis"), *kinds("rabbitmq"))})


@click.command("faults")
@click.option("--seed", type=int, default=DEFAULT_SEED, show_default=True, help="Of the plan.")
@click.option("--faults", type=click.IntRange(0, 100_000), help="How many faults.")
@click.option("--jobs", type=click.IntRange(1, 10_000_000), help="How many jobs to be accepted.")
@click.option("--minutes", type=click.FloatRange(0.1, 600), help="For load and faults alone.")
@click.option("--broker", type=click.Choice(["redis", "rabbitmq"]), default="redis")
@click.option("--quick", is_flag=True, help="About two minutes in all.")
@click.option("--only", multiple=True, type=click.Choice(_ALL_KINDS), help="Only these kinds.")
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep journal, logs and data in this directory, which is made.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@click.pass_context
def faults(
    context: click.Context,
    *,
    seed: int,
    faults: int | None,
    jobs: int | None,
    minutes: float | None,
    broker: Broker,
    quick: bool,
    only: tuple[str, ...],
    keep: Path | None,
    as_json: bool,
) -> None:
    """Break a whole local stack on purpose, and check that no accepted job is lost or run anew.

    Exit status 0 without violations, 1 with some, 2 where it was used wrongly.
    """
    span_s = 60 * (minutes or _MINUTES[quick])
    count = _FAULTS[quick] if faults is None else faults
    laid = plan(seed, count, span_s, broker=broker, only=only, longest_s=8.0 if quick else 15.0)
    name = "faults-quick" if quick else "faults"
    name = name if broker == "redis" else f"{name}-{broker}"
    progress = Progress(as_json)
    lacking = missing(broker, laid)
    if lacking:
        raise click.ClickException(lacking)
    try:
        with interruptible(), _directory(keep) as evidence:
            directory = evidence.directory
            # What is not the whole campaign leaves the kept results as they are.
            whole = not only and faults is None and jobs is None and minutes is None
            results = RESULTS if whole else directory
            terms = Terms(name, seed, jobs or _JOBS[quick], span_s, broker, results, laid)
            terms = _demanding(terms, quick) if whole else terms
            outcome = _run(directory, terms, progress)
            evidence.found = bool(outcome.violations)
    except KeyboardInterrupt:
        context.exit(130)
    except StackError as error:
        raise click.ClickException(error.message) from None
    kept = evidence.directory if evidence.directory.exists() else None
    _say(outcome, kept, as_json=as_json)
    context.exit(1 if outcome.violations else 0)


def _demanding(terms: Terms, quick: bool) -> Terms:
    return replace(
        terms,
        least_faults=_LEAST_FAULTS[quick],
        least_jobs=_LEAST_JOBS[quick],
        least_share=_LEAST_SHARE[quick],
    )


def _run(directory: Path, terms: Terms, progress: Progress) -> Outcome:
    system = System(directory, terms.broker)
    begun = time.monotonic()
    try:
        progress.tell("starting", "stack", str(directory))
        system.start()
        progress.tell("ready", "stack", f"{time.monotonic() - begun:.0f} s")
        return Campaign(system, terms, progress).run()
    finally:
        with uninterrupted():
            system.stop()
            progress.tell("stopped", "stack", f"{time.monotonic() - begun:.0f} s in all")


@dataclass(slots=True)
class _Evidence:
    """A campaign's directory, which is kept where something was found."""

    directory: Path
    found: bool = False


@contextmanager
def _directory(keep: Path | None) -> Iterator[_Evidence]:
    if keep is not None:
        if keep.exists() and any(keep.iterdir()):
            raise click.UsageError(f"{keep} is not empty")
        keep.mkdir(parents=True, exist_ok=True)
        yield _Evidence(keep.absolute())
        return
    evidence = _Evidence(Path(tempfile.mkdtemp(prefix="countersign-faults-")))
    try:
        yield evidence
    except (KeyboardInterrupt, StackError):
        raise
    except Exception:
        # What could not be judged is evidence as well.
        evidence.found = True
        click.echo(f"kept: {evidence.directory}", err=True)
        raise
    finally:
        if not evidence.found:
            shutil.rmtree(evidence.directory, ignore_errors=True)


def _say(outcome: Outcome, kept: Path | None, *, as_json: bool) -> None:
    done = outcome.done
    count = len(outcome.violations)
    if as_json:
        document = {
            "faults": done,
            "not_injected": outcome.missed,
            "without_effect": outcome.without_effect,
            "not_counted": outcome.notes,
            "kept": str(kept) if kept else None,
            "kinds": by_kind(outcome.injected),
            "jobs_accepted": outcome.accepted,
            "violations": list(outcome.violations),
        }
        click.echo(json.dumps(document))
        return
    for line in outcome.violations:
        click.echo(f"violation: {line}")
    for note, number in outcome.notes.items():
        click.echo(f"not counted: {number} faults, {note}")
    if kept is not None:
        click.echo(f"kept: {kept}")
    click.echo(f"faults: {done} faults, {outcome.accepted} jobs accepted, {count} violations")


if __name__ == "__main__":
    sys.exit(faults.main())
