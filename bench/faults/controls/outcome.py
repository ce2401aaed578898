"""What became of jobs, counted alike for any system whose tasks write to the sink. Pure."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

#: Two clocks of one machine, and what lies between a task's end and what is kept of it.
SLACK_MS = 5


@dataclass(frozen=True, slots=True)
class Noted:
    """A line of the sink: when a job's function began, or was about to return; ms."""

    event: Literal["begin", "end"]
    job: str
    at: int


@dataclass(frozen=True, slots=True)
class Counted:
    """How jobs fared.

    Attributes:
        lost: accepted, never run to its end, and nowhere to come back from.
        lost_running: of them, those that had begun.
        stuck: as well, but the broker holds it, for longer than was waited.
        ran_twice: begun more than once; after a kill, somebody has to.
        ended_twice: run to its end more than once.
        ran_after_success: begun when its success was kept already.
    """

    accepted: int
    ended: int
    lost: int
    lost_running: int
    stuck: int
    ran_twice: int
    ended_twice: int
    ran_after_success: int


def count(
    accepted: Collection[str],
    noted: Iterable[Noted],
    succeeded_at: Mapping[str, int],
    *,
    settled: Collection[str] = (),
    held_by_broker: Collection[str] = (),
) -> Counted:
    """Count.

    Args:
        accepted: ids that were promised.
        noted: all that ran.
        succeeded_at: when a success was kept, ms.
        settled: those that ended another way than by running.
        held_by_broker: those that may be delivered again.
    """
    begins: defaultdict[str, list[int]] = defaultdict(list)
    ends: Counter[str] = Counter()
    for line in noted:
        if line.event == "begin":
            begins[line.job].append(line.at)
        else:
            ends[line.job] += 1
    open_jobs = set(accepted) - ends.keys() - set(settled)
    lost = open_jobs - set(held_by_broker)
    return Counted(
        accepted=len(accepted),
        ended=len(ends),
        lost=len(lost),
        lost_running=len(lost & begins.keys()),
        stuck=len(open_jobs & set(held_by_broker)),
        ran_twice=sum(len(times) > 1 for times in begins.values()),
        ended_twice=sum(times > 1 for times in ends.values()),
        ran_after_success=sum(
            max(begins[job], default=at) > at + SLACK_MS for job, at in succeeded_at.items()
        ),
    )
