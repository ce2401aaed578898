"""RabbitMQ as the broker: many hints to a round trip, each confirmed by the node.

On py-amqp itself (kombu's own client): kombu waits for each confirmation by itself.
"""

import struct
import time
from collections.abc import Sequence
from typing import Any, Final

import amqp
from amqp.exceptions import AMQPError

from backends.broker import CONNECT_TIMEOUT_S, amqp_ssl
from backends.errors import BrokerUnavailable
from backends.settings import AmqpSettings
from gateway.dispatcher.broker import unavailable
from gateway.dispatcher.hints import CONTENT_ENCODING, CONTENT_TYPE, wire_message
from signing.ledger.record import Hint

#: Seconds for each answer of the node's, and for all confirmations of a batch.
TIMEOUT_S: Final = 5.0
#: Seconds for saying goodbye, to a node that may be silent.
CLOSE_TIMEOUT_S: Final = 0.5
#: The node drops a dispatcher that is silent for about twice this long.
HEARTBEAT_S: Final = 15
_PERSISTENT: Final = 2
#: What goes wrong with a node, and what py-amqp raises where it cannot read what one sends.
_ERRORS: Final = (AMQPError, OSError, struct.error, LookupError, ValueError, TypeError)


class _Connection(amqp.Connection):  # type: ignore[misc]  # py-amqp is untyped
    """Asks for no news of alarms: for those py-amqp would read the socket before each publish.

    A node that blocks its publishers confirms nothing, and that is noticed anyway.
    """

    negotiate_capabilities = {"authentication_failure_close": True}  # noqa: RUF012 - py-amqp's


class _Confirmations:
    """What the node has said of the hints published since the channel was opened."""

    def __init__(self) -> None:
        self.published = 0
        self._settled = 0
        self._alone: set[int] = set()
        self._refused = 0

    def ack(self, tag: int, multiple: bool) -> None:
        if multiple:
            self._settled = max(self._settled, tag)
        else:
            self._alone.add(tag)
        while self._settled + 1 in self._alone:
            self._settled += 1
            self._alone.discard(self._settled)
        if multiple:
            self._alone = {each for each in self._alone if each > self._settled}

    def nack(self, tag: int, multiple: bool) -> None:
        self._refused += 1
        self.ack(tag, multiple)

    def returned(self, *_: Any) -> None:
        self._refused += 1

    def complete(self) -> bool:
        return self._settled >= self.published

    def refused(self) -> bool:
        return self._refused > 0


class RabbitBroker:
    """A RabbitMQ node over mutual TLS. Implements `Broker`."""

    def __init__(self, settings: AmqpSettings) -> None:
        self._settings = settings
        self._connection: Any = None
        self._channel: Any = None
        self._confirmations = _Confirmations()

    def publish(self, hints: Sequence[Hint]) -> None:
        """Publish hints in order on the default exchange, and wait until the node has them all.

        Raises:
            BrokerUnavailable: as `Broker.publish`; also where a hint has no queue to go to.
        """
        try:
            channel = self._ready()
            for hint in hints:
                self._confirmations.published += 1
                channel.basic_publish(
                    _message(hint), exchange="", routing_key=hint.queue, mandatory=True
                )
            self._wait_confirmed()
        except _ERRORS as error:
            self._drop()
            raise unavailable(error) from None

    def length(self, queue: str) -> int:
        """Count the hints that no worker has been given.

        Raises:
            BrokerUnavailable: as `Broker.length`.
        """
        try:
            return int(self._ready().queue_declare(queue, passive=True).message_count)
        except _ERRORS as error:
            self._drop()
            raise unavailable(error) from None

    def close(self) -> None:
        """Close the connection."""
        self._drop()

    def _wait_confirmed(self) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while not self._confirmations.complete():
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._connection.drain_events(timeout=left)
        if self._confirmations.refused():
            self._drop()
            raise BrokerUnavailable("the broker refused hints: is each queue of the catalog there?")

    def _ready(self) -> Any:
        if self._channel is None:
            self._connection = connect(self._settings)
            self._confirmations = _Confirmations()
            channel = self._connection.channel()
            channel.events["basic_ack"].add(self._confirmations.ack)
            channel.events["basic_nack"].add(self._confirmations.nack)
            channel.events["basic_return"].add(self._confirmations.returned)
            channel.confirm_select()
            self._channel = channel
        return self._channel

    def _drop(self) -> None:
        """Close what is open; the next use makes a new connection."""
        connection, self._connection, self._channel = self._connection, None, None
        if connection is None:
            return
        try:
            if connection.connected:
                connection.transport.sock.settimeout(CLOSE_TIMEOUT_S)
            connection.close()
        except _ERRORS:
            connection.collect()


def connect(settings: AmqpSettings) -> Any:
    """Connect, with a deadline for each read and write from then on.

    Raises:
        AMQPError, OSError: where the node does not let this role in.
    """
    connection = _Connection(
        host=f"{settings.host}:{settings.port}",
        virtual_host=settings.vhost,
        login_method="EXTERNAL",
        ssl=amqp_ssl(settings),
        connect_timeout=CONNECT_TIMEOUT_S,
        heartbeat=HEARTBEAT_S,
    )
    try:
        connection.connect()
    except AMQPError:
        connection.collect()  # py-amqp leaves the socket open where the node refuses
        raise
    connection.transport.sock.settimeout(TIMEOUT_S)
    return connection


def _message(hint: Hint) -> Any:
    wire = wire_message(hint)
    return amqp.Message(
        wire.body,
        content_type=CONTENT_TYPE,
        content_encoding=CONTENT_ENCODING,
        application_headers=wire.headers,
        delivery_mode=_PERSISTENT,
        priority=hint.priority,  # AMQP's 9 is the most urgent, as the contract's
        correlation_id=wire.correlation_id,
    )
