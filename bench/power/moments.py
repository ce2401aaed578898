"""When the power goes: right after an answer, or between a write and its sync."""

from random import Random

from bench.power.disk import SYNCS, WRITES
from bench.power.load import Promise
from bench.power.trace import Call


def moments(calls: list[Call], promises: list[Promise], random: Random, count: int) -> list[float]:
    """Choose `count` moments: a third each after answers, inside of gaps, and anywhere.

    The first answers are left out, so that each cut has something to lose.
    """
    answers = [promise.at for promise in promises[len(promises) // 10 :]]
    if not answers:
        return []
    first, last = answers[0], answers[-1]
    gaps = [gap for gap in _gaps(calls) if first <= gap[0] <= last]
    rewrites = [call.end for call in calls if _rewrites(call) and first <= call.end <= last]
    chosen = random.sample(answers, min(count // 3, len(answers)))
    chosen += [random.uniform(*gap) for gap in random.sample(gaps, min(count // 3, len(gaps)))]
    chosen += [at + 1e-6 for at in rewrites[: count // 6]]
    while len(chosen) < count:
        chosen.append(random.uniform(first, last))
    return sorted(chosen)


def _gaps(calls: list[Call]) -> list[tuple[float, float]]:
    """From the end of each write to the end of the sync of the same file that follows it."""
    found: list[tuple[float, float]] = []
    written: dict[str, float] = {}
    for call in calls:
        if ".incr.aof" not in call.path:
            continue
        if call.name in WRITES:
            written.setdefault(call.path, call.end)
        elif call.name in SYNCS and call.path in written:
            found.append((written.pop(call.path), call.end))
    return found


def _rewrites(call: Call) -> bool:
    return call.name.startswith(("rename", "unlink")) or (
        call.name == "openat" and "O_CREAT" in call.flags
    )
