"""The dispatcher's loop, with a ledger and a broker that fail when they are told to."""

from collections import deque
from dataclasses import replace

import pytest

from backends.errors import BrokerUnavailable, LedgerUnavailable
from gateway.dispatcher.ledger import Reaped
from gateway.dispatcher.loop import BATCH, LONGEST_WAIT_S, MAX_BACKOFF_S, Dispatcher
from signing.ledger.record import LedgerInvalid
from tests.gateway.dispatcher.fakes import Clock, CountingEvent, FakeBroker, FakeLedger, hint


def dispatcher(ledger: FakeLedger, broker: FakeBroker, clock: Clock) -> Dispatcher:
    return Dispatcher(ledger, broker, ("fast",), 10_000, clock, CountingEvent())


def test_it_publishes_what_is_due_in_order_and_in_batches() -> None:
    ledger = FakeLedger(deque(hint(number) for number in range(BATCH + 3)))
    broker = FakeBroker()
    loop = dispatcher(ledger, broker, Clock())
    assert [loop.step(), loop.step(), loop.step()] == [BATCH, 3, 0]
    assert [item.job_id for item in broker.published] == [f"id-{n}" for n in range(BATCH + 3)]


def test_what_could_not_be_published_comes_again_at_once() -> None:
    ledger = FakeLedger(deque([hint(1), hint(2)]))
    broker = FakeBroker(errors=deque([BrokerUnavailable("away")]))
    clock = Clock()
    loop = dispatcher(ledger, broker, clock)
    with pytest.raises(BrokerUnavailable):
        loop.step()
    assert loop.step() == 2
    assert [item.job_id for item in broker.published] == ["id-1", "id-2"]
    clock.now += 1
    assert loop.step() == 0


def test_nothing_is_taken_while_the_broker_is_away_and_all_comes_in_order_when_it_is_back() -> None:
    ledger, broker = FakeLedger(deque([hint(0)])), FakeBroker(away=True)
    clock = Clock()
    loop = dispatcher(ledger, broker, clock)
    loop.republish_after_ms = 3_600_000
    for number in range(1, BATCH + 3):
        with pytest.raises(BrokerUnavailable):
            loop.step()
        ledger.due.append(hint(number))
    assert ledger.asked == 0
    broker.away = False
    assert [loop.step(), loop.step()] == [BATCH, 3]
    assert [item.job_id for item in broker.published] == [f"id-{n}" for n in range(BATCH + 3)]


def test_a_broker_that_went_away_amid_a_batch_is_asked_before_more_is_taken() -> None:
    ledger, broker, clock = FakeLedger(), FakeBroker(), Clock()
    loop = dispatcher(ledger, broker, clock)
    assert loop.step() == 0
    ledger.due.append(hint(1))
    broker.away = True
    for _ in range(5):  # of which only the first is time to tend
        with pytest.raises(BrokerUnavailable):
            loop.step()
    assert ledger.asked == 2
    assert broker.published == []
    ledger.due.append(hint(2))
    broker.away = False
    assert loop.step() == 2
    assert broker.published == [hint(1), hint(2)]


def test_what_a_missing_queue_refuses_waits_for_that_queue_and_holds_nothing_up() -> None:
    slow = replace(hint(1), queue="slow")
    ledger, broker, clock = FakeLedger(deque([slow, hint(2)])), FakeBroker(), Clock()
    broker.without = frozenset({"slow"})
    loop = dispatcher(ledger, broker, clock)
    loop.queues = ("fast", "slow")
    failed = 0
    for _ in range(4):
        try:
            loop.step()
        except BrokerUnavailable:
            failed += 1
    assert failed == 3  # tending; publishing, in part; and tending for that
    ledger.due.append(hint(3))
    assert loop.step() == 1
    assert [item.job_id for item in broker.published] == ["id-2", "id-3"]
    broker.without = frozenset()
    clock.now += 1
    assert loop.step() == 1
    assert broker.published[-1] == slow


def test_it_tends_once_a_second() -> None:
    ledger, clock = FakeLedger(), Clock()
    loop = dispatcher(ledger, FakeBroker(), clock)
    for _ in range(5):
        loop.step()
    assert (ledger.expired, ledger.forgotten) == (1, 1)
    clock.now += 1
    loop.step()
    assert (ledger.expired, ledger.forgotten) == (2, 2)


