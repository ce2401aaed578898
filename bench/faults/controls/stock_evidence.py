"""Stock Celery's jobs as evidence for the campaign's own checker. Pure.

Its result backend is taken for the ledger: a job whose success it holds has settled, any other has
not. It numbers no attempts, so that each of a job's runs is the same one.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from bench.faults.evidence import Effect, Evidence, FinalRecord, Run, Scanned
from bench.faults.history import Change, History, JobHistory, SealedResult
from bench.faults.journal import Entry

ATTEMPT: Final = 1
_WROTE: Final = frozenset({"state", "attempt"})


def stock_evidence(
    accepted: Mapping[str, str],
    succeeded: frozenset[str],
    runs: tuple[Run, ...],
    effects: tuple[Effect, ...],
) -> Evidence:
    """Make the evidence.

    Args:
        accepted: references of the jobs that were sent, by their ids.
        succeeded: those whose success is kept.
        runs: all that the tasks noted.
        effects: all that they did.
    """
    begun = {run.job for run in runs if run.event == "begin"}
    jobs = tuple(
        _history(job, ref, begun=job in begun, succeeded=job in succeeded)
        for job, ref in accepted.items()
    )
    return Evidence(
        journal=tuple(_journal(accepted)),
        runs=runs,
        effects=effects,
        history=History(jobs),
        records={
            job.job: FinalRecord(job.changes[-1].state, job.changes[-1].attempt) for job in jobs
        },
        scanned=Scanned(0, 0, ()),
        left={},
        quarantine={},
    )


def _journal(accepted: Mapping[str, str]) -> Iterator[Entry]:
    for job, ref in accepted.items():
        yield Entry("attempt", ref)
        yield Entry("accepted", ref, job)


def _history(job: str, ref: str, *, begun: bool, succeeded: bool) -> JobHistory:
    changes = [Change("queued", 0, _WROTE, max_attempts=ATTEMPT)]
    if begun:
        changes.append(Change("running", ATTEMPT, _WROTE, max_attempts=ATTEMPT))
    if succeeded:
        changes.append(Change("succeeded", ATTEMPT, _WROTE, max_attempts=ATTEMPT))
    return JobHistory(
        job,
        ref,
        tuple(changes),
        expires=1,
        results=(SealedResult("succeeded", ATTEMPT),) if succeeded else (),
    )
