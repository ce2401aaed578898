"""A power cut at traced moments: every 202 is there; with late syncs some are not."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from bench.power import whole as whole_module
from bench.power.image import Image
from bench.power.load import Connection
from bench.power.moments import moments
from bench.power.restore import images, judge
from bench.power.run import Load, Recording, record
from bench.power.whole import whole_stack
from bench.stack import BenchStack, bench_stack

pytestmark = pytest.mark.servers

SEED = 7
#: So many jobs, however long a machine takes; the seconds end what does not get on.
LOAD = Load(jobs=90, seconds=60.0, seed=SEED, worker=False)
CUTS = 5


@pytest.fixture(scope="module")
def stack() -> Iterator[BenchStack]:
    with bench_stack() as running:
        yield running


@pytest.fixture(scope="module")
def recording(stack: BenchStack) -> Recording:
    return record(stack, stack.paths.state / "run", LOAD)


def chosen(recording: Recording) -> list[float]:
    return moments(recording.calls, recording.journal.promises, Random(SEED), CUTS)


def test_every_202_survives_a_cut_at_any_moment(stack: BenchStack, recording: Recording) -> None:
    verdicts = [
        judge(stack, recording, each, SEED) for each in images(recording, chosen(recording))
    ]
    assert len(verdicts) == 2 * CUTS
    assert [item.broken for item in verdicts] == [[]] * len(verdicts)
    assert sum(item.accepted for item in verdicts) > LOAD.jobs
    # What was synced ends with a whole transaction.
    assert not any(item.mended for item in verdicts if item.tail == "strict")
    assert all(item.mended for item in verdicts if item.tail in ("zeros", "garbage"))


def test_every_job_then_runs_and_no_request_counts_twice(
    stack: BenchStack, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    unanswered = []

    class Counting(Connection):
        async def ask(self, request: bytes) -> tuple[int, Any]:
            status, answer = await super().ask(request)
            if status == 503:
                unanswered.append(answer["code"])
            return status, answer

    monkeypatch.setattr(whole_module, "Connection", Counting)
    whole = whole_stack(stack, recording, SEED)
    assert whole.accepted == whole.succeeded >= LOAD.jobs
    # Where the ledger was too slow, as on a busy machine, the request was not answered; whatever
    # was answered was answered so.
    assert set(unanswered) <= {"ledger_unavailable"}
    assert whole.replayed + whole.same == whole.asked_again - len(unanswered)
    assert whole.replayed >= 20
    assert whole.same > 0


def test_a_cut_that_forgets_what_was_synced_is_noticed(
    stack: BenchStack, recording: Recording
) -> None:
    at = chosen(recording)[-1]
    (cut,) = recording.disk().cuts(recording.calls, [at])
    nothing = Image(replace(cut, durable={}), "strict")
    verdict = judge(stack, recording, nothing, SEED)
    assert verdict.jobs_broken == verdict.accepted > 0


def test_with_a_sync_a_second_some_are_lost(stack: BenchStack) -> None:
    late = record(stack, stack.paths.state / "late", replace(LOAD, fsync="everysec"))
    strict = [each for each in images(late, chosen(late)) if each.tail == "strict"]
    assert any(judge(stack, late, each, SEED).jobs_broken for each in strict)
