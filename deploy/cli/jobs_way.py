"""Which way a command of `countersign jobs` goes: to a gateway, or to the ledger itself."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click
from click.core import ParameterSource

_F = TypeVar("_F", bound=Callable[..., Any])
_LEDGER: Final = "COUNTERSIGN_REDIS_LEDGER_URL"

operator_option: Final[Callable[[_F], _F]] = click.option(
    "--operator",
    is_flag=True,
    help="As the operator, on the ledger itself; needed where COUNTERSIGN_URL is set as well.",
)


def as_operator(operator: bool, url: str | None) -> bool:
    """Say whether the command is the operator's; what was typed goes before the environment.

    Raises:
        click.UsageError: where both were typed, or none was and the environment has both.
    """
    from backends.settings import process_environment

    source = click.get_current_context().get_parameter_source("url")
    typed = url is not None and source is ParameterSource.COMMANDLINE
    if operator and typed:
        raise click.UsageError("--operator is without --url")
    if operator or url is None:
        return True
    if not typed and process_environment().text(_LEDGER, ""):
        raise click.UsageError(
            f"COUNTERSIGN_URL and {_LEDGER} are both set: give --url to ask that gateway as a "
            "producer, or --operator to work on the ledger"
        )
    return False
