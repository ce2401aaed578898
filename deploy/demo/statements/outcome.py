"""Statements about results, and about what attackers achieved."""

from collections import Counter
from collections.abc import Sequence

from deploy.demo.check import Check, all_of
from deploy.demo.facts import Ledger, Pushed, Settled

MASK = "****"


def ended_as_meant(settled: Sequence[Settled]) -> Check:
    """Jobs succeeded, but for those that had to fail."""
    expected = Counter[str](each.sent.job.ends for each in settled)
    seen = Counter(each.status for each in settled)
    statement = "every job ends as its payload makes it end"
    return Check("ended", statement, _counts(expected), _counts(seen))


def results_verify(settled: Sequence[Settled]) -> Check:
    """Each result is what a worker sealed for this job."""
    outcomes = [
        each.claims is not None
        and each.claims.id == each.sent.job_id
        and each.claims.state == each.sent.job.ends
        for each in settled
    ]
    statement = "every result verifies under a worker's key from the JWKS, bound to its job"
    return all_of("results", statement, outcomes)


def forged_results_refused(settled: Sequence[Settled]) -> Check:
    """The check of results can fail."""
    outcomes = [not each.forged_verifies for each in settled]
    return all_of("forged-results", "no result verifies with one byte of it changed", outcomes)


def tasks_had_secrets(settled: Sequence[Settled]) -> Check:
    """The tasks worked with the true secrets."""
    proofs = [each.worked_with_secret for each in settled if each.worked_with_secret is not None]
    statement = "the tasks computed with the true secrets (HMACs of webhooks and archives)"
    return all_of("secrets-used", statement, proofs)


def failure_says_little(settled: Sequence[Settled]) -> Check:
    """A failure tells the exception's type alone."""
    failed = [each.claims for each in settled if each.sent.job.ends == "failed"]
    seen = ", ".join(f"{claims.error} {claims.error_type}" for claims in failed if claims)
    statement = "a task that raises tells the exception's type and no message"
    return Check("failure", statement, "task_error ValueError", seen)


def masked(settled: Sequence[Settled]) -> Check:
    """A secret that a task puts into its result does not leave."""
    texts = [
        str(each.claims.result)
        for each in settled
        if each.claims is not None and "wifi_password" in str(each.sent.job.args)
    ]
    seen = MASK if texts and all(f"Wireless: {MASK}" in text for text in texts) else "not masked"
    return Check("masked", "a secret that a task puts into its result is masked", MASK, seen)


def quarantined(pushed: Pushed) -> Check:
    """A forgery is in the quarantine, once, with its reason."""
    forgery = pushed.forgery
    seen = ", ".join(pushed.reasons) or "not there"
    statement = f"pushed by an attacker: {forgery.what} is quarantined"
    return Check(f"attack:{forgery.name}", statement, forgery.reason, seen)


def nothing_changed(before: Ledger, after: Ledger, honest: str) -> Check:
    """No forgery ran, and none changed a job; the honest job since then does not count."""
    statement = "no forgery ran or became a job, and none changed a job"
    same = sum(after.jobs.get(job_id) == state for job_id, state in before.jobs.items())
    others = len(after.jobs.keys() - before.jobs.keys() - {honest})
    total = len(before.jobs)
    seen = f"{same} of {total} unchanged, {others} more"
    return Check("attack-without-effect", statement, f"{total} of {total} unchanged, 0 more", seen)


def worker_lives(before: int | None, after: int | None) -> Check:
    """The worker took no harm."""
    statement = "the worker is the same process as before the attack"
    seen = "the same" if before is not None and before == after else "another or none"
    return Check("worker-alive", statement, "the same", seen)


def works_on(settled: Settled) -> Check:
    """An honest job runs after the attack."""
    return Check("works-on", "a job submitted after the attack runs", "succeeded", settled.status)


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counter.items()))
