"""`countersign dispatcher`: publishes what is due."""

import click

from backends.logs import configure_logging
from backends.settings import process_environment
from gateway.dispatcher.main import dispatch
from gateway.settings import dispatcher_settings


@click.command()
def dispatcher() -> None:
    """Publish jobs that are due; its settings are COUNTERSIGN_* variables (docs/settings.md)."""
    configure_logging()
    dispatch(dispatcher_settings(process_environment()))
