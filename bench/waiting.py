"""`make bench-waiting`: does a job cost the same with 1,000,000 waiting as with 100?

Two Redis over TLS stand side by side, filled by the real scripts: one with 100 jobs waiting, one
with a million in the queue and a million that are due in a month. Every step of a job's life is
measured on both in turns, for each job by the wall and by what Redis's processor took.
"""

import json
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.scale.fill import MONTH_MS, fill, publish_all, push_stand_ins
from bench.scale.idle import Idle, idle_cost
from bench.scale.measure import PER_JOB, PER_LOOK, Figures, Rounds
from bench.scale.place import Place, Spent

RESULTS: Final = Path("bench/results")
FEW: Final = 100
#: Before anything is published, so many first batches are taken.
DUE_LOOKS: Final = 5
#: By the wall, with the round trip and the sync that a batch needs, a job costs the same.
BOUND: Final = 1.5
#: Redis's own processor may take what a walk down a tree of a million takes over one of a hundred:
#: log2 of a million by log2 of a hundred. An index that is read through would take 10,000.
REDIS_BOUND: Final = 3.0
BY_THE_WALL: Final = {
    "accepting": ("accept",),
    "publishing": ("take due", "publish to the queue"),
    "claiming": ("claim",),
    "settling": ("settle",),
}
#: Ticks of the processor's clock are 10 ms: so much a second is not told from nothing.
IDLE_MS: Final = 5.0


def main() -> None:
    """Measure, print, and keep the figures; exit status 1 where a bound is missed."""
    options = _options()
    started = time.perf_counter()
    with _place("few") as few, _place("many") as many:
        due = _fill(few, FEW), _fill(many, options.waiting)
        print(f"filled in {time.perf_counter() - started:.0f} s; measuring", flush=True)
        memory = int(many.superuser.info("memory")["used_memory"])
        rounds = [Rounds(few), Rounds(many)]
        for number in range(options.rounds):
            for each in rounds[:: 1 if number % 2 else -1]:
                each.run()
        idle = idle_cost([few, many])
    figures = rounds[0].figures, rounds[1].figures
    ratios = {step: _ratio(*figures, step) for step in (*PER_JOB, *PER_LOOK)}
    _print(options.waiting, figures, ratios, idle)
    jobs = 2 * options.waiting
    print(f"{memory / jobs:.0f} bytes a waiting job")
    print(f"{due[0]:.1f} and {due[1]:.1f} us a job to take the first while all of them are due")
    print(f"{time.perf_counter() - started:.0f} s in all")
    missed = [step for step, ratio in ratios.items() if ratio.redis_us > REDIS_BOUND]
    if due[1] > REDIS_BOUND * due[0]:
        missed.append("taking the first of all that are due")
    for name, steps in BY_THE_WALL.items():
        ratio = _wall(figures[1], steps) / _wall(figures[0], steps)
        print(f"{name}: {ratio:.2f} times as long by the wall")
        if ratio > BOUND:
            missed.append(name)
    if idle[1].dispatcher_ms > idle[0].dispatcher_ms * BOUND + IDLE_MS:
        missed.append("an idle dispatcher")
    if idle[1].redis_ms > idle[0].redis_ms * BOUND + IDLE_MS:
        missed.append("its Redis")
    for step in missed:
        print(f"costs too much more: {step}")
    _keep(options, figures, ratios, idle, memory / jobs, due)
    raise SystemExit(1 if missed else 0)


def _options() -> Any:
    parser = ArgumentParser(prog="make bench-waiting", description=__doc__)
    parser.add_argument("--waiting", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=15)
    return parser.parse_args()


@contextmanager
def _place(name: str) -> Iterator[Place]:
    with ExitStack() as stack:
        state = stack.enter_context(tempfile.TemporaryDirectory(prefix="countersign-bench-"))
        place = Place(name, Path(state) / "state")
        stack.callback(place.close)
        yield place


def _fill(place: Place, waiting: int) -> float:
    """Fill a place; give what taking the first jobs cost each while all of them were due, us."""
    place.relax(relaxed=True)
    fill(place, waiting, in_ms=MONTH_MS)
    fill(place, waiting)
    took = [_take_due(place, FEW // DUE_LOOKS) for _ in range(DUE_LOOKS)]
    publish_all(place)
    place.relax(relaxed=False)
    return median(took)


def _take_due(place: Place, count: int) -> float:
    """Take so many jobs; give what each cost, us."""
    at = time.perf_counter()
    taken = len(place.dispatcher.take_due(count))
    took = (time.perf_counter() - at) * 1_000_000 / taken
    push_stand_ins(place, taken)
    return took


def _ratio(few: Figures, many: Figures, step: str) -> Spent:
    """The middle ones of the rounds' ratios."""
    pairs = list(zip(few.steps[step], many.steps[step], strict=True))
    wall = median(late.wall_us / early.wall_us for early, late in pairs)
    # A step may be shorter than what the processor's clock tells apart.
    redis = median(max(1.0, late.redis_us) / max(1.0, early.redis_us) for early, late in pairs)
    return Spent(wall, redis)


def _wall(figures: Figures, steps: tuple[str, ...]) -> float:
    """The least of all rounds: what other work on the machine adds is no cost of a job's."""
    return sum(min(each.wall_us for each in figures.steps[step]) for step in steps)


def _print(
    waiting: int, figures: tuple[Figures, Figures], ratios: dict[str, Spent], idle: list[Idle]
) -> None:
    print(f"{'us a job':28}{'of Redis':>20}{'ratio':>8}{'by the wall':>23}{'ratio':>8}")
    print(f"{'jobs waiting':28}{FEW:>10,}{waiting:>10,}{'':8}{FEW:>12,}{waiting:>11,}")
    for step, ratio in ratios.items():
        few, many = figures[0].median(step), figures[1].median(step)
        inside = f"{few.redis_us:10.1f}{many.redis_us:10.1f}{ratio.redis_us:8.2f}"
        print(f"{step:28}{inside}{few.wall_us:12.1f}{many.wall_us:11.1f}{ratio.wall_us:8.2f}")
    for name in ("dispatcher_ms", "redis_ms"):
        few_ms, many_ms = getattr(idle[0], name), getattr(idle[1], name)
        print(f"idle: {name:22}{few_ms:10.1f}{many_ms:10.1f}   ms of processor a second")


def _keep(
    options: Any,
    figures: tuple[Figures, Figures],
    ratios: dict[str, Spent],
    idle: list[Idle],
    bytes_a_job: float,
    due: tuple[float, float],
) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    steps = {
        step: {
            "few": asdict(figures[0].median(step)),
            "many": asdict(figures[1].median(step)),
            "ratio": asdict(ratio),
        }
        for step, ratio in ratios.items()
    }
    found = {
        "few": FEW,
        "many": options.waiting,
        "rounds": options.rounds,
        "bounds": {"wall": BOUND, "redis": REDIS_BOUND},
        "steps": steps,
        "idle_ms_a_second": {"few": asdict(idle[0]), "many": asdict(idle[1])},
        "bytes_a_waiting_job": bytes_a_job,
        "first_of_all_due_us": dict(zip(("few", "many"), due, strict=True)),
    }
    (RESULTS / "waiting.json").write_text(json.dumps(found, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
