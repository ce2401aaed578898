"""A campaign's evidence made by hand, and one that is clean with all that is allowed in it."""

from dataclasses import dataclass, field, replace
from typing import Any

from bench.faults.evidence import Effect, Evidence, FinalRecord, Run, Scanned
from bench.faults.history import Change, History, JobHistory, SealedResult
from bench.faults.journal import Entry, Event
from bench.faults.logs import Logged


@dataclass
class Story:
    """What happened so far; a test adds, alters and takes away."""

    journal: list[Entry] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    changes: dict[str, list[Change]] = field(default_factory=dict)
    refs: dict[str, str | None] = field(default_factory=dict)
    results: dict[str, list[SealedResult | None]] = field(default_factory=dict)
    most: dict[str, int] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    secret: set[str] = field(default_factory=set)
    purged: set[str] = field(default_factory=set)
    records: dict[str, FinalRecord] = field(default_factory=dict)
    rest: dict[str, Any] = field(default_factory=dict)

    def say(self, event: Event, ref: str, job: str | None = None, **told: Any) -> None:
        """Add to the journal."""
        self.journal.append(Entry(event, ref, job, **told))

    def hand_in(self, ref: str, kind: str, outcome: Event, job: str | None = None) -> None:
        """One attempt to hand in a job, and its outcome."""
        self.say("attempt", ref, kind=kind)
        self.say(outcome, ref, job if outcome == "accepted" else None, status=1, code="why")
        if job is not None and job not in self.changes:
            self.refs[job] = ref
            self.accept(job)

    def accept(self, job: str) -> None:
        """The first write."""
        wrote = frozenset({"state", "attempt", "due"})
        most = self.most.setdefault(job, 5)
        self.changes[job] = [Change("queued", 0, wrote, due=1000, max_attempts=most)]
        self._keep(job)

    def write(self, job: str, state: str, error: str = "", *, step: int | None = None) -> None:
        """A new state; one that is running counts up, one that a worker ended has a result."""
        step = int(state == "running") if step is None else step
        attempt = self.changes[job][-1].attempt + step
        wrote = frozenset({"state", "attempt"} if step else {"state"})
        change = Change(state, attempt, wrote, error, 1000, 2000, self.most[job])
        self.changes[job].append(change)
        if state == "succeeded" or (error == "task_error" and state == "failed"):
            self.results.setdefault(job, []).append(SealedResult(state, attempt))
        self._keep(job)

    def run(self, job: str, *, end: bool = True, effect: bool = True) -> None:
        """Claim the job, and begin to run it."""
        self.write(job, "running")
        attempt, ref = self.changes[job][-1].attempt, str(self.refs[job])
        self.runs.append(Run("begin", job, ref, attempt))
        if effect:
            self.effects.append(Effect(job, ref, attempt))
        if end:
            self.runs.append(Run("end", job, ref, attempt))

    def timed(self, job: str, place: int, **times: Any) -> None:
        """Put a write of the ledger's at other times."""
        self.changes[job][place] = replace(self.changes[job][place], **times)

    def began(self, job: str, attempt: int, at: int) -> None:
        """Let an attempt have begun at a time."""
        wanted = ("begin", job, attempt)
        for place, run in enumerate(self.runs):
            if (run.event, run.job, run.attempt) == wanted:
                self.runs[place] = replace(run, at=at)

    def evidence(self) -> Evidence:
        """What a checker is given."""
        jobs = (
            JobHistory(
                job,
                self.refs[job],
                tuple(changes),
                job in self.removed,
                9000,
                tuple(self.results.get(job, ())),
                job in self.secret,
                job in self.purged,
            )
            for job, changes in self.changes.items()
        )
        clean = Evidence(
            journal=tuple(self.journal),
            runs=tuple(self.runs),
            effects=tuple(self.effects),
            history=History(tuple(jobs), commands=100),
            records=dict(self.records),
            scanned=Scanned(10, 1000, ()),
            left={"cs:due": 0, "cs:open": 0},
            quarantine={"replayed": 2},
            explained=frozenset({"replayed"}),
            logged=Logged(7),
        )
        return replace(clean, **self.rest)

    def _keep(self, job: str) -> None:
        last = self.changes[job][-1]
        self.records[job] = FinalRecord(last.state, last.attempt, last.error, last.max_attempts)


