"""`countersign demo`: a stack of its own, partners and attackers, and a table of what held."""

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Final

import click
from hvac.exceptions import VaultError
from redis.exceptions import RedisError
from requests import RequestException
from urllib3.exceptions import HTTPError

from deploy.demo.report import Report
from deploy.demo.run import Demonstration, Leak, leak_nothing
from deploy.demo.stage import Stage
from deploy.errors import StackError
from deploy.local.paths import StackPaths
from deploy.local.state import locked
from deploy.progress import Progress
from deploy.supervise import interruptible, uninterrupted

BELOW: Final = Path(".countersign")
#: What the clients raise where a server of the demonstration's own has gone away.
_AWAY: Final = (RedisError, HTTPError, VaultError, RequestException)


@click.command("demo")
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    help="A directory that is not there yet; without it one below .countersign.",
)
@click.option("--keep", is_flag=True, help="Leave data, keys and logs there afterwards.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
def demo(state: Path | None, keep: bool, as_json: bool) -> None:
    """Show on this machine what the system does, attacks included; it takes about a minute.

    Starts servers, gateway, dispatcher and worker of its own on free ports, and stops them at the
    end. Exit status 0 if every statement was found true, 1 if one was not.
    """
    directory = state or BELOW / f"demo-{token_hex(4)}"
    all_true = demonstrate(directory.absolute(), keep=keep, as_json=as_json)
    if keep:
        click.echo(f"data, keys and logs are in {directory}", err=True)
    sys.exit(0 if all_true else 1)


def demonstrate(
    directory: Path, *, keep: bool = False, as_json: bool = False, leak: Leak = leak_nothing
) -> bool:
    """Run the demonstration in a fresh directory; give whether every statement is true.

    Raises:
        CountersignError: where the stack does not start, or stops serving.
    """
    begun = time.monotonic()
    report = Report(as_json)
    with interruptible(), fresh(directory, keep=keep) as paths, locked(paths):
        stage = Stage(paths, Progress(as_json))
        try:
            Demonstration(stage, report, leak).perform()
        except _AWAY as error:
            raise StackError(
                f"a server stopped serving: {type(error).__name__}; try again with --keep and "
                "look into the directory's logs"
            ) from error
        finally:
            with uninterrupted():
                stage.close()
    return report.finish(time.monotonic() - begun)


@contextmanager
def fresh(directory: Path, *, keep: bool) -> Iterator[StackPaths]:
    """Make a state directory, closed to others, and remove it at the end.

    Raises:
        StackError: where there is one already, or it cannot be made.
    """
    if directory.exists():
        raise StackError(f"{directory} is there already: give another --state")
    try:
        try:
            directory.mkdir(mode=0o700, parents=True)
        except OSError as error:
            raise StackError(f"cannot make {directory}: {error.strerror}") from error
        yield StackPaths(directory)
    finally:
        if not keep:
            with uninterrupted():
                shutil.rmtree(directory, ignore_errors=True)
            if directory.exists():
                click.echo(f"countersign: remove {directory}, of which a part is left", err=True)
