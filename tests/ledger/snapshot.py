"""What the ledger's Redis holds at one moment, and the rules that it must keep."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import redis

from signing.ledger.states import TERMINAL, TRANSITIONS, State

Index = Mapping[str, float]
Fields = Mapping[str, str]

#: The fields that a transition may change; all others are written once.
CHANGING: Final = frozenset(
    {
        "state",
        "due",
        "attempt",
        "published",
        "taken",
        "counted",
        "claim",
        "worker",
        "started",
        "finished",
    }
    | {"error", "max_attempts"}
)

#: How many hints there were is no change of the job.
HINTS: Final = frozenset({"taken", "counted"})
#: The producers of the walks.
PRODUCERS: Final = ("acme", "rated", "small")
_INDEXES: Final = ("cs:due", "cs:running", "cs:held", "cs:expiring")


class LedgerBroken(AssertionError):
    """A rule of the ledger does not hold."""


@dataclass(frozen=True)
class Snapshot:
    """Records, seals, results and indexes; ids and names as text."""

    jobs: Mapping[str, Fields]
    seals: frozenset[str]
    kept: frozenset[str]
    results: frozenset[str]
    due: Index
    running: Index
    held: Index
    expiring: Index
    producers: Mapping[str, Index]
    forget: frozenset[str]
    published: Mapping[str, Index]
    purge: frozenset[str]
    open: Mapping[str, int]
    now: int

    def state(self, job_id: str) -> State | None:
        """A job's state; `None` where there is no such job."""
        fields = self.jobs.get(job_id)
        return None if fields is None else fields["state"]  # type: ignore[return-value]

    def count(self, job_id: str, name: str) -> int:
        """A numeric field of a job."""
        return int(self.jobs[job_id][name])

    @property
    def unsettled(self) -> frozenset[str]:
        """Jobs that have not reached a final state."""
        return frozenset(i for i in self.jobs if self.state(i) not in TERMINAL)


def take_snapshot(superuser: redis.Redis, ids: Iterable[str], queues: Iterable[str]) -> Snapshot:
    """Read everything in one transaction."""
    jobs, names = list(ids), list(queues)
    pipe: Any
    with superuser.pipeline(transaction=True) as pipe:
        for job in jobs:
            pipe.hgetall(f"cs:job:{job}")
            pipe.exists(f"cs:seal:{job}")
            pipe.exists(f"cs:kept:{job}")
            pipe.exists(f"cs:result:{job}")
        for key in (*_INDEXES, *_published(names), *map(_producer, PRODUCERS)):
            pipe.zrange(key, 0, -1, withscores=True)
        pipe.zrange("cs:forget", 0, -1)
        pipe.zrange("cs:purge", 0, -1)
        pipe.hgetall("cs:open")
        pipe.time()
        replies = pipe.execute()
    records = {job: _text(replies[4 * i]) for i, job in enumerate(jobs) if replies[4 * i]}
    rest = replies[4 * len(jobs) :]
    indexes = [{key.decode(): score for key, score in reply} for reply in rest[:-4]]
    forget, purge, open_jobs, (seconds, micros) = rest[-4:]
    fixed, named = indexes[: len(_INDEXES)], indexes[len(_INDEXES) :]
    return Snapshot(
        jobs=records,
        seals=frozenset(job for i, job in enumerate(jobs) if replies[4 * i + 1]),
        kept=frozenset(job for i, job in enumerate(jobs) if replies[4 * i + 2]),
        results=frozenset(job for i, job in enumerate(jobs) if replies[4 * i + 3]),
        due=fixed[0],
        running=fixed[1],
        held=fixed[2],
        expiring=fixed[3],
        producers=dict(zip(PRODUCERS, named[len(names) :], strict=True)),
        forget=frozenset(entry.decode() for entry in forget),
        published=dict(zip(names, named[: len(names)], strict=True)),
        purge=frozenset(path.decode() for path in purge),
        open={name: int(count) for name, count in _text(open_jobs).items()},
        now=seconds * 1000 + micros // 1000,
    )


#: The indexes in which a job of each state stands.
_ALLOWED: Final[Mapping[str, tuple[list[str], ...]]] = {
    "queued": (["due"], ["published"]),
    "running": (["running"],),
    "held": (["held"],),
}


