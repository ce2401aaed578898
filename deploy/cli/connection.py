"""How a producer's commands reach a gateway: the options that they share."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from gateway.client import Client, ClientError, System
from signing.algorithms import ALGORITHMS
from signing.errors import CountersignError

_F = TypeVar("_F", bound=Callable[..., Any])
_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


class Seconds(click.FloatRange):
    """A number of seconds; `nan`, which Python reads too, is none."""

    name = "seconds"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read one."""
        seconds = float(super().convert(value, param, ctx))
        if math.isnan(seconds):
            self.fail("not a number of seconds", param, ctx)
        return seconds


def connection(*, required: bool) -> Callable[[_F], _F]:
    """Give a command the options; not required, they are a producer's way beside another."""
    options = (
        click.option(
            "--url",
            envvar="COUNTERSIGN_URL",
            show_envvar=True,
            required=required,
            help="The gateway, https://host:port.",
        ),
        click.option(
            "--ca",
            envvar="COUNTERSIGN_CA",
            show_envvar=True,
            type=_FILE,
            help="Certificate of its CA; without it, the system's CAs.",
        ),
        click.option(
            "--key",
            envvar="COUNTERSIGN_KEY",
            show_envvar=True,
            required=required,
            type=_FILE,
            help="Private key, PEM; for hmac-sha256 the shared secret, base64.",
        ),
        click.option(
            "--key-id",
            envvar="COUNTERSIGN_KEY_ID",
            show_envvar=True,
            required=required,
            help="The id under which the key is registered.",
        ),
        click.option(
            "--algorithm",
            type=click.Choice(ALGORITHMS),
            default="ed25519",
            show_default=True,
            help="What the key is registered for.",
        ),
        click.option(
            "--retry-for",
            type=Seconds(0, min_open=True),
            default=30.0,
            show_default=True,
            metavar="SECONDS",
            help="How long to try again while the gateway is away or busy.",
        ),
    )

    def decorate(command: _F) -> _F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def open_client(
    given: dict[str, Any],
    on_retry: Callable[[ClientError, float], None],
    system: System | None,
) -> Client:
    """Make the client that the options describe.

    Raises:
        click.UsageError: where one is missing or cannot be used.
    """
    for name in ("key", "key_id"):
        if given[name] is None:
            raise click.UsageError(f"--url goes with --{name.replace('_', '-')}")
    try:
        return Client(
            given["url"],
            ca=given["ca"],
            private_key=given["key"],
            key_id=given["key_id"],
            algorithm=given["algorithm"],
            retry_for=given["retry_for"],
            on_retry=on_retry,
            system=system,
        )
    except CountersignError as error:
        raise click.UsageError(error.message) from error
