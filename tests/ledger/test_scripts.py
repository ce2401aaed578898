"""Single rules of the ledger's scripts, each asked of the real Redis."""

from dataclasses import replace
from typing import Any

import pytest

from backends.errors import LedgerUnavailable
from gateway.dispatcher.ledger import RedisDispatcherLedger
from signing.ledger.record import CLOCK_MARGIN_MS, Acceptance, Limits
from tests.ledger.actors import Actors, pass_by
from tests.ledger.jobs import HOUR_MS, QUEUE, acceptance, job_id
from tests.ledger.quiet import QuietRedis

pytestmark = pytest.mark.servers

MONTH_MS = 30 * 24 * HOUR_MS


@pytest.fixture
def actors(ledger_redis: QuietRedis) -> Actors:
    return Actors(ledger_redis)


def accepted(actors: Actors, count: int = 1) -> list[str]:
    """Accept jobs that are due at once."""
    jobs = [acceptance(actors.now()) for _ in range(count)]
    assert {actors.accept(job).outcome for job in jobs} == {"accepted"}
    return [job.job_id for job in jobs]


@pytest.mark.parametrize("per_second", [7, 300, 3000])
def test_a_rate_holds_whatever_its_interval(actors: Actors, per_second: int) -> None:
    limits = Limits(per_second=per_second, burst=20)
    begun = actors.now()
    jobs = [acceptance(begun, limits=limits) for _ in range(400)]
    outcomes = [actors.accept(job).outcome for job in jobs]
    seconds = (actors.now() + 1 - begun) / 1000
    assert set(outcomes) <= {"accepted", "limited"}
    assert outcomes.count("accepted") <= limits.burst + seconds * per_second


def test_the_rate_of_many_at_once_is_kept_exactly(actors: Actors) -> None:
    limits = Limits(per_second=3000, burst=100_000)
    jobs = [acceptance(actors.now(), limits=limits) for _ in range(300)]
    begun = actors.now()
    assert {actors.accept(job).outcome for job in jobs} == {"accepted"}
    arrival = actors.arrival("acme")
    # Each job moves it by a third of a millisecond, from the first one's time or a later one.
    assert arrival - begun >= 300 / 3 - 0.5


def test_what_expired_while_it_ran_is_not_held_for_ever(actors: Actors) -> None:
    now = actors.now()
    job = acceptance(now, on_lost="hold", expires_at=now + 2500)
    actors.accept(job)
    actors.take_due()
    claim = actors.claim(job.job_id, lease_ms=1)
    assert claim.status == "claimed"
    pass_by(actors, job.expires_at)
    assert actors.expire() == []
    assert actors.reap() == {job.job_id: "expired"}


def test_what_is_not_due_for_a_month_is_not_touched(actors: Actors) -> None:
    now = actors.now()
    job = acceptance(now, not_before=now + MONTH_MS, expires_at=now + 2 * MONTH_MS)
    actors.accept(job)
    before = actors.look([job.job_id], [QUEUE])
    assert actors.take_due() == ()
    assert actors.reap() == {}
    assert actors.expire() == []
    assert actors.republish(QUEUE, 0) == 0
    after = actors.look([job.job_id], [QUEUE])
    assert after.jobs == before.jobs
    assert after.due == {job.job_id: now + MONTH_MS}
    assert actors.claim(job.job_id).status == "early"


def test_after_a_wiped_queue_everything_comes_again(actors: Actors) -> None:
    jobs = accepted(actors, 20)
    assert {hint.job_id for hint in actors.take_due()} == set(jobs)
    assert actors.republish(QUEUE, in_queue=0) == 20
    assert {hint.job_id for hint in actors.take_due()} == set(jobs)


def spoil_seal(superuser: Any, job: str) -> None:
    superuser.delete(f"cs:seal:{job}")


def spoil_priority(superuser: Any, job: str) -> None:
    superuser.hdel(f"cs:job:{job}", "priority")


def spoil_record(superuser: Any, job: str) -> None:
    superuser.hdel(f"cs:job:{job}", "queue", "task", "expires")


@pytest.mark.parametrize("spoil", [spoil_seal, spoil_priority, spoil_record])
def test_a_job_that_is_not_whole_is_named_and_holds_up_no_other(
    actors: Actors, ledger_redis: QuietRedis, caplog: pytest.LogCaptureFixture, spoil: Any
) -> None:
    jobs = accepted(actors, 3)
    spoil(ledger_redis.redis("superuser"), jobs[1])
    client: Any = ledger_redis.redis("dispatcher")
    hints = RedisDispatcherLedger(client, client).take_due(10)
    assert {hint.job_id for hint in hints} == {jobs[0], jobs[2]}
    assert f"job {jobs[1]} has no record or seal that can be read" in caplog.text
    assert actors.take_due() == ()


