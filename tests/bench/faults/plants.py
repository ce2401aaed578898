"""Faults planted into a clean campaign's evidence, one for each way in which a rule is broken."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bench.faults.evidence import Effect, FinalRecord, Run, Scanned
from bench.faults.history import SealedResult
from bench.faults.logs import Logged, LoggedError
from tests.bench.faults.story import Story

Plant = Callable[[Story], object]


def new(story: Story, kind: str, *steps: str) -> None:
    """One more job, and where it goes: `run`, or a state."""
    story.hand_in("r-1", kind, "accepted", "j-1")
    for step in steps:
        if step == "run":
            story.run("j-1")
        else:
            story.write("j-1", step)


def gone(story: Story, job: str) -> None:
    """As if the ledger had never heard of it."""
    for kept in (story.changes, story.refs, story.records):
        kept.pop(job)
    story.runs = [run for run in story.runs if run.job != job]
    story.effects = [row for row in story.effects if row.job != job]
    story.journal = [entry for entry in story.journal if entry.event != "answer"]


def record_gone(story: Story, job: str) -> None:
    story.records.pop(job)
    story.removed.add(job)


def record(story: Story, job: str, **changes: Any) -> None:
    story.records[job] = replace(story.records[job], **changes)


def settled_again(story: Story, state: str) -> None:
    story.write("j-key", state)
    story.records["j-key"] = replace(story.records["j-key"], state=state)


def written_after(story: Story) -> None:
    last = story.changes["j-key"][-1]
    story.changes["j-key"].append(replace(last, wrote=frozenset({"error"})))


def ran_after_settling(story: Story) -> None:
    story.run("j-key", effect=False)
    story.write("j-key", "succeeded")


def token_stood(story: Story) -> None:
    """A second claim with the number of the first."""
    story.changes["j-flaky"][3] = replace(story.changes["j-flaky"][3], attempt=1)
    story.changes["j-flaky"][4] = replace(story.changes["j-flaky"][4], attempt=1)
    record(story, "j-flaky", attempt=1)
    story.runs = [r if r.job != "j-flaky" else replace(r, attempt=1) for r in story.runs]
    story.effects = [e if e.job != "j-flaky" else replace(e, attempt=1) for e in story.effects]


def token_fell(story: Story) -> None:
    last = story.changes["j-key"][-1]
    story.changes["j-key"].append(replace(last, attempt=0, wrote=frozenset({"attempt"})))
    record(story, "j-key", attempt=0)
    story.runs += [replace(run, attempt=0) for run in story.runs if run.job == "j-key"]


def doubled(story: Story, ref: str | None) -> None:
    """A second job of one reference, which ran well."""
    story.refs["j-double"], story.most["j-double"] = ref, 1
    story.accept("j-double")
    story.run("j-double", effect=False)
    story.write("j-double", "failed", "worker_lost")


def told_otherwise(story: Story, **told: Any) -> None:
    entry = [entry for entry in story.journal if entry.event == "answer" and entry.attempts][-1]
    story.journal[story.journal.index(entry)] = replace(entry, **told)


def began_running(story: Story) -> None:
    story.changes["j-key"] = story.changes["j-key"][1:]


def claimed_at(story: Story, started: int) -> None:
    story.changes["j-key"][1] = replace(story.changes["j-key"][1], started=started)


def ran_on(story: Story) -> None:
    story.most["j-1"] = 1
    new(story, "quick", "run")
    story.write("j-1", "queued", "worker_lost")
    story.run("j-1", effect=False)
    story.write("j-1", "succeeded")


def not_held(story: Story) -> None:
    new(story, "held", "run")
    story.write("j-1", "queued", "worker_lost")
    story.run("j-1", effect=False)
    story.write("j-1", "succeeded")


def not_held_but_failed(story: Story) -> None:
    story.most["j-1"] = 1
    new(story, "held", "run")
    story.write("j-1", "failed", "worker_lost")


def failed_by(story: Story, kind: str, error: str) -> None:
    new(story, kind, "run")
    story.write("j-1", "failed", error)


def no_effect(story: Story, job: str) -> None:
    story.effects = [row for row in story.effects if row.job != job]


def no_end(story: Story) -> None:
    story.runs.remove(Run("end", "j-slow", "r-slow", 2))


def refused_and_there(story: Story) -> None:
    story.hand_in("r-1", "quick", "refused")
    doubled(story, "r-1")


def cancelled_and_ran(story: Story) -> None:
    new(story, "cancelled", "run", "succeeded")
    story.say("answer", "r-1", "j-1", state="cancelled")


def token_leapt(story: Story) -> None:
    story.most["j-1"] = 2
    new(story, "quick")
    story.write("j-1", "running", step=2)
    story.write("j-1", "failed", "worker_lost")


def success_from_nowhere(story: Story) -> None:
    new(story, "quick", "running", "succeeded")
    story.effects.append(Effect("j-1", "r-1", 1))


def effects_of_two(story: Story) -> None:
    doubled(story, "r-key")
    story.effects.append(Effect("j-double", "r-key", 1))


def effect_of_another(story: Story) -> None:
    no_effect(story, "j-lost")
    story.effects.append(Effect("j-lost", "r-nothing", 1))


def began_after_the_next_claim(story: Story) -> None:
    """The later attempt has not begun."""
    story.timed("j-slow", 3, started=3000)
    story.began("j-slow", 1, 3200)


def began_after_the_end(story: Story) -> None:
    story.timed("j-lost", 2, finished=3000)
    story.began("j-lost", 1, 3200)


#: What is planted -> the plant, and the rules that have to find it, and no others.
PLANTED: dict[str, tuple[Plant, set[str]]] = {
    "an accepted job was never written": (lambda s: gone(s, "j-key"), {"lost"}),
    "an accepted job's record is deleted": (lambda s: record_gone(s, "j-key"), {"lost", "removed"}),
    "a record vanished without a trace": (
        lambda s: s.records.pop("j-key"),
        {"lost", "replay_differs"},
    ),
    "a job of an unknown outcome vanished": (lambda s: s.records.pop("j-held"), {"replay_differs"}),
    "a job is queued for ever": (lambda s: new(s, "quick"), {"unsettled"}),
    "a job is held for ever": (lambda s: new(s, "held", "run", "held"), {"unsettled"}),
    "another id is told the second time": (
        lambda s: s.say("accepted", "r-key", "j-quick"),
        {"other_id"},
    ),
    "an id of another job is told": (
        lambda s: s.hand_in("r-1", "quick", "accepted", "j-quick"),
        {"other_id"},
    ),
    "an unknown outcome became two jobs": (lambda s: doubled(s, "r-mixed"), {"handed_in_twice"}),
    "an accepted job is there twice": (lambda s: doubled(s, "r-quick"), {"handed_in_twice"}),
    "what was refused is a job": (refused_and_there, {"refused_but_there"}),
    "a job that nobody handed in": (lambda s: doubled(s, "r-stranger"), {"unexplained_job"}),
    "a job whose seal names nobody": (lambda s: doubled(s, None), {"unexplained_job"}),
    "a settled job is told to be queued again": (
        lambda s: s.say("answer", "r-quick", "j-quick", state="queued"),
        {"answer_changed"},
    ),
    "a settled job is told to have ended otherwise": (
        lambda s: told_otherwise(s, state="failed"),
        {"answer_changed"},
    ),
    "a settled job is told to have ended at another time": (
        lambda s: told_otherwise(s, finished_at="2027"),
        {"answer_changed"},
    ),
    "a settled job is told to have ended in another attempt": (
        lambda s: told_otherwise(s, attempts=2),
        {"answer_changed"},
    ),
    "a cancelled job was told and did not stay so": (cancelled_and_ran, {"answer_changed"}),
    "a result of another job is told": (
        lambda s: told_otherwise(s, fault="another job's result"),
        {"wrong_answer"},
    ),
    "a failing job succeeds": (lambda s: new(s, "failing", "run", "succeeded"), {"wrong_end"}),
    "an invalid job is accepted": (lambda s: new(s, "invalid", "cancelled"), {"wrong_end"}),
    "a job is cancelled by nobody": (lambda s: new(s, "quick", "cancelled"), {"wrong_end"}),
    "a job expires long before its time": (lambda s: new(s, "quick", "expired"), {"wrong_end"}),
    "a job settles twice, the same way": (
        lambda s: settled_again(s, "succeeded"),
        {"settled_twice", "transition"},
    ),
    "a job settles twice, another way": (
        lambda s: settled_again(s, "failed"),
        {"settled_twice", "transition", "failed_wrongly", "stale_result"},
    ),
    "a settled job is written to": (written_after, {"changed_after_settling"}),
    "a settled job runs to success again": (
        ran_after_settling,
        {"settled_twice", "changed_after_settling", "transition", "stale_result"},
    ),
    "a job that is held succeeds": (
        lambda s: new(s, "held", "run", "held", "succeeded"),
        {"transition"},
    ),
    "a running job is claimed": (
        lambda s: new(s, "quick", "run", "run", "succeeded"),
        {"transition", "effect_twice"},
    ),
    "a job begins as running": (began_running, {"transition"}),
    "the fencing token stays": (token_stood, {"attempt_fell", "attempt_ran_twice", "stale_result"}),
    "the fencing token falls": (
        token_fell,
        {
            "attempt_fell",
            "begun_too_late",
            "changed_after_settling",
            "ran_unclaimed",
            "stale_result",
        },
    ),
    "the fencing token leaps": (token_leapt, {"attempt_fell"}),
    "an attempt begins after a later one": (lambda s: s.runs.reverse(), {"begun_too_late"}),
    "an attempt begins once a later one was claimed": (
        began_after_the_next_claim,
        {"begun_too_late"},
    ),
    "an attempt begins once the job is over": (began_after_the_end, {"begun_too_late"}),
    "a role logs an error that nobody expected": (
        lambda s: s.rest.update(logged=Logged(7, (LoggedError("worker", "root", "KeyError"),))),
        {"unexpected_error"},
    ),
    "an attempt too many": (ran_on, {"too_many_attempts"}),
    "an attempt before the job is due": (lambda s: claimed_at(s, 999), {"out_of_time"}),
    "an attempt of an expired job": (lambda s: claimed_at(s, 9000), {"out_of_time"}),
    "a job to be held runs again": (not_held, {"hold_ignored"}),
    "a job to be held fails": (not_held_but_failed, {"hold_ignored"}),
    "the result of a stale attempt is kept": (
        lambda s: s.results.update({"j-slow": [SealedResult("succeeded", 1)]}),
        {"stale_result"},
    ),
    "a result says otherwise than the record": (
        lambda s: s.results.update({"j-key": [SealedResult("failed", 1)]}),
        {"stale_result"},
    ),
    "a result cannot be read": (lambda s: s.results.update({"j-key": [None]}), {"stale_result"}),
    "a success has no result": (lambda s: s.results.update({"j-key": []}), {"stale_result"}),
    "a job fails for want of its secret": (
        lambda s: failed_by(s, "secret", "secret_unavailable"),
        {"failed_wrongly"},
    ),
    "a job fails that was to be tried again": (
        lambda s: failed_by(s, "flaky", "task_error"),
        {"failed_wrongly"},
    ),
    "a job is lost with attempts left": (
        lambda s: failed_by(s, "quick", "worker_lost"),
        {"failed_wrongly"},
    ),
    "a recorded request is accepted": (
        lambda s: s.say("replay", "r-quick", "j-quick", status=202),
        {"replayed"},
    ),
    "a gateway does not know what is wrong": (
        lambda s: s.say("answer", "r-quick", "j-quick", status=500),
        {"server_error"},
    ),
    "a worker lost a job, and nothing was done to it": (
        lambda s: s.rest.update(losses_explained=frozenset()),
        {"lost_unexplained"},
    ),
    "a settled job's secret is left": (lambda s: s.purged.clear(), {"secret_kept"}),
    "a settled job's secret is said to be deleted": (
        lambda s: s.rest.update(stored=frozenset({"j-secret"})),
        {"secret_stored"},
    ),
    "a record is not what was written": (
        lambda s: record(s, "j-failing", state="expired"),
        {"replay_differs", "wrong_end"},
    ),
    "a record was written by nobody": (
        lambda s: s.records.update({"j-1": FinalRecord("failed", 1)}),
        {"replay_differs"},
    ),
    "the ledger was emptied": (
        lambda s: s.rest.update(history=replace(s.evidence().history, wiped=1)),
        {"wiped"},
    ),
    "a settled job is left in an index": (
        lambda s: s.rest.update(left={"cs:due": 1}),
        {"left_behind"},
    ),
    "an attempt begins twice": (
        lambda s: s.runs.append(Run("begin", "j-key", "r-key", 1)),
        {"attempt_ran_twice"},
    ),
    "an attempt runs that nobody claimed": (
        lambda s: s.runs.append(Run("begin", "j-key", "r-key", 2)),
        {"ran_unclaimed"},
    ),
    "a job runs that the ledger does not know": (
        lambda s: s.runs.append(Run("begin", "j-1", "r-nothing", 1)),
        {"ran_unclaimed"},
    ),
    "a job succeeds whose last attempt did not end": (no_end, {"end_unseen"}),
    "a job succeeds that never ran": (success_from_nowhere, {"end_unseen"}),
    "a job succeeds without its effect": (lambda s: no_effect(s, "j-key"), {"effect_missing"}),
    "an effect happens twice": (
        lambda s: s.effects.append(Effect("j-key", "r-key", 1)),
        {"effect_twice"},
    ),
    "an effect happens for two jobs of one reference": (
        effects_of_two,
        {"effect_twice", "handed_in_twice"},
    ),
    "an effect of an attempt that nobody claimed": (
        lambda s: s.effects.append(Effect("j-failing", "r-failing", 2)),
        {"effect_unclaimed"},
    ),
    "an effect with another job's arguments": (effect_of_another, {"effect_unclaimed"}),
    "an accepted job is not found": (
        lambda s: s.say("answer", "r-quick", "j-quick", status=404, code="not_found"),
        {"denied"},
    ),
    "an accepted job is another producer's": (
        lambda s: s.say("answer", "r-key", "j-key", status=403, code="forbidden"),
        {"denied"},
    ),
    "a secret is found": (
        lambda s: s.rest.update(scanned=Scanned(1, 1, ("file:a.aof (hex)",))),
        {"canary"},
    ),
    "a message is quarantined without a cause": (
        lambda s: s.rest.update(quarantine={"signature_invalid": 1}),
        {"quarantined"},
    ),
}
