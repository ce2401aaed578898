"""The dispatcher's ledger and its loop on the real Redis."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from backends.environment import Environment
from backends.errors import BrokerUnavailable, LedgerUnavailable
from backends.redis_clients import Call, connect, run_scripts
from backends.settings import redis_settings
from bench.faults.proxy import Proxies
from deploy.local.paths import free_ports
from gateway.dispatcher.ledger import QUIET_S, RedisDispatcherLedger
from gateway.dispatcher.loop import Dispatcher
from gateway.dispatcher.redis_broker import RedisBroker
from signing.ledger.lua import ACCEPT
from signing.ledger.record import Acceptance
from tests.gateway.dispatcher.fakes import FakeBroker
from tests.ledger.actors import Actors, pass_by
from tests.ledger.jobs import HOUR_MS, QUEUE, acceptance
from tests.ledger.quiet import QuietRedis

pytestmark = pytest.mark.servers

MONTH_MS = 30 * 24 * HOUR_MS


@pytest.fixture
def actors(ledger_redis: QuietRedis) -> Actors:
    return Actors(ledger_redis)


@pytest.fixture
def ledger(ledger_redis: QuietRedis) -> Iterator[RedisDispatcherLedger]:
    made = make_ledger(ledger_redis)
    yield made
    made.close()


def make_ledger(servers: QuietRedis, port: int | None = None) -> RedisDispatcherLedger:
    settings = redis_settings(
        Environment(servers.environment("dispatcher")), "COUNTERSIGN_REDIS_LEDGER_URL"
    )
    settings = replace(settings, port=port or settings.port)
    return RedisDispatcherLedger(connect(settings), connect(settings))


def listen(ledger: RedisDispatcherLedger, seconds: float) -> None:
    """Wait to be woken, again and again."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ledger.wait_for_wake(0.2)


@pytest.fixture
def dispatchers(ledger_redis: QuietRedis) -> Iterator[list[Dispatcher]]:
    """Two of them, as two processes would be."""
    settings = redis_settings(
        Environment(ledger_redis.environment("dispatcher")), "COUNTERSIGN_BROKER_URL"
    )
    made = [
        Dispatcher(make_ledger(ledger_redis), RedisBroker(settings), (QUEUE,), 20, time.monotonic)
        for _ in range(2)
    ]
    yield made
    for dispatcher in made:
        dispatcher.broker.close()
        dispatcher.ledger.close()


def running(dispatchers: list[Dispatcher], until: Callable[[], bool]) -> None:
    """Let dispatchers run until a condition holds, at most for half a minute."""
    threads = [threading.Thread(target=each.run) for each in dispatchers]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 30
    while not until() and time.monotonic() < deadline:
        continue
    for each in dispatchers:
        each.stopping.set()
    for thread in threads:
        thread.join(30)
    assert until()
    assert not any(thread.is_alive() for thread in threads)


def accept(servers: QuietRedis, jobs: list[Acceptance]) -> None:
    calls = [Call(ACCEPT, job.script_keys(), job.script_args()) for job in jobs]
    assert {reply[0] for reply in run_scripts(servers.redis("gateway"), calls)} == {b"accepted"}


def lists(servers: QuietRedis) -> int:
    return servers.redis("superuser", 1).llen(f"{QUEUE}\x06\x169")


def test_two_dispatchers_publish_each_job_once(
    dispatchers: list[Dispatcher], actors: Actors, ledger_redis: QuietRedis
) -> None:
    jobs = [acceptance(actors.now()) for _ in range(1200)]
    accept(ledger_redis, jobs)
    for dispatcher in dispatchers:
        dispatcher.republish_after_ms = 60_000
    running(dispatchers, lambda: lists(ledger_redis) == 1200)
    held = actors.look([job.job_id for job in jobs], [QUEUE])
    assert {fields["published"] for fields in held.jobs.values()} == {"1"}
    assert held.due == {}


def test_a_job_is_published_as_soon_as_it_is_accepted(
    dispatchers: list[Dispatcher], actors: Actors, ledger_redis: QuietRedis
) -> None:
    begun = time.monotonic()
    subscribed = ledger_redis.redis("superuser").pubsub_numsub
    done: list[float] = []

    def submit_when_it_listens() -> bool:
        if done:
            return lists(ledger_redis) == 1
        if dict(subscribed("cs:wake")).get(b"cs:wake", 0):
            done.append(time.monotonic() - begun)
            accept(ledger_redis, [acceptance(actors.now())])
        return False

    running(dispatchers[:1], submit_when_it_listens)


def test_after_a_wiped_queue_everything_is_published_again_and_then_no_more(
    dispatchers: list[Dispatcher], actors: Actors, ledger_redis: QuietRedis
) -> None:
    dispatcher = dispatchers[0]
    jobs = [acceptance(actors.now()) for _ in range(30)]
    accept(ledger_redis, jobs)
    assert dispatcher.step() == 30
    ledger_redis.redis("superuser", 1).flushdb()
    pass_by(actors, actors.now() + 20)
    dispatcher.tend()
    assert dispatcher.step() == 30
    pass_by(actors, actors.now() + 20)
    dispatcher.tend()
    assert dispatcher.step() == 0
    assert lists(ledger_redis) == 30


def test_while_the_queue_holds_every_hint_nothing_is_published_twice(
    dispatchers: list[Dispatcher], actors: Actors, ledger_redis: QuietRedis
) -> None:
    dispatcher = dispatchers[0]
    accept(ledger_redis, [acceptance(actors.now()) for _ in range(30)])
    dispatcher.step()
    pass_by(actors, actors.now() + 20)
    for _ in range(3):
        dispatcher.tend()
        assert dispatcher.step() == 0
    assert lists(ledger_redis) == 30


