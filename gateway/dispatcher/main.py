"""The composition of a dispatcher."""

import signal
import time
from types import FrameType

from backends.redis_clients import check_server, connect
from backends.settings import AmqpSettings, BrokerSettings
from gateway.dispatcher.broker import Broker
from gateway.dispatcher.ledger import RedisDispatcherLedger
from gateway.dispatcher.loop import Dispatcher
from gateway.dispatcher.rabbit_broker import RabbitBroker
from gateway.dispatcher.redis_broker import RedisBroker
from gateway.settings import DispatcherSettings

#: Two connections may have gone silent, and are found so one after the other: within 10 s in all.
LEDGER_TIMEOUT_S = 3.0


def dispatch(settings: DispatcherSettings) -> None:
    """Dispatch until SIGTERM or SIGINT.

    Raises:
        SettingError, LedgerUnavailable: at start, naming what to mend.
    """
    client = connect(settings.ledger, timeout=LEDGER_TIMEOUT_S)
    listener = connect(settings.ledger, timeout=LEDGER_TIMEOUT_S)
    check_server(client, settings.ledger)
    dispatcher = Dispatcher(
        ledger=RedisDispatcherLedger(client, listener),
        broker=open_broker(settings.broker),
        queues=settings.queues,
        republish_after_ms=settings.republish_after_ms,
        monotonic=time.monotonic,
    )

    def stop(_number: int, _frame: FrameType | None) -> None:
        dispatcher.stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        dispatcher.run()
    finally:
        dispatcher.broker.close()
        dispatcher.ledger.close()


def open_broker(settings: BrokerSettings) -> Broker:
    """Make the broker that the settings name; it connects when it is first used."""
    if isinstance(settings, AmqpSettings):
        return RabbitBroker(settings)
    return RedisBroker(settings)
