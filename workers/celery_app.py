"""The hardened Celery application: every setting that keeps a door shut, in one visible list."""

from collections.abc import Callable
from typing import Any, Final

from celery import Celery, signals
from kombu import Exchange, Queue

from backends.broker import amqp_ssl, amqp_url, redis_ssl, redis_url
from backends.settings import AmqpSettings, BrokerSettings
from workers import amqp_channel, channel
from workers.channel import Inspector
from workers.consumer import VerifyingConsumer
from workers.room import Room
from workers.settings import WorkerSettings
from workers.window import Window
from workers.wire import CONTENT_TYPE

CONSUMER: Final = f"{VerifyingConsumer.__module__}:{VerifyingConsumer.__qualname__}"
#: Seconds without a reply after which a silent connection to the broker is dropped.
HEALTH_CHECK_S: Final = 3
#: RabbitMQ's: a connection that is silent for twice this long is dropped, on both sides.
HEARTBEAT_S: Final = 4


def celery_app(settings: WorkerSettings, inspector: Inspector, window: Window) -> Any:
    """Make the application of a worker; nothing is connected yet."""
    signals.setup_logging.connect(_keep_logging, weak=False)
    app = Celery("countersign", set_as_current=False, fixups=[], autofinalize=True)
    app.conf.update(
        **_broker(settings.broker, inspector, window),
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        # What a message may be: verified by then, this is for whoever would bypass the channel.
        accept_content=[CONTENT_TYPE],
        task_protocol=2,
        task_queues=[
            Queue(name, Exchange(""), routing_key=name, no_declare=True) for name in settings.queues
        ],
        task_create_missing_queues=False,
        # Nobody is told anything, and nobody tells this worker anything.
        result_backend=None,
        task_ignore_result=True,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        task_send_sent_event=False,
        # Celery's guards against growing and hanging; limits of each task are in its seal.
        worker_consumer=CONSUMER,
        worker_max_tasks_per_child=settings.max_tasks_per_child,
        worker_max_memory_per_child=settings.max_memory_per_child_kib,
        worker_prefetch_multiplier=1,  # the channel's window decides
        worker_enable_prefetch_count_reduction=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_lost_wait=0.5,
        worker_proc_alive_timeout=30.0,
        worker_disable_rate_limits=True,
        worker_detect_quorum_queues=False,
        # Logging is ours: records of Celery's may quote messages.
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        enable_utc=True,
        timezone="UTC",
    )
    return app


def _broker(settings: BrokerSettings, inspector: Inspector, window: Window) -> dict[str, Any]:
    """The settings of the one broker or the other, each with its verifying channel."""
    if isinstance(settings, AmqpSettings):
        amqp_channel.register_transport()
        return {
            "broker_url": amqp_url(settings, amqp_channel.SCHEME),
            "broker_use_ssl": amqp_ssl(settings),
            "broker_login_method": "EXTERNAL",
            "broker_heartbeat": HEARTBEAT_S,
            "broker_transport_options": {"inspector": inspector, "room": Room(window)},
        }
    channel.register_transport()
    return {
        "broker_url": redis_url(settings, channel.SCHEME),
        "broker_use_ssl": redis_ssl(settings),
        "broker_transport_options": {
            "inspector": inspector,
            "room": Room(window),
            "health_check_interval": HEALTH_CHECK_S,
            "socket_connect_timeout": 2.0,
            "socket_timeout": 5.0,
            "socket_keepalive": True,
        },
    }


def _keep_logging(**_: object) -> None:
    """Keep Celery from configuring logging; that a receiver is there is enough."""


def start_worker(
    app: Any, settings: WorkerSettings, hostname: str, before: Callable[[], None]
) -> int:
    """Run the worker until it is told to stop; give its exit status."""
    worker = app.Worker(
        hostname=hostname,
        pool=settings.pool,
        concurrency=settings.concurrency,
        quiet=True,
        loglevel="WARNING",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        task_events=False,
    )
    before()
    worker.start()
    return int(worker.exitcode or 0)
