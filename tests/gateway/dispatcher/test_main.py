"""A dispatcher in a thread of the gateway's process: it ends with it, and never without a word."""

import logging
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import pytest

from backends.errors import BrokerUnavailable
from gateway.dispatcher import main
from gateway.dispatcher.loop import Dispatcher
from gateway.dispatcher.main import DispatcherEnded, dispatching
from gateway.settings import DispatcherSettings
from signing.ledger.record import Hint
from tests.gateway.dispatcher.fakes import Clock, FakeBroker, FakeLedger, hint

SETTINGS = cast(DispatcherSettings, None)
#: For what happens at once.
SOON_S = 10.0


@dataclass
class Broker(FakeBroker):
    """Tells what becomes of it; raises or waits where a test wants that."""

    planted: BaseException | None = None
    silent: bool = False
    used: threading.Event = field(default_factory=threading.Event)
    closed: threading.Event = field(default_factory=threading.Event)
    answers: threading.Event = field(default_factory=threading.Event)

    def publish(self, hints: Sequence[Hint]) -> None:
        self.used.set()
        if self.silent:
            self.answers.wait()
        if self.planted is not None:
            raise self.planted
        super().publish(hints)

    def close(self) -> None:
        self.closed.set()


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    """The broker of the dispatcher that is opened; one hint is due."""
    made, pause = Broker(), threading.Event()

    def woken() -> None:
        pause.wait(0.005)

    ledger = FakeLedger(deque([hint(1)]), woken=woken)
    dispatcher = Dispatcher(ledger, made, ("fast",), 10_000, Clock())
    monkeypatch.setattr(main, "open_dispatcher", lambda _settings: dispatcher)
    return made


def test_it_dispatches_until_it_is_left(broker: Broker) -> None:
    ended = threading.Event()
    with dispatching(SETTINGS, ended.set):
        assert broker.used.wait(SOON_S)
        assert not ended.is_set()
        assert not broker.closed.is_set()
    assert ended.is_set()
    assert broker.closed.is_set()
    assert [item.job_id for item in broker.published] == ["id-1"]
    assert "dispatcher" not in {thread.name for thread in threading.enumerate()}


def test_a_server_that_is_away_does_not_end_it(broker: Broker) -> None:
    broker.errors = deque([BrokerUnavailable("away")])
    ended = threading.Event()
    with dispatching(SETTINGS, ended.set):
        assert broker.used.wait(SOON_S)
        assert not ended.wait(0.2)


@pytest.mark.parametrize("planted", [RuntimeError("tok_secret"), SystemExit(0)])
def test_an_error_that_nobody_expected_is_told_and_ends_the_gateway(
    broker: Broker, planted: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    broker.planted = planted
    ended = threading.Event()
    with (
        pytest.raises(DispatcherEnded, match="see the log"),
        dispatching(SETTINGS, ended.set),
    ):
        assert ended.wait(SOON_S), "the gateway is told at once"
    assert broker.closed.is_set()
    told = [record for record in caplog.records if record.levelno == logging.CRITICAL]
    assert [record.name for record in told] == ["gateway.dispatcher.main"]


def test_what_ended_the_gateway_is_what_is_raised(broker: Broker) -> None:
    broker.planted = RuntimeError("planted")
    ended = threading.Event()

    def interrupted() -> None:
        with dispatching(SETTINGS, ended.set):
            assert ended.wait(SOON_S)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()


def test_a_step_that_a_silent_server_holds_up_is_not_waited_for(
    broker: Broker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(main, "STOP_S", 0.05)
    broker.silent = True
    ended = threading.Event()
    with dispatching(SETTINGS, ended.set):
        assert broker.used.wait(SOON_S)
    assert not broker.closed.is_set(), "what the thread uses is not closed under its hands"
    assert "is not over after 0.05 s" in caplog.text
    broker.answers.set()
    assert ended.wait(SOON_S)
    assert broker.closed.is_set()
