"""Celery's consumer with only the steps that a worker needs, and no flag to turn others on.

Left out, of celery 5.7 (celery/worker/consumer/consumer.py, `Consumer.Blueprint`): Mingle, Events,
Gossip, Heart, Control, DelayedDelivery, Agent. They read broadcasts or publish; a worker does
neither, so none of their messages is ever looked at.
"""

import logging
import os
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from celery import bootsteps
from celery.concurrency.asynpool import _get_job_writer
from celery.worker.consumer import Consumer
from celery.worker.consumer.connection import Connection
from celery.worker.consumer.consumer import Evloop
from celery.worker.consumer.tasks import Tasks
from celery.worker.state import maybe_shutdown

from workers.amqp_channel import VerifiedAmqpMessage
from workers.channel import VerifiedMessage
from workers.pipeline import Arrived, Pipeline
from workers.request import PoolRequest
from workers.types import Claimed

#: Seconds until a broker that is away is asked again, at first and at most.
RETRY_FIRST_S: Final = 0.25
RETRY_MOST_S: Final = 1.0
#: A pool process that died is missed at the second look; celery looks every 5 s.
LOOK_AT_POOL_S: Final = 0.5

_log = logging.getLogger(__name__)


class BareTasks(Tasks):  # type: ignore[misc]  # celery is untyped
    """Celery's step that consumes from the queues, without the step it waits for (Mingle)."""

    requires = (Connection,)


class BareEvloop(Evloop):  # type: ignore[misc]
    """Celery's step that runs the event loop, last."""

    requires = (BareTasks,)


class Handover(bootsteps.StartStopStep):  # type: ignore[misc]
    """Brings claimed jobs from the pipeline's thread into the event loop's, by a pipe."""

    requires = (BareTasks,)

    def __init__(self, consumer: "VerifyingConsumer", **kwargs: Any) -> None:
        super().__init__(consumer, **kwargs)
        self._claimed: deque[Claimed] = deque()
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._pool = consumer.pool
        self._looking: Any = None
        self._to_pool: Callable[[Claimed], None] = consumer.run_claimed
        self._pipeline = consumer.pipeline
        self._pipeline.start(self.put)

    def put(self, claimed: Claimed) -> None:
        """Hand a job over; from any thread."""
        self._claimed.append(claimed)
        try:
            os.write(self._writer, b"\0")
        except BlockingIOError:
            return  # the pipe is full of wake-ups already

    def register_with_event_loop(self, _consumer: Any, hub: Any) -> None:
        """Read the pipe in the event loop, and look after the pool.

        Called anew after each lost connection.
        """
        hub.add_reader(self._reader, self._wake)
        if self._looking is not None:
            self._looking.cancel()  # timers outlive the connection
        self._looking = hub.call_repeatedly(LOOK_AT_POOL_S, self._look)

    def _look(self) -> None:
        self._pool.maintain_pool()
        self._pipeline.listening()

    def _wake(self, *_: Any) -> None:
        try:
            os.read(self._reader, 65_536)
        except BlockingIOError:
            return
        while self._claimed:
            self._to_pool(self._claimed.popleft())


class VerifyingConsumer(Consumer):  # type: ignore[misc]
    """Takes verified messages alone, and gives them to the pipeline."""

    #: Set by the composition before the worker starts; Celery makes the consumer by itself.
    pipeline: Pipeline
    #: What celery's event loop asks for, and what is never there.
    event_dispatcher = None

    class Blueprint(Consumer.Blueprint):  # type: ignore[misc]
        """The steps that are left."""

        default_steps = [Connection, BareTasks, Handover, BareEvloop]  # noqa: RUF012 - celery's

    def ensure_connected(self, conn: Any) -> Any:
        """Connect to the broker, however long it takes; celery's own waits up to 30 s between."""

        def on_error(error: Exception, interval: float) -> None:
            what = type(error).__name__
            _log.warning("waiting for the broker: %s; asked again in %g s", what, interval)

        connected = conn.ensure_connection(
            on_error,
            interval_start=RETRY_FIRST_S,
            interval_step=RETRY_FIRST_S,
            interval_max=RETRY_MOST_S,
            callback=maybe_shutdown,
        )
        self.first_connection_attempt = False
        return connected

    def create_task_handler(
        self, *_: Any, **__: Any
    ) -> Callable[[VerifiedMessage | VerifiedAmqpMessage], None]:
        """Give what is called with each message; kombu has verified it by then."""
        pipeline = self.pipeline

        def on_task_received(message: VerifiedMessage | VerifiedAmqpMessage) -> None:
            pipeline.arrived(Arrived(message.verified, message.ack, message.delivery_tag))

        return on_task_received

    def run_claimed(self, claimed: Claimed) -> None:
        """Give a claimed job to the pool, when it has room."""
        self.on_task_request(PoolRequest(claimed, self.pipeline.begun, self.pipeline.finished))

    def on_close(self) -> None:
        """Let nothing go where only the connection to the broker is lost.

        Celery's own forgets what waits for the pool, since its broker gives it again. Claimed jobs
        are this worker's, whatever becomes of that connection. When the worker stops, what no
        child has been given goes back; what one has been given is run and settled, though its
        word that it began may not have been read yet (Celery's own discards that).
        """
        finish_writes(self.pool)
        if self.controller.blueprint.state != bootsteps.RUN:
            self.pipeline.close()
            if self.controller.semaphore:
                self.controller.semaphore.clear()
            forget_unwritten(self.pool)

    def update_strategies(self) -> None:
        """Build none: Celery's strategies look at headers."""


def finish_writes(pool: Any) -> None:
    """Finish what a prefork pool is in the middle of writing to a child.

    The event loop is made anew with the connection, and forgets that it was writing.
    """
    processes = getattr(pool, "_pool", None)
    if processes is None:
        return
    for job in tuple(processes._cache.values()):
        writer, child = _get_job_writer(job), job._write_to
        if writer in processes._active_writers and child is not None and child._is_alive():
            processes._flush_writer(child, writer)


def forget_unwritten(pool: Any) -> None:
    """Take what no child has been given out of a prefork pool, which would wait for it."""
    processes = getattr(pool, "_pool", None)
    if processes is None:
        return
    for job in tuple(processes._cache.values()):
        if not job._accepted and job._write_to is None:
            job.discard()
    processes.outbound_buffer.clear()