def test_what_was_accepted_while_the_broker_was_away_is_published_in_order_at_once(
    ledger: RedisDispatcherLedger, actors: Actors, ledger_redis: QuietRedis
) -> None:
    broker = FakeBroker()
    dispatcher = Dispatcher(ledger, broker, (QUEUE,), 3_600_000, time.monotonic)
    assert dispatcher.step() == 0
    jobs = [acceptance(actors.now() + number) for number in range(6)]
    accept(ledger_redis, jobs[:3])
    broker.away = True
    for _ in range(3):
        with pytest.raises(BrokerUnavailable):
            dispatcher.step()
    accept(ledger_redis, jobs[3:])
    with pytest.raises(BrokerUnavailable):
        dispatcher.step()
    broker.away = False
    pass_by(actors, actors.now() + 10)
    assert dispatcher.step() == 6
    assert [hint.job_id for hint in broker.published] == [job.job_id for job in jobs]
    held = actors.look([job.job_id for job in jobs], [QUEUE])
    assert (held.due, len(held.published[QUEUE])) == ({}, 6)


def test_a_job_of_next_month_waits_in_the_ledger_alone(
    dispatchers: list[Dispatcher], actors: Actors, ledger_redis: QuietRedis
) -> None:
    now = actors.now()
    far = acceptance(now, not_before=now + MONTH_MS, expires_at=now + 2 * MONTH_MS)
    accept(ledger_redis, [far])
    for dispatcher in dispatchers:
        assert dispatcher.step() == 0
        dispatcher.tend()
    due_in = dispatchers[0].ledger.next_due_in()
    assert due_in == pytest.approx(MONTH_MS / 1000, abs=10)
    assert ledger_redis.redis("superuser", 1).keys() == []
    held = actors.look([far.job_id], [QUEUE])
    assert (held.count(far.job_id, "published"), held.published[QUEUE]) == (0, {})


def test_it_tells_when_the_next_job_is_due(ledger: RedisDispatcherLedger, actors: Actors) -> None:
    assert ledger.next_due_in() is None
    now = actors.now()
    actors.accept(acceptance(now, not_before=now + 60_000))
    assert 0 < (ledger.next_due_in() or 0) <= 60
    actors.accept(acceptance(now))
    assert ledger.next_due_in() == 0


def test_it_reaps_and_expires(ledger: RedisDispatcherLedger, actors: Actors) -> None:
    now = actors.now()
    lost, late = acceptance(now), acceptance(now, expires_at=now + 1)
    actors.accept(lost)
    actors.accept(late)
    actors.claim(lost.job_id, lease_ms=1)
    pass_by(actors, actors.now() + 1)
    assert [(item.job_id, item.state) for item in ledger.reap(10, 0)] == [(lost.job_id, "queued")]
    assert ledger.expire(10) == 1


def test_what_is_no_id_among_the_running_ends_no_dispatcher(
    ledger: RedisDispatcherLedger, ledger_redis: QuietRedis
) -> None:
    superuser = ledger_redis.redis("superuser")
    fields = {"state": "running", "attempt": "1", "on_lost": "hold", "producer": "a"}
    for field, value in fields.items():
        superuser.hset(b"cs:job:\xff", field, value)
    superuser.zadd("cs:running", {b"\xff": 0})
    assert [item.job_id for item in ledger.reap(10, 0)] == ["\\xff"]
    assert superuser.zcard("cs:running") == 0


def test_it_wakes_when_something_became_due(ledger: RedisDispatcherLedger, actors: Actors) -> None:
    ledger.wait_for_wake(0)
    actors.accept(acceptance(actors.now()))
    actors.accept(acceptance(actors.now()))
    begun = time.monotonic()
    ledger.wait_for_wake(5)
    assert time.monotonic() - begun < 4


def test_a_subscription_that_fell_silent_is_made_again(
    ledger_redis: QuietRedis, actors: Actors
) -> None:
    (port,), proxies = free_ports(1), Proxies()
    proxies.add("ledger", port=port, target=ledger_redis.ports.redis)
    ledger = make_ledger(ledger_redis, port)
    try:
        ledger.wait_for_wake(0)
        assert proxies.silence_open("ledger") == 1
        with pytest.raises(LedgerUnavailable):
            listen(ledger, 10)
        ledger.wait_for_wake(10)  # ends with the word that it listens, which is no wake
        actors.accept(acceptance(actors.now()))
        begun = time.monotonic()
        ledger.wait_for_wake(10)
        assert time.monotonic() - begun < 8
    finally:
        ledger.close()
        proxies.close()


def test_a_subscription_that_nobody_speaks_on_is_kept(
    ledger_redis: QuietRedis, ledger: RedisDispatcherLedger
) -> None:
    listen(ledger, 2.5 * QUIET_S)
    assert dict(ledger_redis.redis("superuser").pubsub_numsub("cs:wake")) == {b"cs:wake": 1}


def test_a_redis_that_is_away_is_told_by_every_call_and_then_used_again(
    ledger: RedisDispatcherLedger, ledger_redis: QuietRedis
) -> None:
    ledger.wait_for_wake(0)
    ledger_redis.local.stop_redis(kill=True)
    calls: list[Callable[[], object]] = [
        lambda: ledger.take_due(1),
        lambda: ledger.republish(QUEUE, 0, 0, 1),
        lambda: ledger.give_back(QUEUE, 0, ["id"]),
        lambda: ledger.reap(1, 0),
        lambda: ledger.expire(1),
        ledger.next_due_in,
        lambda: ledger.wait_for_wake(0),
    ]
    for call in calls:
        with pytest.raises(LedgerUnavailable):
            call()
    ledger_redis.restore()
    assert ledger.take_due(1) == ()
    assert ledger.next_due_in() is None
    ledger.wait_for_wake(0)