def test_it_goes_on_tending_while_there_is_more_than_a_batch() -> None:
    ledger = FakeLedger(given={f"id-{n}": hint(n) for n in range(3)}, forgettable=2 * BATCH + 1)
    broker = FakeBroker()
    loop = dispatcher(ledger, broker, Clock())
    ledger.woken = lambda: loop.stopping.set() if not ledger.forgettable else None
    loop.run()
    assert ledger.forgotten == 3
    assert ledger.waits == [0.0, LONGEST_WAIT_S]
    assert len(broker.published) == 3


def test_lost_jobs_come_back_at_different_times(caplog: pytest.LogCaptureFixture) -> None:
    ledger, clock = FakeLedger(reaped=(Reaped("id-7", "held"),)), Clock()
    loop = dispatcher(ledger, FakeBroker(), clock)
    for _ in range(20):
        clock.now += 1
        loop.step()
    assert len(set(ledger.delays)) > 5
    assert all(500 <= delay <= 1500 for delay in ledger.delays)
    assert "a worker lost job id-7; it is held now" in caplog.messages


def test_it_says_how_many_hints_were_missing(caplog: pytest.LogCaptureFixture) -> None:
    ledger = FakeLedger(given={"id-1": hint(1)})
    dispatcher(ledger, FakeBroker(), Clock()).tend()
    assert caplog.messages == ["1 hints were missing in queue fast; published again"]


@pytest.mark.parametrize(
    ("due_in", "wait"), [(None, LONGEST_WAIT_S), (0.25, 0.25), (2_600_000.0, LONGEST_WAIT_S)]
)
def test_it_waits_for_the_next_job_and_never_for_long(due_in: float | None, wait: float) -> None:
    ledger = FakeLedger(next_due=due_in)
    loop = dispatcher(ledger, FakeBroker(), Clock())
    ledger.woken = loop.stopping.set
    loop.run()
    assert ledger.waits == [wait]


def test_a_server_that_is_away_is_tried_again_with_a_growing_pause(
    caplog: pytest.LogCaptureFixture,
) -> None:
    errors = [LedgerUnavailable("the ledger is away"), LedgerInvalid("an odd reply")] * 6
    ledger = FakeLedger(deque([hint(1)]), errors=deque(errors))
    broker = FakeBroker()
    loop = dispatcher(ledger, broker, Clock())
    ledger.woken = loop.stopping.set
    loop.run()
    assert isinstance(loop.stopping, CountingEvent)
    waits = loop.stopping.waits
    assert len(waits) == 12
    for number, wait in enumerate(waits):
        middle = min(0.05 * 2**number, MAX_BACKOFF_S)
        assert 0.5 * middle <= wait <= 1.5 * middle
    assert "waiting for ledger_unavailable: the ledger is away" in caplog.messages
    assert broker.published == [hint(1)]


def test_what_is_waited_for_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    away = [LedgerUnavailable("one"), LedgerUnavailable("one"), LedgerUnavailable("other")]
    ledger = FakeLedger(errors=deque(away))
    loop = dispatcher(ledger, FakeBroker(), Clock())
    rounds = iter([lambda: ledger.errors.append(away[2]), loop.stopping.set])
    ledger.woken = lambda: next(rounds)()
    loop.run()
    waiting = "waiting for ledger_unavailable: "
    assert caplog.messages == [waiting + "one", waiting + "other", waiting + "other"]


def test_after_a_success_the_pause_is_short_again() -> None:
    away = LedgerUnavailable("away")
    ledger = FakeLedger(errors=deque([away, away, away]))
    loop = dispatcher(ledger, FakeBroker(), Clock())
    rounds = iter([lambda: ledger.errors.append(away), loop.stopping.set])
    ledger.woken = lambda: next(rounds)()
    loop.run()
    assert isinstance(loop.stopping, CountingEvent)
    assert len(loop.stopping.waits) == 4
    assert loop.stopping.waits[3] <= 0.075


def test_it_does_nothing_once_it_is_told_to_stop() -> None:
    ledger = FakeLedger(deque([hint(1)]))
    loop = dispatcher(ledger, FakeBroker(), Clock())
    loop.stopping.set()
    loop.run()
    assert len(ledger.due) == 1


@pytest.mark.parametrize("without", ["fast", "slow"])
def test_a_queue_that_is_not_there_keeps_no_other_from_getting_its_hints(without: str) -> None:
    waiting = {"fast": hint(1), "slow": replace(hint(2), queue="slow")}
    ledger = FakeLedger(given={item.job_id: item for item in waiting.values()})
    loop = dispatcher(ledger, FakeBroker(without=frozenset({without})), Clock())
    loop.queues = ("fast", "slow")
    with pytest.raises(BrokerUnavailable, match=without):
        loop.tend()
    assert list(ledger.due) == [item for queue, item in waiting.items() if queue != without]
