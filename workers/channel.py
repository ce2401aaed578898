"""kombu's Redis channel, made to verify: nothing above it ever sees an unverified byte.

What it overrides, of kombu 5.7 (kombu/transport/redis.py, kombu/transport/virtual/base.py):
    `_brpop_start`, `_brpop_read`  many messages to a pop (BLMPOP), verified before they go on
    `QoS`                          counts in the worker's room, which outlives the connection:
                                   no `unacked` keys, nothing restored
    `_size`                        no question to Redis when a queue is declared
    everything that writes         refused: a worker cannot publish
A message that is popped and not claimed is not lost: the ledger misses it and it comes again.
"""

import logging
from collections.abc import Callable
from queue import Empty
from time import monotonic
from typing import Any, Final, NoReturn

from kombu.transport import TRANSPORT_ALIASES, redis, virtual
from kombu.utils.encoding import bytes_to_str

from signing.errors import CountersignError
from workers.room import Room
from workers.types import Delivered, Verified

SCHEME: Final = "countersign"
MOST_AT_ONCE: Final = 64
#: Seconds until a broker that refused is asked again.
REFUSED_PAUSE_S: Final = 1.0

_log = logging.getLogger(__name__)

#: Verifies a delivered message, or refuses it (into the quarantine) and gives `None`.
Inspector = Callable[[Delivered], Verified | None]


class PublishingRefused(CountersignError):
    """A worker tried to publish; jobs enter through the gateway."""

    code = "publishing_refused"


def refuse_publishing(*_: Any, **__: Any) -> NoReturn:
    """Stand in for every method of a channel that would write to the broker.

    Raises:
        PublishingRefused: always.
    """
    raise PublishingRefused("a worker cannot publish: submit the job to the gateway")


class VerifiedMessage(virtual.Message):  # type: ignore[misc]  # kombu is untyped
    """A Celery message made anew from verified claims; its delivery tag is local."""

    def __init__(self, payload: tuple[Verified, str], channel: Any = None, **_: Any) -> None:
        self.verified, tag = payload
        claims = self.verified.job.claims
        super().__init__(
            {
                "body": "[[], {}, {}]",
                "content-type": "application/json",
                "content-encoding": "utf-8",
                "headers": {"task": claims.task, "id": claims.id},
                "properties": {
                    "delivery_tag": tag,
                    "delivery_info": {"exchange": "", "routing_key": self.verified.queue},
                },
            },
            channel=channel,
        )


class RoomQoS(virtual.QoS):  # type: ignore[misc]
    """Takes a place in the worker's room for each message, until the message is acknowledged.

    The room is the worker's and not the channel's: a job goes on when the connection that brought
    it is lost, and so it still takes its place when the next channel asks what there is room for.
    """

    def __init__(self, channel: Any, prefetch_count: int = 0) -> None:
        super().__init__(channel, prefetch_count)
        #: Tags of what takes a place. kombu's own record stays empty: there is nothing to restore.
        self._taken: set[str] = set()

    def can_consume(self) -> bool:
        """Whether there is a place."""
        return self.can_consume_max_estimate() > 0

    def can_consume_max_estimate(self) -> int:
        """How many places there are."""
        return int(self.channel.room.left())

    def append(self, _message: Any, delivery_tag: str) -> None:
        """Take a place for a message that goes on to the pipeline."""
        self._taken.add(delivery_tag)
        self.channel.room.take()

    def ack(self, delivery_tag: str) -> None:
        """Give a message's place back; from any thread, also where the channel is closed."""
        try:
            self._taken.remove(delivery_tag)
        except KeyError:
            return  # it was given back before
        self.channel.room.release()

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Give a message's place back.

        Raises:
            PublishingRefused: where the message itself is to go back to the broker.
        """
        self.ack(delivery_tag)
        if requeue:
            refuse_publishing()


class VerifyingChannel(redis.Channel):  # type: ignore[misc]
    """Takes messages with one pop, verifies them, and delivers what is left."""

    Message = VerifiedMessage
    QoS = RoomQoS
    ack_emulation = False
    do_restore = False
    inspector: Inspector
    room: Room
    from_transport_options = (*redis.Channel.from_transport_options, "inspector", "room")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._refused_until = 0.0
        super().__init__(*args, **kwargs)
        self.QoS = RoomQoS  # kombu sets the virtual one where `ack_emulation` is off

    def _brpop_start(self, timeout: float | None = None) -> None:
        queues = self._queue_cycle.consume(len(self.active_queues))
        if not queues or monotonic() < self._refused_until:
            return
        keys = [self._q_for_pri(queue, step) for step in self.priority_steps for queue in queues]
        wait = self.brpop_timeout if timeout is None else timeout
        count = min(max(1, self.qos.can_consume_max_estimate()), MOST_AT_ONCE)
        self._in_poll = self.client.connection
        self._brpop_sent_at = monotonic()
        command = ("BLMPOP", wait or 0, len(keys), *keys, "RIGHT", "COUNT", count)
        self.client.connection.send_command(*command)

    def _brpop_read(self, **options: Any) -> bool:
        try:
            try:
                reply = self.client.parse_response(self.client.connection, "BLMPOP", **options)
            except self.connection_errors:
                self.client.connection.disconnect()
                raise
            except self.ResponseError as error:
                # Redis is there and refuses: a queue's key is no list, or the user may not pop.
                _log.warning("the broker gives no messages: %s", type(error).__name__)
                self._refused_until = monotonic() + REFUSED_PAUSE_S
                raise Empty from None
            if not reply:
                raise Empty
            key, items = reply
            queue = bytes_to_str(key).rsplit(self.sep, 1)[0]
            self._queue_cycle.rotate(queue)
            for item in items:
                self._deliver_verified(Delivered(queue=queue, raw=item))
            return True
        finally:
            self._in_poll = None

    def _deliver_verified(self, delivered: Delivered) -> None:
        if delivered.queue not in self.connection._callbacks:
            return  # popped while the consumer was being cancelled; the ledger gives it again
        verified = self.inspector(delivered)
        if verified is not None:
            payload = (verified, self._next_delivery_tag())
            self.connection._deliver(payload, delivered.queue)

    def _size(self, queue: str) -> int:
        return 0

    def _queue_bind(self, *_: Any) -> None:
        """Write no binding: hints come by the anonymous exchange, which has none."""

    basic_publish = refuse_publishing
    _put = refuse_publishing
    _put_fanout = refuse_publishing
    _restore = refuse_publishing
    _restore_at_beginning = refuse_publishing
    _purge = refuse_publishing
    _delete = refuse_publishing


class VerifyingTransport(redis.Transport):  # type: ignore[misc]
    """kombu's Redis transport with the verifying channel."""

    Channel = VerifyingChannel


def register_transport() -> None:
    """Let kombu find the transport by its scheme."""
    TRANSPORT_ALIASES[SCHEME] = f"{__name__}:{VerifyingTransport.__name__}"
