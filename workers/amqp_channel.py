"""kombu's AMQP channel, made to verify: nothing above it ever sees an unverified byte.

What it overrides, of kombu 5.7 (kombu/transport/pyamqp.py) and py-amqp 5.3:
    `Connection(frame_handler=)`  a message's properties are skipped, its body is capped
    `delivered`                   verifies, ahead of kombu's decompression and decoding
    `basic_qos`                   a fixed prefetch: a quorum queue knows no other
    `basic_ack`                   gives a place back, here alone: see below
    everything that writes        refused: a worker cannot publish

A message is acknowledged to the node as soon as it goes on to the pipeline, and not when its job
has ended: that is the same "one pop" as on Redis. The ledger holds the truth, and what is popped
and not claimed comes again. What the window has no room for waits here, not acknowledged, and
after a moment goes back to the node for other workers; this one asks for more once it has room.
"""

import uuid
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from amqp import spec
from amqp.exceptions import AMQPError
from kombu.message import Message
from kombu.transport import TRANSPORT_ALIASES, pyamqp

from workers.amqp_frames import Delivery, InboundFrames
from workers.channel import Inspector, refuse_publishing
from workers.room import Room
from workers.types import Delivered, Verified
from workers.wire import MAX_MESSAGE_BYTES

SCHEME: Final = "countersign-amqp"
#: Messages of one queue that the node gives ahead of acknowledgements.
PREFETCH: Final = 16
#: Seconds between looks at what waits: what waited at the last look goes back.
TEND_EVERY_S: Final = 1.0
#: Seconds for each answer of the node's while connecting, consuming, closing.
TIMEOUT_S: Final = 5.0


class VerifiedAmqpMessage(Message):  # type: ignore[misc]  # kombu is untyped
    """A Celery message made anew from verified claims; its delivery tag is local."""

    def __init__(self, verified: Verified, channel: Any) -> None:
        self.verified = verified
        claims = verified.job.claims
        super().__init__(
            body=b"[[], {}, {}]",
            delivery_tag=str(uuid.uuid4()),
            content_type="application/json",
            content_encoding="utf-8",
            delivery_info={"exchange": "", "routing_key": verified.queue},
            headers={"task": claims.task, "id": claims.id},
            channel=channel,
        )


class VerifyingAmqpChannel(pyamqp.Channel):  # type: ignore[misc]
    """Takes messages as the node gives them, verifies them, and delivers what is left."""

    def __init__(self, connection: Any, *args: Any, **kwargs: Any) -> None:
        self._inspect: Inspector = connection.inspector
        self._room: Room = connection.room
        self._queues: dict[str, str] = {}
        self._waiting: deque[Delivery] = deque()
        self._taken = 0
        self._last_taken = 0
        self._waited = 0
        self._paused = False
        super().__init__(connection, *args, **kwargs)

    def delivered(self, delivery: Delivery) -> None:
        """Take in a message; in the event loop's thread, as all here but `basic_ack`."""
        self._waiting.append(delivery)
        if self._paused:
            self._give_back()  # it was on its way when this worker stopped asking
        else:
            self.go_on()

    def tend(self) -> None:
        """Give back what has waited since the last time; ask for nothing until there is room."""
        if self._waiting and self._waiting[0].number == self._waited:
            self._paused = True
            for tag in self._queues:
                super().basic_cancel(tag, nowait=True)
            self._give_back()
        self._waited = self._waiting[0].number if self._waiting else 0

    def _give_back(self) -> None:
        self.acknowledge()
        if self._waiting:
            last = self._waiting[-1].number
            self._waiting.clear()
            self.send_method(spec.Basic.Nack, "Lbb", (last, True, True))

    def go_on(self) -> None:
        """Pass on what waits, as far as there is room."""
        if self._paused and self._queues and self._room.free():
            self._paused = False
            for tag, queue in self._queues.items():
                super().basic_consume(queue, tag, callback=self.callbacks[tag], nowait=True)
        while self._waiting and self._room.free():
            delivery = self._waiting.popleft()
            self._taken += 1
            self._last_taken = delivery.number
            if self._taken >= PREFETCH // 2:
                self.acknowledge()
            self._pass_on(delivery)

    def acknowledge(self) -> None:
        """Tell the node of all that has been taken; what waits was numbered later."""
        if self._taken:
            self._taken = 0
            super().basic_ack(self._last_taken, multiple=True)

    def _pass_on(self, delivery: Delivery) -> None:
        queue = self._queues[delivery.consumer_tag]
        verified = self._inspect(
            Delivered(queue, delivery.body, delivery.content, delivery.redelivered)
        )
        if verified is not None:
            self._room.take()
            self.callbacks[delivery.consumer_tag](VerifiedAmqpMessage(verified, self))

    def message_to_python(self, raw_message: VerifiedAmqpMessage) -> VerifiedAmqpMessage:
        """Give it as it is: it was made here."""
        return raw_message

    def basic_consume(self, queue: str = "", consumer_tag: str = "", **kwargs: Any) -> Any:
        """Consume; the queue of a message is the one that its consumer was made for."""
        self._queues[consumer_tag] = queue
        return super().basic_consume(queue, consumer_tag, **{**kwargs, "no_ack": False})

    def basic_cancel(self, consumer_tag: str, **kwargs: Any) -> Any:
        """Consume no more, as the worker stops; what waits goes back, and what still comes."""
        self._paused = True
        self._give_back()
        self._queues.pop(consumer_tag, None)
        return super().basic_cancel(consumer_tag, **kwargs)

    def basic_qos(self, *_: Any, **__: Any) -> Any:
        """Set the prefetch, for each consumer, to the one that is fixed."""
        return super().basic_qos(0, PREFETCH, False)

    def basic_ack(self, *_: Any, **__: Any) -> None:
        """Give a message's place in the window back; from any thread, and once for each."""
        self._room.release()

    basic_publish = refuse_publishing
    basic_publish_confirm = refuse_publishing
    _basic_publish = refuse_publishing
    exchange_bind = refuse_publishing
    exchange_declare = refuse_publishing
    exchange_delete = refuse_publishing
    queue_bind = refuse_publishing
    queue_declare = refuse_publishing
    queue_delete = refuse_publishing
    queue_purge = refuse_publishing


