"""A stock Celery worker as a process of its own: `python -m bench.stock_worker CONCURRENCY`."""

import sys

from backends.settings import process_environment, redis_settings
from bench.stock import QUEUE, stock_app

if __name__ == "__main__":
    app = stock_app(redis_settings(process_environment(), "COUNTERSIGN_BROKER_URL"))
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    app.worker_main(["worker", "-Q", QUEUE, "-c", sys.argv[1], "--loglevel", "WARNING", *quiet])
