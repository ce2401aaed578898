"""What producers were told, against what the ledger has."""

from collections.abc import Iterator
from typing import Final

from bench.faults.rules.facts import Facts, Rule, Seen
from signing.ledger.states import TERMINAL

#: Kinds of jobs that may end so; what is not here may be of any kind.
_ONLY: Final = {"expired": frozenset({"brief"})}
_NEVER_WELL: Final = frozenset({"failing"})
#: Not found, or not this producer's.
_DENIED: Final = frozenset({403, 404, 410})


def lost(facts: Facts) -> Iterator[Seen]:
    """An accepted job has a record."""
    for job, ref in facts.accepted.items():
        if job not in facts.jobs:
            yield Seen(job, ref, "accepted, and never written by the ledger")
        elif job not in facts.evidence.records:
            yield Seen(job, ref, "accepted, and without a record at the end")


def unsettled(facts: Facts) -> Iterator[Seen]:
    """Every job that the ledger has ends, whatever its producer was told of it."""
    for job, record in facts.evidence.records.items():
        if record.state not in TERMINAL:
            yield Seen(job, facts.ref_of(job), f"still {record.state}")


def other_id(facts: Facts) -> Iterator[Seen]:
    """An id that was told is that of the job that was handed in, and the same each time."""
    for sub in facts.submissions.values():
        if len(sub.accepted) > 1:
            yield Seen(sub.accepted[1], sub.ref, f"told {len(sub.accepted)} ids")
    for job, ref in facts.accepted.items():
        known = facts.jobs.get(job)
        if known is not None and known.ref != ref:
            yield Seen(job, ref, f"the ledger has this job for {known.ref}")


def handed_in_twice(facts: Facts) -> Iterator[Seen]:
    """What was handed in, perhaps in several tries under one key, is one job or none."""
    for ref, jobs in facts.jobs_of.items():
        if len(jobs) > 1:
            yield Seen(jobs[1], ref, f"{len(jobs)} jobs in the ledger")


def refused_but_there(facts: Facts) -> Iterator[Seen]:
    """What was refused at each try is no job."""
    for ref, sub in facts.submissions.items():
        if sub.fate == "refused" and ref in facts.jobs_of:
            yield Seen(facts.jobs_of[ref][0], ref, f"refused with {', '.join(sub.codes)}")


def unexplained(facts: Facts) -> Iterator[Seen]:
    """Every job was handed in by somebody."""
    for job, item in facts.jobs.items():
        if item.ref not in facts.submissions:
            yield Seen(job, item.ref, "nobody handed it in")


def answer_changed(facts: Facts) -> Iterator[Seen]:
    """What the gateway told of a settled job stays so, and is what the record says."""
    for job, answers in facts.answers.items():
        record = facts.evidence.records.get(job)
        settled = [answer for answer in answers if answer.state in TERMINAL]
        if not settled or record is None:
            continue
        after = answers[answers.index(settled[0]) :]
        states = {answer.state for answer in after} | {record.state}
        attempts = {answer.attempts for answer in settled if answer.attempts is not None}
        ends = {answer.finished_at for answer in settled if answer.finished_at is not None}
        if len(states) > 1 or len(attempts | {record.attempt}) > 1 or len(ends) > 1:
            told = ", ".join(sorted(str(state) for state in states))
            yield Seen(job, facts.ref_of(job), f"told and kept: {told}")


def denied(facts: Facts) -> Iterator[Seen]:
    """The gateway knows every job that it has accepted, and whose it is."""
    for entry in facts.asked:
        if entry.status in _DENIED:
            yield Seen(entry.job, entry.ref, f"accepted, and answered {entry.status}")


def wrong_answer(facts: Facts) -> Iterator[Seen]:
    """A result is that of the job that was asked for."""
    for job, answers in facts.answers.items():
        for answer in answers:
            if answer.fault:
                yield Seen(job, answer.ref, answer.fault)