def broken_rules(held: Snapshot) -> list[str]:
    """Name every rule that one snapshot breaks."""
    said = [text for job in held.jobs for text in (*_in_places(held, job), *_kept(held, job))]
    return said + _strangers(held) + _counts(held)


def _in_places(held: Snapshot, job: str) -> list[str]:
    """What is wrong with the indexes in which a job stands."""
    fields, said = held.jobs[job], []
    state = fields["state"]
    places = _places(held, job, fields["queue"])
    if places not in _ALLOWED.get(state, ([],)):
        said.append(f"a job that is {state} stands in {places}")
    if state in TERMINAL and job in held.expiring:
        said.append("a settled job still expires")
    over = state == "running" and int(fields["expires"]) <= held.now
    if state not in TERMINAL and not over and job not in held.expiring:
        said.append(f"a job that is {state} never expires")
    if (f"{job} {fields['producer']}" in held.forget) != (state in TERMINAL):
        said.append(f"a job that is {state} is to be forgotten, or is not")
    if [name for name, index in held.producers.items() if job in index] != [fields["producer"]]:
        said.append("a job is not its producer's")
    return said


def _kept(held: Snapshot, job: str) -> list[str]:
    """What is wrong with what is kept of a job besides."""
    fields, said = held.jobs[job], []
    state = fields["state"]
    may_run_again = fields["secret"] == "0" and state in ("failed", "expired")
    if (job in held.seals) != (state not in TERMINAL):
        said.append(f"a job that is {state} has a seal: {job in held.seals}")
    if (job in held.kept) != may_run_again:
        said.append(f"the seal of a job that is {state} is kept: {job in held.kept}")
    if job in held.results and state not in ("succeeded", "failed"):
        said.append(f"a job that is {state} has a result")
    if int(fields["attempt"]) > int(fields["max_attempts"]):
        said.append("more attempts than allowed")
    secrets = f"jobs/{fields['queue']}/{fields['task']}/{job}"
    if (secrets in held.purge) != (state in TERMINAL and fields["secret"] == "1"):
        said.append(f"a job that is {state} has its secret listed: {secrets in held.purge}")
    return said


def broken_changes(before: Snapshot, after: Snapshot, events: Iterable[str]) -> list[str]:
    """Name every rule that the change between two snapshots breaks, by one script's events."""
    said = []
    allowed = tuple(events)
    for job, new in after.jobs.items():
        old = before.jobs.get(job)
        state, was = after.state(job), before.state(job)
        if state != was and not any(state in TRANSITIONS.get((e, was), ()) for e in allowed):
            said.append(f"{was} became {state} by {allowed}")
        if old is None:
            continue
        changed = {name for name in {*old, *new} if old.get(name) != new.get(name)}
        if was in TERMINAL and changed - HINTS:
            said.append(f"a settled job changed: {sorted(changed)}")
        if changed - HINTS and not any((e, was) in TRANSITIONS for e in allowed):
            said.append(f"{allowed} is not for a job that is {was}, and changed {sorted(changed)}")
        if changed - CHANGING:
            said.append(f"written a second time: {sorted(changed - CHANGING)}")
        step = after.count(job, "attempt") - before.count(job, "attempt")
        if step != int(was == "queued" and state == "running"):
            said.append(f"the fencing token moved by {step} from {was} to {state}")
    if set(before.jobs) - set(after.jobs):
        said.append("a job is gone")
    return said


def _places(held: Snapshot, job: str, queue: str) -> list[str]:
    places = [name for name in ("due", "running", "held") if job in getattr(held, name)]
    named = [name for name, index in held.published.items() if job in index]
    return places + ["published" if name == queue else "published elsewhere" for name in named]


def _strangers(held: Snapshot) -> list[str]:
    found = [held.due, held.running, held.held, held.expiring, *held.published.values()]
    if any(job not in held.jobs for index in found for job in index):
        return ["an index names a job that is not there"]
    return []


def _counts(held: Snapshot) -> list[str]:
    counted = Counter(held.jobs[job]["producer"] for job in held.unsettled)
    if {name: count for name, count in held.open.items() if count} != counted:
        return [f"open jobs: {dict(counted)} counted, {dict(held.open)} kept"]
    return []


def _producer(name: str) -> str:
    return f"cs:producer:{name}"


def _published(queues: Iterable[str]) -> list[str]:
    return [f"cs:published:{queue}" for queue in queues]


def _text(fields: Mapping[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in fields.items()}
