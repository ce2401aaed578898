"""Statements about the door: who was registered, what was accepted, what was refused."""

from collections import Counter
from collections.abc import Sequence

from deploy.demo.cast import Part
from deploy.demo.check import Check, all_of, counted
from deploy.demo.facts import Ledger, Sent, Turned
from deploy.demo.planted import places


def registered(part: Part, summary: str) -> Check:
    """The registration that was read back is the one that was meant."""
    expected = f"{part.key_id} ({part.algorithm}) may run {', '.join(part.tasks)}"
    statement = f"{part.name} is registered with its own key and grants"
    return Check(f"registered:{part.name}", statement, expected, summary)


def accepted(sent: Sequence[Sent]) -> Check:
    """All jobs were accepted."""
    told = Counter(each.told for each in sent)
    seen = ", ".join(f"{count} x {answer}" for answer, count in sorted(told.items()))
    expected = f"{len(sent)} x 202"
    return Check("accepted", "every rightly signed and granted job is accepted", expected, seen)


def submitted_once(first: str, again: str) -> Check:
    """An idempotency key gives the same job."""
    statement = "a submission repeated under its idempotency key is the same job"
    return Check("idempotent", statement, first, again)


def secrets_taken_out(sent: Sequence[Sent]) -> Check:
    """Exactly the places where secrets were sent were told as taken out."""
    outcomes = [
        set(each.secrets) == {f"/args{place}" for place in places(each.job.args)} for each in sent
    ]
    statement = "of every job the secrets, declared or not, are taken out, and nothing else"
    return all_of("secrets-taken-out", statement, outcomes)


def turned_away(turned: Turned) -> Check:
    """A wrong request was refused for the right reason."""
    case = turned.case
    return Check(f"refused:{case.name}", f"{case.what} is refused", case.answer, turned.reply.told)


def ledger_holds(sent: Sequence[Sent], ledger: Ledger) -> Check:
    """The ledger has the accepted jobs, and nothing of the refused."""
    known = {each.job_id for each in sent}
    strangers = len(ledger.jobs.keys() - known)
    statement = "the ledger holds the accepted jobs and no other"
    return Check(
        "ledger",
        statement,
        f"{len(known)} and 0 others",
        f"{len(ledger.jobs.keys() & known)} and {strangers} others",
    )


def two_queues(sent: Sequence[Sent]) -> Check:
    """The jobs go to both queues."""
    queues = sorted({each.job.queue for each in sent})
    return Check("two-queues", "the jobs are for two queues", "fast, slow", ", ".join(queues))


def nothing_ran(ledger: Ledger) -> Check:
    """No worker is there yet."""
    return counted("not-begun", "without a worker no job has begun", 0, ledger.runs)
