"""Redis as the broker: kombu's own lists, written many hints to a round trip."""

from collections.abc import Sequence
from typing import Any

from kombu import Connection, Producer
from kombu.exceptions import KombuError
from kombu.transport import redis
from redis.exceptions import RedisError

from backends.broker import redis_ssl
from backends.settings import RedisSettings
from gateway.dispatcher.broker import unavailable
from gateway.dispatcher.hints import CONTENT_ENCODING, CONTENT_TYPE, wire_message
from signing.ledger.record import Hint

SOCKET_TIMEOUT_S = 5.0


class _TextChannel(redis.Channel):  # type: ignore[misc]  # kombu is untyped
    """Leaves a body that is UTF-8 text as it is; kombu's base64 would make it a third longer."""

    def encode_body(self, body: bytes, _encoding: str | None = None) -> tuple[str, None]:
        return body.decode("utf-8"), None


class _TextTransport(redis.Transport):  # type: ignore[misc]
    Channel = _TextChannel


class RedisBroker:
    """kombu's Redis transport over TLS, many hints to a round trip. Implements `Broker`."""

    def __init__(self, settings: RedisSettings) -> None:
        self._settings = settings
        self._connection: Any = None
        self._producer: Any = None

    def publish(self, hints: Sequence[Hint]) -> None:
        """Publish hints in order, on the anonymous exchange: no binding is read or written.

        Raises:
            BrokerUnavailable: as `Broker.publish`.
        """
        try:
            producer = self._ready()
            with producer.batch():
                for hint in hints:
                    message = wire_message(hint)
                    producer.publish(
                        message.body,
                        exchange="",
                        routing_key=message.queue,
                        content_type=CONTENT_TYPE,
                        content_encoding=CONTENT_ENCODING,
                        headers=message.headers,
                        priority=message.priority,
                        correlation_id=message.correlation_id,
                        delivery_mode="persistent",
                    )
        except (KombuError, RedisError, OSError) as error:
            self._drop()
            raise unavailable(error) from None

    def length(self, queue: str) -> int:
        """Count the hints of every priority in a queue.

        Raises:
            BrokerUnavailable: as `Broker.length`.
        """
        try:
            return int(self._ready().channel._size(queue))
        except (KombuError, RedisError, OSError) as error:
            self._drop()
            raise unavailable(error) from None

    def close(self) -> None:
        """Close the connection."""
        self._drop()

    def _ready(self) -> Any:
        if self._producer is None:
            self._connection = _connection(self._settings)
            self._producer = Producer(self._connection.channel(), auto_declare=False)
        return self._producer

    def _drop(self) -> None:
        """Close what is open; the next use makes a new connection, for kombu's is not reused."""
        connection, self._connection, self._producer = self._connection, None, None
        if connection is None:
            return
        try:
            connection.close()
        except (KombuError, RedisError, OSError):
            return


def _connection(settings: RedisSettings) -> Any:
    return Connection(
        hostname=settings.host,
        port=settings.port,
        userid=settings.user,
        password=settings.password,
        virtual_host=str(settings.database),
        transport=_TextTransport,
        ssl=redis_ssl(settings),
        transport_options={
            "socket_timeout": SOCKET_TIMEOUT_S,
            "socket_connect_timeout": SOCKET_TIMEOUT_S,
        },
    )
