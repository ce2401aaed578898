"""A stack on RabbitMQ: queues looked into, filled and emptied as the superuser, and as any role."""

import contextlib
from collections.abc import Iterator
from typing import Any

import amqp

from backends.environment import Environment
from backends.settings import AmqpSettings, broker_settings
from deploy.local.rabbit_server import superuser_connection
from gateway.dispatcher.rabbit_broker import connect
from tests.servers.servers import Role, Servers
from tests.workers.site import Site

CONTENT_TYPE = "application/vnd.countersign.dsse+json"


class RawMessage(amqp.Message):  # type: ignore[misc]  # py-amqp is untyped
    """A message whose property flags and properties are these bytes."""

    def __init__(self, body: bytes, properties: bytes) -> None:
        super().__init__(body)
        self._raw = properties

    def _serialize_properties(self) -> bytes:
        return self._raw


@contextlib.contextmanager
def superuser(servers: Servers) -> Iterator[Any]:
    """A channel as the superuser, which may do everything; each publish is confirmed."""
    connection = superuser_connection(servers.paths.certs, servers.ports)
    connection.confirm_publish = True
    try:
        yield connection.channel()
    finally:
        with contextlib.suppress(OSError, amqp.AMQPError):
            connection.close()


@contextlib.contextmanager
def as_role(servers: Servers, role: Role) -> Iterator[Any]:
    """A connection with the certificate of a role."""
    settings = broker_settings(Environment(servers.local.environment(role)))
    assert isinstance(settings, AmqpSettings)
    connection = connect(settings)
    try:
        yield connection
    finally:
        with contextlib.suppress(OSError, amqp.AMQPError):
            connection.close()


class RabbitSite(Site):
    """A running stack on RabbitMQ to which tests bring their own workers."""

    @property
    def servers(self) -> Servers:
        return self.stack.servers

    def queued(self, queue: str = "fast") -> int:
        """How many hints lie in a queue that no worker has been given."""
        with superuser(self.servers) as channel:
            return int(channel.queue_declare(queue, passive=True).message_count)

    def published(self, job_id: str) -> int:
        """How often a job's hint was published, by the ledger."""
        ledger: Any = self.servers.redis("superuser")
        return int(ledger.hget(f"cs:job:{job_id}", "published"))

    def purge(self, queue: str = "fast") -> int:
        """Empty a queue."""
        with superuser(self.servers) as channel:
            return int(channel.queue_purge(queue))

    def push(self, *messages: Any, queue: str = "fast") -> None:
        """Put messages into a queue."""
        with superuser(self.servers) as channel:
            for message in messages:
                channel.basic_publish(message, exchange="", routing_key=queue)


def sealed(body: bytes, **properties: Any) -> Any:
    """A message as the dispatcher writes it, unless it is told otherwise."""
    given = {"content_type": CONTENT_TYPE, "content_encoding": "utf-8", **properties}
    return amqp.Message(body, **given)
