"""`countersign gateway`: the ingress."""

import click

from backends.logs import configure_logging
from backends.settings import process_environment
from gateway.server import serve
from gateway.settings import gateway_settings


@click.command()
def gateway() -> None:
    """Serve the HTTPS ingress; its settings are COUNTERSIGN_* variables (docs/settings.md)."""
    configure_logging()
    serve(gateway_settings(process_environment()))
