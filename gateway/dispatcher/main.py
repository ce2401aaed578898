"""The composition of a dispatcher: alone in its process, or in a thread of the gateway's."""

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from backends.redis_clients import check_server, connect
from backends.settings import AmqpSettings, BrokerSettings
from gateway.dispatcher.broker import Broker
from gateway.dispatcher.ledger import RedisDispatcherLedger
from gateway.dispatcher.loop import Dispatcher
from gateway.dispatcher.rabbit_broker import RabbitBroker
from gateway.dispatcher.redis_broker import RedisBroker
from gateway.settings import DispatcherSettings
from signing.errors import CountersignError

#: Two connections may have gone silent, and are found so one after the other: within 10 s in all.
LEDGER_TIMEOUT_S = 3.0
#: How long a gateway that stops waits for its dispatcher's step, which a silent server may hold up.
STOP_S = 5.0

_log = logging.getLogger(__name__)


class DispatcherEnded(CountersignError):
    """The dispatcher in the gateway's process ended by itself."""

    code = "dispatcher_ended"


def dispatch(settings: DispatcherSettings) -> None:
    """Dispatch until SIGTERM or SIGINT.

    Raises:
        SettingError, LedgerUnavailable: at start, naming what to mend.
    """
    dispatcher = open_dispatcher(settings)

    def stop(_number: int, _frame: FrameType | None) -> None:
        dispatcher.stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    _run(dispatcher)


@contextmanager
def dispatching(settings: DispatcherSettings, ended: Callable[[], None]) -> Iterator[None]:
    """Dispatch in a thread until this is left; `ended` is called in it once it has ended.

    Raises:
        SettingError, LedgerUnavailable: at start, naming what to mend.
        DispatcherEnded: when this is left, where the dispatcher had not been told to end.
    """
    dispatcher = open_dispatcher(settings)
    failed = threading.Event()

    def run() -> None:
        failed.set()
        try:
            _run(dispatcher)
            failed.clear()
        except BaseException:  # noqa: BLE001 - the gateway ends for it, whatever it was
            _log.critical("the dispatcher ended; so does the gateway", exc_info=True)
        finally:
            ended()

    # A daemon: where a silent server holds it up for too long, the process ends without it.
    thread = threading.Thread(target=run, name="dispatcher", daemon=True)
    thread.start()
    try:
        yield
    finally:
        dispatcher.stopping.set()
        thread.join(STOP_S)
    if thread.is_alive():
        # What it took and did not publish is missed in its queue, and published by another.
        _log.warning("the dispatcher's step is not over after %g s; it is left", STOP_S)
    elif failed.is_set():
        raise DispatcherEnded("the dispatcher ended by itself: see the log")


def open_dispatcher(settings: DispatcherSettings) -> Dispatcher:
    """Make a dispatcher whose ledger was reached and is set as it has to be.

    Raises:
        SettingError, LedgerUnavailable: naming what to mend.
    """
    client = connect(settings.ledger, timeout=LEDGER_TIMEOUT_S)
    listener = connect(settings.ledger, timeout=LEDGER_TIMEOUT_S)
    check_server(client, settings.ledger)
    return Dispatcher(
        ledger=RedisDispatcherLedger(client, listener),
        broker=open_broker(settings.broker),
        queues=settings.queues,
        republish_after_ms=settings.republish_after_ms,
        monotonic=time.monotonic,
    )


def open_broker(settings: BrokerSettings) -> Broker:
    """Make the broker that the settings name; it connects when it is first used."""
    if isinstance(settings, AmqpSettings):
        return RabbitBroker(settings)
    return RedisBroker(settings)


def _run(dispatcher: Dispatcher) -> None:
    try:
        dispatcher.run()
    finally:
        dispatcher.broker.close()
        dispatcher.ledger.close()
