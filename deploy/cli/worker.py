"""`countersign worker`: runs jobs."""

import sys

import click

from backends.logs import configure_logging
from backends.settings import process_environment
from workers.main import work
from workers.settings import worker_settings


@click.command()
def worker() -> None:
    """Run jobs; its settings are COUNTERSIGN_* variables (docs/settings.md)."""
    configure_logging()
    sys.exit(work(worker_settings(process_environment())))