@pytest.mark.parametrize(("in_queue", "again"), [(20, 0), (25, 0), (19, 1), (13, 7)])
def test_what_the_queue_still_holds_is_not_published_twice(
    actors: Actors, in_queue: int, again: int
) -> None:
    jobs = accepted(actors, 20)
    actors.take_due()
    assert actors.republish(QUEUE, in_queue) == again
    assert len(actors.take_due()) == again
    held = actors.look(jobs, [QUEUE])
    assert len(held.published[QUEUE]) == 20


def test_what_was_published_just_now_is_not_missed_yet(actors: Actors) -> None:
    accepted(actors)
    actors.take_due()
    assert actors.republish(QUEUE, in_queue=0, after_ms=60_000) == 0


def test_what_is_given_back_is_due_at_its_old_place_and_counted(actors: Actors) -> None:
    jobs = accepted(actors, 5)
    before = actors.look(jobs, [QUEUE]).due
    actors.take_due(4)
    actors.claim(jobs[1])
    assert actors.give_back(QUEUE, 0, *jobs[:4], "unknown") == 3
    assert actors.give_back(QUEUE, 0, *jobs[:4]) == 0
    held = actors.look(jobs, [QUEUE])
    assert held.due == {job: at for job, at in before.items() if job != jobs[1]}
    assert held.published[QUEUE] == {}
    assert [hint.job_id for hint in actors.take_due()] == [jobs[0], *jobs[2:]]
    for _ in range(2):  # the hint of the first time had arrived after all
        assert not actors.claim(jobs[0]).extra
    assert actors.claim(jobs[0]).extra


@pytest.mark.parametrize(("in_queue", "back"), [(10, 0), (12, 0), (9, 1), (6, 4), (2, 5)])
def test_what_did_arrive_is_not_given_back(actors: Actors, in_queue: int, back: int) -> None:
    jobs = accepted(actors, 10)
    actors.take_due(5)
    actors.take_due(5)
    assert actors.give_back(QUEUE, in_queue, *jobs[5:]) == back
    assert set(actors.look(jobs, [QUEUE]).due) == set(jobs[10 - back :])


def test_a_job_that_was_cancelled_is_not_given_back(actors: Actors) -> None:
    (job,) = accepted(actors, 1)
    actors.take_due()
    actors.cancel(job, "acme")
    assert actors.give_back(QUEUE, 0, job) == 0
    assert actors.take_due() == ()


@pytest.mark.parametrize(
    ("outcome", "limits"),
    [("limited", Limits(per_second=0.001)), ("full", Limits(open_jobs=1))],
)
def test_a_nonce_is_used_up_by_a_request_that_is_refused(
    actors: Actors, outcome: str, limits: Limits
) -> None:
    """Else whoever recorded it may send it once the producer has room again."""
    now = actors.now()
    assert actors.accept(acceptance(now, limits=limits)).outcome == "accepted"
    refused = acceptance(now, limits=limits)
    assert actors.accept(refused).outcome == outcome
    assert actors.accept(replace(refused, limits=Limits())).outcome == "replayed"


@pytest.mark.parametrize("apart", [-HOUR_MS, -CLOCK_MARGIN_MS - 2000, HOUR_MS])
def test_nothing_is_accepted_by_clocks_that_are_apart(actors: Actors, apart: int) -> None:
    """A nonce would be forgotten by the one clock while its request is fresh by the other."""
    now = actors.now()
    job = acceptance(now, issued_at=now + apart)
    assert actors.accept(job).outcome == "clock"
    assert actors.kept_for_ever() == set()
    assert actors.accept(replace(job, issued_at=now)).outcome == "accepted"


@pytest.mark.parametrize("apart", [-CLOCK_MARGIN_MS + 2000, CLOCK_MARGIN_MS])
def test_clocks_may_be_a_little_apart(actors: Actors, apart: int) -> None:
    now = actors.now()
    assert actors.accept(acceptance(now, issued_at=now + apart)).outcome == "accepted"


def test_nothing_of_a_settled_job_is_kept_for_ever(actors: Actors) -> None:
    """What has no end of its own may hold jobs that are open, and nothing of those that settled."""
    now = actors.now()
    job = acceptance(now, limits=Limits(per_second=1000), has_secret=False)
    actors.accept(job)
    kept = actors.kept_for_ever()
    assert {f"cs:job:{job.job_id}", f"cs:seal:{job.job_id}", "cs:due"} <= kept
    assert actors.operate(job.job_id, "cancel", retention_ms=5) == "queued"
    pass_by(actors, actors.now() + 5)
    assert actors.forget() == 1
    assert actors.kept_for_ever() == {"cs:open"}


@pytest.mark.parametrize("action", ["fail", "cancel"])
def test_what_an_operator_ends_says_so(actors: Actors, action: str) -> None:
    job = held(actors)
    assert actors.operate(job.job_id, action) == "held"
    fields = actors.look([job.job_id], [QUEUE]).jobs[job.job_id]
    assert (
        fields["error"] == {"fail": "failed_by_operator", "cancel": "cancelled_by_operator"}[action]
    )


