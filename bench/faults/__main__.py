"""`python -m bench.faults`: run a fault campaign, and say what it found."""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from bench.faults.campaign import Campaign, Outcome, Terms, by_kind
from bench.faults.plan import Broker, kinds, plan
from bench.faults.system import System
from deploy.errors import StackError
from deploy.progress import Progress
from deploy.supervise import interruptible, uninterrupted

DEFAULT_SEED: Final = 20261122
RESULTS: Final = Path("bench/results")
_MINUTES: Final = {False: 22.0, True: 1.2}
_FAULTS: Final = {False: 520, True: 36}
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
    try:
        with interruptible(), _directory(keep) as directory:
            # What is not the whole campaign leaves the kept results as they are.
            whole = not only and faults is None and jobs is None and minutes is None
            results = RESULTS if whole else directory
            terms = Terms(name, seed, jobs or _JOBS[quick], span_s, broker, results, laid)
            outcome = _run(directory, terms, progress)
    except KeyboardInterrupt:
        context.exit(130)
    except StackError as error:
        raise click.ClickException(error.message) from None
    _say(outcome, as_json=as_json)
    context.exit(1 if outcome.violations else 0)


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


@contextmanager
def _directory(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        if keep.exists() and any(keep.iterdir()):
            raise click.UsageError(f"{keep} is not empty")
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="countersign-faults-") as directory:
        yield Path(directory)


def _say(outcome: Outcome, *, as_json: bool) -> None:
    done = len(outcome.injected) - outcome.missed
    missed = f" ({outcome.missed} could not be injected)" if outcome.missed else ""
    count = len(outcome.violations)
    if as_json:
        document = {
            "faults": done,
            "not_injected": outcome.missed,
            "kinds": by_kind(outcome.injected),
            "jobs_accepted": outcome.accepted,
            "violations": list(outcome.violations),
        }
        click.echo(json.dumps(document))
        return
    for line in outcome.violations:
        click.echo(f"violation: {line}")
    click.echo(
        f"faults: {done} faults{missed}, {outcome.accepted} jobs accepted, {count} violations"
    )


if __name__ == "__main__":
    sys.exit(faults.main())
