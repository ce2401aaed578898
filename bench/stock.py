"""Stock Celery on the same Redis over TLS: plain JSON, nothing verified, nothing kept."""

import time
from typing import Any

from celery import Celery

from backends.broker import redis_ssl, redis_url
from backends.settings import RedisSettings

QUEUE = "stock"
TASK = "stock.noop"


def stock_app(settings: RedisSettings) -> Any:
    """Celery as its users run it, with results stored as ours are."""
    app = Celery("stock", set_as_current=False)
    ssl = redis_ssl(settings)
    app.conf.update(
        broker_url=redis_url(settings, "rediss"),
        broker_use_ssl=ssl,
        result_backend=redis_url(settings, "rediss"),
        redis_backend_use_ssl=ssl,
        result_expires=600,
        task_default_queue=QUEUE,
        worker_enable_remote_control=False,
        broker_connection_retry_on_startup=True,
    )

    @app.task(name=TASK)  # type: ignore[untyped-decorator]
    def noop(**_: Any) -> None:
        return None

    return app


def send_rate(app: Any, args: dict[str, Any], seconds: float) -> float:
    """Messages a second that one process sends with `send_task`, one after the other."""
    app.send_task(TASK, kwargs=args)
    sent, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < seconds:
        app.send_task(TASK, kwargs=args)
        sent += 1
    return sent / elapsed
