"""`countersign`: the group of all commands, each imported when it is used.

So a partner with the base install has `submit` and `status` without Redis's or Celery's packages,
and `--help` does not wait for what it does not run.
"""

import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import click

from deploy.cli.lazy import load
from signing.errors import CountersignError

_PROGRAM: Final = "countersign"
_INTERRUPTED: Final = 130

#: name -> where it is, and what `--help` says of it.
COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "up": ("deploy.cli.up:up", "Run everything on this machine: servers, gateway, worker."),
    "demo": ("deploy.cli.demo:demo", "Show what a running stack does, attacks included."),
    "submit": ("deploy.cli.submit:submit", "Sign a job and hand it to a gateway."),
    "status": ("deploy.cli.submit:status", "Ask a gateway how a job went."),
    "gateway": ("deploy.cli.gateway:gateway", "Run the HTTP ingress."),
    "dispatcher": ("deploy.cli.dispatcher:dispatcher", "Run the dispatcher of due jobs."),
    "worker": ("deploy.cli.worker:worker", "Run a worker."),
    "jobs": ("deploy.cli.jobs:jobs", "Look at jobs, and say what becomes of them."),
    "producers": ("deploy.cli.producers:producers", "Register producers, revoke their keys."),
    "catalog": ("deploy.cli.catalog:catalog", "Build and show the catalog of tasks."),
    "certs": ("deploy.cli.certs:certs", "Make and show the local certificates."),
}


class LazyGroup(click.Group):
    """A group whose commands are modules' attributes, imported when they are asked for."""

    def __init__(self, *args: Any, commands_at: Mapping[str, tuple[str, str]], **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._at = commands_at

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order in which they are listed, which is that of use."""
        return list(self._at)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; a package that is not installed is named with its extra."""
        if cmd_name not in self._at:
            return None
        module, _, attribute = self._at[cmd_name][0].partition(":")
        command = getattr(load(module, cmd_name), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self._at[cmd_name][0]} is not a command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self._at.items()])


def _version() -> str:
    try:
        return version(_PROGRAM)
    except PackageNotFoundError:
        return "not installed"


@click.group(
    cls=LazyGroup,
    commands_at=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=(
        "Exit status: 0, 1 (it failed), 2 (used wrongly). Completion in your shell: "
        'eval "$(_COUNTERSIGN_COMPLETE=bash_source countersign)"; zsh_source and fish_source '
        "likewise."
    ),
)
@click.version_option(_version(), prog_name=_PROGRAM)
def countersign() -> None:
    """Signed jobs in, sealed Celery messages out, secrets in Vault only.

    To begin: `countersign up` runs everything on this machine.
    """


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; give the exit status."""
    try:
        status = countersign.main(arguments, prog_name=_PROGRAM, standalone_mode=False)
    except click.exceptions.Abort:
        return _INTERRUPTED
    except click.UsageError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        return _fail(error.format_message(), error.exit_code)
    except CountersignError as error:
        return _fail(error.message, 1)
    except KeyboardInterrupt:
        return _INTERRUPTED
    return status if isinstance(status, int) else 0


def main() -> None:
    """Run the command line and exit."""
    sys.exit(run())


def _fail(message: str, status: int) -> int:
    click.echo(f"{_PROGRAM}: {message}", err=True)
    return status


if __name__ == "__main__":
    main()
