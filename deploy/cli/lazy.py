"""Imports of what a command needs when it is used: a package that is missing names its extra."""

from importlib import import_module
from types import ModuleType
from typing import Final

import click

#: The packages of the extras, by the module that is missing without them.
EXTRAS: Final = {
    "redis": "gateway",
    "hvac": "gateway",
    "starlette": "gateway",
    "uvicorn": "gateway",
    "jsonschema_rs": "gateway",
    "celery": "worker",
    "kombu": "worker",
    "pydantic": "worker",
}


def load(module: str, command: str) -> ModuleType:
    """Import a module of a command's.

    Raises:
        click.ClickException: naming the extra whose packages are not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        raise click.ClickException(
            f"{command} needs the package {error.name}: pip install 'countersign[{extra}]'"
        ) from error