def test_a_released_job_keeps_the_reason_for_which_it_was_held(actors: Actors) -> None:
    job = held(actors)
    assert actors.operate(job.job_id, "release") == "held"
    fields = actors.look([job.job_id], [QUEUE]).jobs[job.job_id]
    assert (fields["state"], fields["error"], fields["max_attempts"]) == ("queued", "why", "2")


@pytest.mark.parametrize("action", ["release", "fail", "cancel", "other"])
def test_an_operator_says_nothing_of_a_job_that_is_not_there(actors: Actors, action: str) -> None:
    assert actors.operate(job_id(), action) == "unknown"


def held(actors: Actors) -> Acceptance:
    """A job whose only attempt was lost."""
    job = acceptance(actors.now(), on_lost="hold", max_attempts=1)
    actors.accept(job)
    assert actors.settle(job.job_id, actors.claim(job.job_id).attempt, "lost") == "held"
    return job


def test_an_id_is_not_accepted_twice(actors: Actors) -> None:
    [job] = accepted(actors)
    with pytest.raises(LedgerUnavailable):
        actors.accept(acceptance(actors.now(), job_id=job, producer="other"))
    held = actors.look([job], [QUEUE])
    assert held.jobs[job]["producer"] == "acme"
    assert held.open == {"acme": 1}


def test_a_hint_too_many_is_told(actors: Actors) -> None:
    [job] = accepted(actors)
    actors.take_due()
    assert actors.claim(job).extra is False
    assert actors.claim(job).extra is True
    assert actors.claim(job_id()).status == "unknown"


def test_an_attempt_that_could_not_begin_is_not_counted(actors: Actors) -> None:
    now = actors.now()
    job = acceptance(now, max_attempts=1)
    actors.accept(job)
    for attempt in (1, 2, 3):
        actors.take_due()
        claim = actors.claim(job.job_id)
        assert (claim.status, claim.attempt, claim.max_attempts) == ("claimed", attempt, attempt)
        assert actors.settle(job.job_id, attempt, "release") == "queued"
    actors.take_due()
    actors.claim(job.job_id)
    assert actors.settle(job.job_id, 4, "retry") == "failed"


def test_a_claim_whose_reply_was_lost_is_answered_again_and_not_counted(actors: Actors) -> None:
    [job] = accepted(actors)
    actors.take_due()
    claim = actors.claim(job, token="delivery-1", lease_ms=10)
    again = actors.claim(job, token="delivery-1", lease_ms=HOUR_MS)
    assert (claim.status, again.status) == ("claimed", "claimed")
    assert (again.attempt, again.extra) == (claim.attempt, False)
    assert actors.look([job], [QUEUE]).running[job] == again.at + HOUR_MS
    other = actors.claim(job, token="delivery-2")
    assert (other.status, other.extra) == ("running", True)
    assert actors.settle(job, claim.attempt) == "succeeded"


def test_half_a_record_is_no_job(actors: Actors, ledger_redis: QuietRedis) -> None:
    broken = job_id()
    ledger_redis.redis("superuser").hset(f"cs:job:{broken}", "state", "queued")
    assert actors.claim(broken).status == "unknown"


@pytest.mark.parametrize("field", ["attempt", "max_attempts", "expires", "queue"])
def test_a_record_that_cannot_be_read_keeps_no_other_from_coming_back(
    actors: Actors, ledger_redis: QuietRedis, field: str
) -> None:
    damaged, whole = accepted(actors, 2)
    for job in (damaged, whole):
        actors.claim(job, lease_ms=1)
    superuser = ledger_redis.redis("superuser")
    superuser.hdel(f"cs:job:{damaged}", field)
    pass_by(actors, actors.now() + 2)
    assert actors.reap() == {damaged: "damaged", whole: "queued"}
    assert actors.reap() == {}


@pytest.mark.parametrize("entry", ["", "x", " ", "a b c"])
def test_an_entry_that_names_no_job_is_forgotten_like_any_other(
    actors: Actors, ledger_redis: QuietRedis, entry: str
) -> None:
    ledger_redis.redis("superuser").zadd("cs:forget", {entry: 1})
    assert (actors.forget(), actors.forget()) == (1, 0)


@pytest.mark.parametrize("ended", [False, True])
def test_a_hint_whose_answer_was_lost_is_counted_once(actors: Actors, ended: bool) -> None:
    """A worker asks again by the same token; the hint is no copy that somebody made."""
    (job,) = accepted(actors)
    actors.take_due()
    actors.claim(job, token="d-1")
    if ended:
        assert actors.settle(job, 1) == "succeeded"
    actors.operate(job, "cancel")
    assert actors.claim(job, token="d-2").extra
    for _ in range(3):
        assert not actors.claim(job, token="d-2").extra
    assert actors.look([job], [QUEUE]).count(job, "taken") == 2
    assert actors.claim(job, token="d-3").extra