class VerifyingAmqpConnection(pyamqp.Connection):  # type: ignore[misc]
    """A connection that reads messages by `InboundFrames`."""

    Channel = VerifyingAmqpChannel

    def __init__(self, *, inspector: Inspector, room: Room, **kwargs: Any) -> None:
        self.inspector = inspector
        self.room = room
        frames = partial(InboundFrames, most=MAX_MESSAGE_BYTES)
        super().__init__(frame_handler=frames, **kwargs)

    def connect(self, callback: Callable[[], Any] | None = None) -> Any:
        """Connect, with a deadline for each read and write from then on."""
        answer = super().connect(callback)
        self.transport.sock.settimeout(TIMEOUT_S)
        return answer

    def drain_events(self, timeout: float | None = None) -> None:
        """Deal with one method or message; acknowledge once there is nothing more to read."""
        try:
            super().drain_events(timeout)
        except TimeoutError:
            self._acknowledge()
            raise

    def tend(self) -> None:
        """Let no message wait here for long."""
        for channel in self._consuming():
            channel.tend()

    def go_on(self) -> None:
        """Pass on what waits for room."""
        self.room.woken()
        for channel in self._consuming():
            channel.go_on()
        self._acknowledge()

    def _acknowledge(self) -> None:
        for channel in self._consuming():
            channel.acknowledge()

    def _consuming(self) -> list[VerifyingAmqpChannel]:
        return [each for each in (self.channels or {}).values() if each is not self]


class VerifyingAmqpTransport(pyamqp.Transport):  # type: ignore[misc]
    """kombu's AMQP transport with the verifying channel.

    Whatever goes wrong between the node and here ends the connection, and a new one is made: also
    where the node refuses (a queue that is not there), which kombu tells apart.
    """

    Connection = VerifyingAmqpConnection
    connection_errors = (AMQPError, *pyamqp.Transport.connection_errors)
    recoverable_connection_errors = (AMQPError, *pyamqp.Transport.recoverable_connection_errors)

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        """Read the socket in the event loop, and the pipe by which room is told of."""
        super().register_with_event_loop(connection, loop)
        loop.add_reader(connection.room.reader, connection.go_on)
        loop.call_repeatedly(TEND_EVERY_S, connection.tend)


def register_transport() -> None:
    """Let kombu find the transport by its scheme."""
    TRANSPORT_ALIASES[SCHEME] = f"{__name__}:{VerifyingAmqpTransport.__name__}"