def wrong_end(facts: Facts) -> Iterator[Seen]:
    """A job ends in a way in which its kind can: nobody cancels, expires or mends it."""
    for job, record in facts.evidence.records.items():
        sub = facts.submissions.get(facts.ref_of(job) or "")
        if sub is None or sub.kind is None:
            continue
        if sub.kind == "invalid":
            yield Seen(job, sub.ref, "a job that has to be refused was accepted")
        elif record.state == "succeeded" and sub.kind in _NEVER_WELL:
            yield Seen(job, sub.ref, f"a job that is {sub.kind} succeeded")
        elif record.state == "cancelled" and not sub.cancelled:
            yield Seen(job, sub.ref, "cancelled, and nobody asked for it")
        elif sub.kind not in _ONLY.get(record.state, {sub.kind}):
            yield Seen(job, sub.ref, f"a job that is {sub.kind} is {record.state}")


def failed_wrongly(facts: Facts) -> Iterator[Seen]:
    """A job fails by its task, or by the loss of its last worker; by nothing of ours."""
    for job, record in facts.evidence.records.items():
        sub = facts.submissions.get(facts.ref_of(job) or "")
        if record.state != "failed" or sub is None:
            continue
        by_task = sub.kind in _NEVER_WELL and record.error == "task_error"
        used_up = record.error == "worker_lost" and record.attempt >= record.max_attempts
        if not by_task and not used_up:
            what = f"{record.error or 'no reason'} in attempt {record.attempt}"
            yield Seen(job, sub.ref, f"a job that is {sub.kind} failed: {what}")


def replayed(facts: Facts) -> Iterator[Seen]:
    """A request that was accepted and is sent again byte for byte is never accepted again."""
    for entry in facts.replays:
        if entry.status == 202:
            yield Seen(entry.job, entry.ref, "a recorded request was accepted")


def server_error(facts: Facts) -> Iterator[Seen]:
    """The gateway knows what is wrong: of 5xx it answers 503 alone."""
    for entry in facts.evidence.journal:
        if entry.status is not None and entry.status >= 500 and entry.status != 503:
            yield Seen(entry.job, entry.ref, f"answered {entry.status}")


def _told_of_their_end(facts: Facts) -> int:
    return sum(any(a.state in TERMINAL for a in told) for told in facts.answers.values())


RULES: Final = (
    Rule("lost", "an accepted job is there", lambda f: len(f.accepted), lost),
    Rule("unsettled", "every job settles", lambda f: len(f.evidence.records), unsettled),
    Rule("other_id", "an id is told of its own job", lambda f: len(f.accepted), other_id),
    Rule(
        "handed_in_twice",
        "what was tried again is one job",
        lambda f: sum(sub.tries > 1 for sub in f.submissions.values()),
        handed_in_twice,
    ),
    Rule(
        "refused_but_there",
        "what was refused is no job",
        lambda f: sum(sub.fate == "refused" for sub in f.submissions.values()),
        refused_but_there,
    ),
    Rule("unexplained_job", "somebody handed it in", lambda f: len(f.jobs), unexplained),
    Rule("answer_changed", "a final answer stays", _told_of_their_end, answer_changed),
    Rule("denied", "an accepted job is told of", lambda f: len(f.asked), denied),
    Rule("wrong_answer", "a result is the job's own", lambda f: len(f.answers), wrong_answer),
    Rule(
        "failed_wrongly",
        "a job fails by its task or its last worker's loss",
        lambda f: sum(r.state == "failed" for r in f.evidence.records.values()),
        failed_wrongly,
    ),
    Rule("replayed", "no recorded request is accepted", lambda f: len(f.replays), replayed),
    Rule(
        "server_error",
        "of 5xx only 503 is answered",
        lambda f: sum(entry.status is not None for entry in f.evidence.journal),
        server_error,
    ),
    Rule("wrong_end", "a job ends as it can", lambda f: len(f.evidence.records), wrong_end),
)
