"""`make power-cut`: is every 202 there after the power went, at any moment of a run?

The real Redis runs under strace, so that it is known which bytes of its append-only files were
durable at each moment. The real gateway accepts jobs meanwhile. Then Redis is started from what a
cut at chosen moments would have left, and held to everything that was answered before.
Control: the same with `appendfsync everysec` has to lose jobs.
"""

import json
import shutil
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from random import Random
from typing import Any, Final

from bench.power.image import TAILS
from bench.power.moments import moments
from bench.power.report import HEADER, at_most, figures, line, moments_of
from bench.power.restore import Verdict, images, judge
from bench.power.run import Load, Recording, record
from bench.power.whole import Whole, whole_stack
from bench.stack import BenchStack, bench_stack
from deploy.errors import StackError

RESULTS: Final = Path("bench/results")


def main() -> None:
    """Run, print, and keep the figures; exit status 1 where a promise was broken."""
    try:
        raise SystemExit(_run(_options()))
    except StackError as error:
        raise SystemExit(f"Error: {error.message}") from None


def _run(options: Any) -> int:
    started = time.perf_counter()
    load = Load(jobs=options.jobs, seconds=options.seconds, seed=options.seed)
    with bench_stack() as stack:
        verdicts, whole = _rounds(stack, load, options.rounds, options.cuts)
        control = figures(_control(stack, load, options.cuts // 4))
    found = {tail: figures([item for item in verdicts if item.tail == tail]) for tail in TAILS}
    print(HEADER)
    for tail in TAILS:
        print(line(_NAMES[tail], found[tail]))
    print(line("control: everysec", control))
    broken, tried = moments_of(verdicts)
    failed = sum(item.failed for item in whole)
    print(f"moments with a broken promise: {at_most(broken, tried)}")
    print(f"whole stack started from a cut: {failed} of {len(whole)} failed")
    print(f"{time.perf_counter() - started:.0f} s")
    blind = not control["jobs_broken"]
    if blind:
        print("the control lost nothing: this check is blind")
    _keep({"cuts": found, "control": control, "whole": [asdict(item) for item in whole]}, options)
    return int(bool(broken or failed or blind))


_NAMES: Final = {
    "strict": "synced bytes alone",
    "torn": "and some of the unsynced",
    "zeros": "and a tail of zeros",
    "garbage": "and a tail of garbage",
}


def _options() -> Any:
    parser = ArgumentParser(prog="make power-cut", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3, help="runs, each killed at its end")
    parser.add_argument("--cuts", type=int, default=40, help="moments of each run")
    parser.add_argument("--jobs", type=int, default=800, help="of each run, at most")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each run, at most")
    return parser.parse_args()


def _rounds(
    stack: BenchStack, load: Load, rounds: int, cuts: int
) -> tuple[list[Verdict], list[Whole]]:
    verdicts: list[Verdict] = []
    whole: list[Whole] = []
    for number in range(rounds):
        seed = load.seed + number
        # The moment of the kill is a random one too: the run ends at another number of jobs.
        jobs = Random(seed).randint(load.jobs // 2, load.jobs)
        with _directory(stack) as work:
            recording = record(stack, work, replace(load, seed=seed, jobs=jobs))
            chosen = _moments(recording, seed, cuts)
            accepted = len(recording.journal.promises)
            print(f"run {number + 1}: {accepted} jobs accepted, {len(chosen)} cuts", flush=True)
            verdicts += [
                judge(stack, recording, image, seed) for image in images(recording, chosen)
            ]
            whole.append(whole_stack(stack, recording, seed))
    return verdicts, whole


@contextmanager
def _directory(stack: BenchStack) -> Iterator[Path]:
    """A directory for one run, beside Redis's."""
    directory = stack.paths.state / "power"
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _moments(recording: Recording, seed: int, count: int) -> list[float]:
    """Chosen ones, and the one at which everything was really killed."""
    chosen = moments(recording.calls, recording.journal.promises, Random(seed), count - 1)
    return [*chosen, recording.killed_at]


def _control(stack: BenchStack, load: Load, cuts: int) -> Sequence[Verdict]:
    """The strict cuts of one more run, which syncs late: jobs have to be missing."""
    late = replace(load, jobs=load.jobs // 3, worker=False, fsync="everysec")
    with _directory(stack) as work:
        recording = record(stack, work, late)
        chosen = _moments(recording, load.seed, max(4, cuts))[:-1]
        strict = (image for image in images(recording, chosen) if image.tail == "strict")
        return [judge(stack, recording, image, load.seed) for image in strict]


def _keep(found: dict[str, Any], options: Any) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"options": vars(options), **found}, indent=2) + "\n"
    (RESULTS / "power-cut.json").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