def clean_story() -> Story:
    """Everything that the design allows, and nothing else."""
    story = Story()
    _plain(story)
    _tried_again(story)
    _not_accepted(story)
    _ended_otherwise(story)
    return story


def _plain(story: Story) -> None:
    story.hand_in("r-quick", "quick", "accepted", "j-quick")
    story.say("answer", "r-quick", "j-quick", state="queued", attempts=0)
    story.run("j-quick")
    story.write("j-quick", "succeeded")
    story.say("replay", "r-quick", status=409, code="replayed")
    for _ in range(2):
        told = {"state": "succeeded", "attempts": 1, "finished_at": "2026"}
        story.say("answer", "r-quick", "j-quick", **told)
    story.hand_in("r-key", "quick", "unknown")
    story.hand_in("r-key", "quick", "accepted", "j-key")
    story.run("j-key")
    story.write("j-key", "succeeded")

    story.hand_in("r-secret", "secret", "accepted", "j-secret")
    story.secret.add("j-secret")
    story.run("j-secret")
    story.write("j-secret", "succeeded")
    story.purged.add("j-secret")


def _tried_again(story: Story) -> None:
    story.hand_in("r-flaky", "flaky", "accepted", "j-flaky")
    story.run("j-flaky", end=False, effect=False)
    story.write("j-flaky", "queued", "task_error")
    story.run("j-flaky")
    story.write("j-flaky", "succeeded")
    # Its worker stood still: the first attempt has its effect and its end after the second began.
    story.hand_in("r-slow", "slow", "accepted", "j-slow")
    story.run("j-slow", end=False)
    story.write("j-slow", "queued", "worker_lost")
    story.run("j-slow", effect=False)
    story.runs.append(Run("end", "j-slow", "r-slow", 1))
    story.write("j-slow", "succeeded")
    story.hand_in("r-held", "held", "unknown", "j-held")
    story.run("j-held", end=False)
    story.write("j-held", "held", "worker_lost")
    story.write("j-held", "queued", "worker_lost")
    story.run("j-held", effect=False)
    story.write("j-held", "succeeded")


def _not_accepted(story: Story) -> None:
    story.hand_in("r-invalid", "invalid", "refused")
    story.say("answer", "r-quick", "j-quick", status=503, code="ledger_unavailable")
    story.hand_in("r-nothing", "quick", "unknown")
    story.say("attempt", "r-silent", kind="quick")
    story.hand_in("r-mixed", "quick", "unknown")
    story.hand_in("r-mixed", "quick", "refused", "j-mixed")
    story.run("j-mixed")
    story.write("j-mixed", "succeeded")


def _ended_otherwise(story: Story) -> None:
    story.hand_in("r-failing", "failing", "accepted", "j-failing")
    story.run("j-failing", end=False, effect=False)
    story.write("j-failing", "failed", "task_error")
    # Every attempt was lost, one of them after its effect.
    story.most["j-lost"] = 1
    story.hand_in("r-lost", "quick", "accepted", "j-lost")
    story.run("j-lost", end=False)
    story.write("j-lost", "failed", "worker_lost")
    story.hand_in("r-cancelled", "cancelled", "accepted", "j-cancelled")
    story.say("cancel", "r-cancelled", "j-cancelled")
    story.write("j-cancelled", "cancelled")
    story.say("answer", "r-cancelled", "j-cancelled", state="cancelled")
    story.hand_in("r-brief", "brief", "accepted", "j-brief")
    story.write("j-brief", "expired")
