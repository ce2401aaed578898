"""A command whose package may be missing."""

import celery
import click


@click.command()
def lacks() -> None:
    click.echo(celery.__version__)
