"""Stock Celery on Redis for the control: its defaults, and what its documentation advises.

As a program: a worker, `python -m bench.faults.controls.stock_app defaults|advised`.
"""

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from celery import Celery

from backends.broker import redis_ssl, redis_url
from backends.settings import RedisSettings, process_environment, redis_settings
from bench.faults.evidence import Effect
from bench.faults.sink import Sink
from bench.faults.tasks import SINK

Manner = Literal["defaults", "advised"]
TASK: Final = "stock.run"
#: That of the jobs on Countersign's side.
QUEUE: Final = "slow"
#: As the campaign's own workers have.
CONCURRENCY: Final = 4
#: More than any task takes; what is unacknowledged for longer is delivered again.
VISIBILITY_S: Final = 8
_ADVISED: Final[Mapping[str, Any]] = {
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "worker_prefetch_multiplier": 1,
    "worker_cancel_long_running_tasks_on_connection_loss": True,
    "broker_transport_options": {
        "visibility_timeout": VISIBILITY_S,
        "unacked_restore_interval": 2,
        "unacked_restore_throttle": 1,
        "health_check_interval": 3,
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
    },
    "redis_socket_timeout": 5,
    "redis_socket_keepalive": True,
    "redis_backend_health_check_interval": 3,
}


def stock_app(broker: RedisSettings, results: RedisSettings, manner: Manner) -> Any:
    """Make the application."""
    app = Celery("stock", set_as_current=False)
    app.conf.update(
        broker_url=redis_url(broker, "rediss"),
        broker_use_ssl=redis_ssl(broker),
        result_backend=redis_url(results, "rediss"),
        redis_backend_use_ssl=redis_ssl(results),
        task_default_queue=QUEUE,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
    )
    if manner == "advised":
        app.conf.update(_ADVISED)

    @app.task(name=TASK, bind=True)  # type: ignore[untyped-decorator]
    def run(task: Any, ref: str, seconds: float) -> None:
        """Do what the campaign's tasks do."""
        sink = Sink(Path(os.environ[SINK]))
        mine = Effect(task.request.id, ref, 1)
        sink.note("begin", mine, time.time_ns() // 1_000_000)
        time.sleep(seconds)
        sink.put(mine)
        sink.note("end", mine, time.time_ns() // 1_000_000)

    return app


def main(said: str) -> None:
    """Work."""
    manner: Manner = "advised" if said == "advised" else "defaults"
    env = process_environment()
    app = stock_app(
        redis_settings(env, "COUNTERSIGN_BROKER_URL"),
        redis_settings(env, "COUNTERSIGN_REDIS_LEDGER_URL"),
        manner,
    )
    app.worker_main(["worker", "-Q", QUEUE, "-c", str(CONCURRENCY), "--loglevel", "WARNING"])


if __name__ == "__main__":
    main(sys.argv[1])
