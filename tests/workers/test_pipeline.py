"""The worker's steps in order, with a ledger and a signer that can be away."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from backends.errors import VaultUnavailable
from backends.transit import Signed
from signing.ledger.record import Claim
from signing.ledger.states import State
from signing.references import job_secret_path
from tests.servers.marks import wait_until
from tests.signing.builders import NOW
from tests.workers.builders import job_id, verified
from tests.workers.pipeline_fakes import DONE, Setting
from tests.workers.test_settling import Signer
from workers import pipeline as pipeline_module
from workers.settling import Sealer
from workers.types import Claimed, Outcome, Verified


@pytest.fixture
def setting() -> Iterator[Setting]:
    made = Setting()
    made.pipeline.start(made.pool.append)
    yield made
    made.pipeline.stop()


def with_secret(number: int = 1) -> Verified:
    path = job_secret_path("fast", "payments.capture", job_id(number))
    reference = f"vault:countersign-secrets/{path}#card@1"
    given = verified(number)
    claims = replace(given.job.claims, args={"card": {"$secret": reference}})
    return replace(given, job=replace(given.job, claims=claims))


def test_a_job_is_claimed_run_and_settled_and_its_place_given_back(setting: Setting) -> None:
    setting.arrive(verified(1))
    (claimed,) = setting.in_pool()
    assert (claimed.job.claims.id, claimed.attempt, claimed.max_attempts) == (job_id(1), 1, 5)
    assert claimed.started_at == NOW
    assert setting.released == []
    setting.pipeline.begun(claimed)
    setting.pipeline.finished(claimed, DONE)
    wait_until(lambda: len(setting.ledger.settled) == 1)
    assert setting.ledger.settled[0].kind == "succeeded"
    assert setting.released == [job_id(1)]
    assert setting.deleted == []


def test_the_first_word_on_an_attempt_counts(setting: Setting) -> None:
    setting.arrive(verified(1))
    (claimed,) = setting.in_pool()
    setting.pipeline.finished(claimed, DONE)
    setting.pipeline.finished(claimed, Outcome("lost", error="worker_lost"))
    setting.pipeline.stop()
    assert [item.kind for item in setting.ledger.settled] == ["succeeded"]
    assert setting.released == [job_id(1)]


@pytest.mark.parametrize(
    ("claim", "quarantined"),
    [
        (Claim("succeeded", 1, True, NOW, 5), True),
        (Claim("running", 1, True, NOW, 5), True),
        (Claim("unknown", 0, True, NOW, 0), True),
        (Claim("early", 0, True, NOW, 5), True),
        (Claim("early", 0, False, NOW, 5), False),
        (Claim("running", 1, False, NOW, 5), False),
        (Claim("expired", 1, False, NOW, 5), False),
    ],
    ids=str,
)
def test_what_is_not_claimed_does_not_run(
    setting: Setting, claim: Claim, quarantined: bool
) -> None:
    setting.ledger.claim_as[job_id(1)] = claim
    setting.arrive(verified(1))
    setting.arrive(verified(2))
    assert [item.job.claims.id for item in setting.in_pool()] == [job_id(2)]
    assert setting.released == [job_id(1)]
    if quarantined:
        wait_until(lambda: len(setting.ledger.quarantined) == 1)
        assert setting.ledger.quarantined[0].reason == "replayed"
        assert setting.ledger.quarantined[0].raw == b"raw 1"
    else:
        setting.pipeline.stop()
        assert setting.ledger.quarantined == []


def test_what_the_broker_gave_again_is_no_replay(setting: Setting) -> None:
    setting.ledger.claim_as[job_id(1)] = Claim("succeeded", 1, True, NOW, 5)
    setting.arrive(replace(verified(1), redelivered=True))
    wait_until(lambda: setting.released == [job_id(1)])
    setting.pipeline.stop()
    assert setting.ledger.quarantined == []
    assert setting.pool == []


@pytest.mark.parametrize(
    ("state", "deletes"),
    [
        ("succeeded", True),
        ("failed", True),
        ("expired", True),
        ("cancelled", True),
        ("queued", False),
        ("held", False),
        (None, False),
    ],
)
def test_secrets_go_with_their_job(setting: Setting, state: State | None, deletes: bool) -> None:
    setting.ledger.settle_as = state
    setting.arrive(with_secret())
    setting.pipeline.finished(setting.in_pool()[0], DONE)
    wait_until(lambda: len(setting.ledger.settled) == 1)
    setting.pipeline.stop()
    path = job_secret_path("fast", "payments.capture", job_id(1))
    assert setting.deleted == ([path] if deletes else [])
    assert setting.ledger.purged_paths == setting.deleted


def test_a_ledger_that_is_away_is_waited_for(setting: Setting) -> None:
    setting.ledger.away = 2
    setting.arrive(verified(1))
    (claimed,) = setting.in_pool()
    setting.ledger.away = 2
    setting.pipeline.finished(claimed, DONE)
    wait_until(lambda: len(setting.ledger.settled) == 1)


def test_a_signer_that_is_away_is_waited_for(setting: Setting) -> None:
    calls: list[int] = []
    sign = setting.signer.sign

    def away_at_first(messages: Sequence[bytes]) -> Any:
        calls.append(1)
        if len(calls) < 3:
            raise VaultUnavailable("away")
        return sign(messages)

    setting.signer.sign = away_at_first  # type: ignore[method-assign]
    setting.arrive(verified(1))
    setting.pipeline.finished(setting.in_pool()[0], DONE)
    wait_until(lambda: len(setting.ledger.settled) == 1)


@pytest.mark.parametrize("ours", [True, False])
def test_leases_are_renewed(ours: bool) -> None:
    setting = Setting(lease_s=0.003)
    setting.ledger.renew_as = ours
    setting.pipeline.start(setting.pool.append)
    setting.arrive(verified(1))
    wait_until(lambda: setting.ledger.renewed.count((job_id(1), 1)) > 2)
    setting.pipeline.finished(setting.in_pool()[0], DONE)
    setting.pipeline.stop()
    assert len(setting.ledger.settled) == 1


@pytest.mark.parametrize("listening", [True, False])
def test_a_run_that_its_pool_cannot_end_is_failed_where_its_end_would_have_been_heard(
    monkeypatch: pytest.MonkeyPatch, listening: bool
) -> None:
    monkeypatch.setattr(pipeline_module, "OVERDUE_S", -1e9)
    monkeypatch.setattr(pipeline_module, "STOOD_STILL_S", 60.0)
    setting = Setting(lease_s=0.003)
    setting.pipeline.start(setting.pool.append)
    setting.arrive(verified(1))
    (first,) = setting.in_pool()
    setting.pipeline.begun(first)
    renewed = len(setting.ledger.renewed)
    wait_until(lambda: len(setting.ledger.renewed) > renewed + 10)
    assert setting.ledger.settled == []
    if listening:
        setting.pipeline.listening()
        wait_until(lambda: len(setting.ledger.settled) == 1)
        assert setting.ledger.settled[0].job_id == job_id(1)
        assert setting.ledger.settled[0].reason == "time_limit_exceeded"
    else:  # the broker was away: what the pool had said is read now, and counts
        setting.pipeline.finished(first, DONE)
        wait_until(lambda: len(setting.ledger.settled) == 1)
        assert setting.ledger.settled[0].kind == "succeeded"
    setting.pipeline.stop()


@pytest.mark.parametrize("listening", [True, False])
def test_what_its_pool_does_not_begin_is_given_back_where_the_pool_would_be_heard(
    monkeypatch: pytest.MonkeyPatch, listening: bool
) -> None:
    monkeypatch.setattr(pipeline_module, "OVERDUE_S", 0.0)
    monkeypatch.setattr(pipeline_module, "STOOD_STILL_S", 60.0)
    setting = Setting(lease_s=0.003)
    setting.pipeline.start(setting.pool.append)
    for number in (1, 2):
        setting.arrive(verified(number))
    begun, waits = setting.in_pool(2)
    setting.pipeline.begun(begun)
    if listening:
        setting.pipeline.listening()
        wait_until(lambda: len(setting.ledger.settled) == 1)
        (settled,) = setting.ledger.settled
        assert settled.job_id == waits.job.claims.id
        assert (settled.kind, settled.reason) == ("release", "not_begun_in_time")
        assert setting.released == []  # the pool has it still
        setting.pipeline.finished(waits, Outcome("release", error="not_begun_in_time"))
        assert setting.released == [settled.job_id]
        setting.pipeline.finished(waits, DONE)
        assert setting.released == [settled.job_id]
    else:
        renewed = len(setting.ledger.renewed)
        wait_until(lambda: len(setting.ledger.renewed) > renewed + 10)
        assert setting.ledger.settled == []
    setting.pipeline.stop()


def test_a_run_begins_by_the_end_of_its_first_lease(setting: Setting) -> None:
    before = time.monotonic()
    setting.arrive(verified(1))
    (claimed,) = setting.in_pool()
    assert before + 30.0 <= claimed.begin_by <= time.monotonic() + 30.0


def test_stopping_gives_back_what_has_not_begun(setting: Setting) -> None:
    for number in (1, 2, 3):
        setting.arrive(verified(number))
    begun, done, _ = setting.in_pool(3)
    setting.pipeline.begun(begun)
    setting.pipeline.finished(done, DONE)
    setting.pipeline.stop()
    kinds = {item.job_id: (item.kind, item.reason) for item in setting.ledger.settled}
    assert kinds == {
        job_id(1): ("lost", "worker_lost"),
        job_id(2): ("succeeded", ""),
        job_id(3): ("release", "worker_stopped"),
    }
    assert sorted(setting.released) == [job_id(1), job_id(2), job_id(3)]


def test_a_closed_pipeline_claims_nothing(setting: Setting) -> None:
    setting.pipeline.close()
    setting.arrive(verified(1))
    wait_until(lambda: setting.released == [job_id(1)])
    assert setting.pool == []


def test_what_cannot_be_settled_is_said(
    setting: Setting, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pipeline_module, "STOP_TIMEOUT_S", 0.2)
    setting.arrive(verified(1))
    setting.in_pool()
    setting.ledger.away = 10**9
    setting.pipeline.stop()
    assert "stopped with work left over" in caplog.text
    setting.ledger.away = 0


def test_a_pipeline_that_never_started_stops() -> None:
    Setting().pipeline.stop()


def test_without_a_start_nothing_goes_to_a_pool() -> None:
    with pytest.raises(RuntimeError):
        pipeline_module._no_pool(cast(Claimed, None))


def test_many_jobs_from_many_threads(setting: Setting) -> None:
    def arrive(first: int) -> None:
        for number in range(first, first + 100):
            setting.arrive(verified(number))

    threads = [threading.Thread(target=arrive, args=(n * 100,)) for n in range(4)]
    run(threads)
    for claimed in list(setting.in_pool(400)):
        setting.pipeline.finished(claimed, DONE)
    wait_until(lambda: len(setting.ledger.settled) == 400)
    assert len(set(setting.released)) == 400


def run(threads: list[threading.Thread]) -> None:
    each: Callable[[threading.Thread], None]
    for each in (threading.Thread.start, threading.Thread.join):
        for thread in threads:
            each(thread)


def test_a_lease_goes_on_while_the_result_waits_for_its_seal() -> None:
    class Away(Signer):
        away = True

        def sign(self, messages: Sequence[bytes]) -> list[Signed]:
            if self.away:
                raise VaultUnavailable("away")
            return super().sign(messages)

    setting = Setting(lease_s=0.09)
    signer = setting.signer = Away()
    setting.pipeline._sealer = Sealer(signer, "worker-1", lambda: NOW)
    setting.pipeline.start(setting.pool.append)
    setting.arrive(verified(1))
    setting.pipeline.finished(setting.in_pool()[0], DONE)
    so_far = len(setting.ledger.renewed)
    wait_until(lambda: len(setting.ledger.renewed) > so_far + 3)
    assert setting.ledger.settled == []
    signer.away = False
    wait_until(lambda: len(setting.ledger.settled) == 1)
    wait_until(lambda: len(setting.pipeline.held) == 0)
    setting.pipeline.stop()


def test_a_retry_waits_for_no_signature() -> None:
    class Away(Signer):
        away = True

        def sign(self, messages: Sequence[bytes]) -> list[Signed]:
            if self.away:
                raise VaultUnavailable("away")
            return super().sign(messages)

    setting, signer = Setting(), Away()
    setting.pipeline._sealer = Sealer(signer, "worker-1", lambda: NOW)
    setting.pipeline.start(setting.pool.append)
    for number in (1, 2):
        setting.arrive(verified(number))
    first, second = setting.in_pool(2)
    setting.pipeline.finished(first, DONE)
    setting.pipeline.finished(second, Outcome("release", error="vault_unavailable"))
    wait_until(lambda: [item.kind for item in setting.ledger.settled] == ["release"])
    signer.away = False
    setting.pipeline.stop()


def test_no_more_jobs_are_taken_while_too_many_results_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipeline_module, "MOST_UNSETTLED", 1)
    setting = Setting()
    setting.ledger.away = 0
    setting.pipeline.start(setting.pool.append)
    for number in (1, 2, 3):
        setting.arrive(verified(number))
    jobs = list(setting.in_pool(3))
    setting.ledger.away = 3
    for job in jobs:
        setting.pipeline.finished(job, DONE)
    wait_until(lambda: len(setting.ledger.settled) == 3)
    wait_until(lambda: len(setting.released) == 3)
    setting.pipeline.stop()
