"""`countersign certs`: the local CA's certificates."""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from certs.errors import CertificateError
from certs.inspection import CertificateInfo, inspect_file
from certs.store import LOCAL_HOSTS, VALIDITY, CertificateStore

_DIRECTORY = click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=".countersign/certs",
    show_default=True,
    help="Where the certificates are.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("certs")
def certs() -> None:
    """Certificates of a local installation: one CA, servers and roles below it."""


@certs.command("init")
@_DIRECTORY
@click.option("--host", "hosts", multiple=True, help="Name or address of the servers; repeatable.")
@click.option(
    "--days",
    type=click.IntRange(1, 3650),
    default=VALIDITY.days,
    show_default=True,
    help="How long the certificates are valid.",
)
@_JSON
def init(directory: Path, hosts: tuple[str, ...], days: int, as_json: bool) -> None:
    """Issue what is missing or about to expire; keep everything else.

    A server's names are changed by removing its two files first.
    """
    store = CertificateStore(directory)
    try:
        written = store.ensure(
            now=datetime.now(UTC), validity=timedelta(days=days), hosts=hosts or LOCAL_HOSTS
        )
    except CertificateError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"cannot write to {directory}: {error.strerror}") from error
    if as_json:
        click.echo(json.dumps({"written": [str(path) for path in written]}))
        return
    for path in written:
        click.echo(path)
    if not written:
        click.echo(f"{directory}: nothing to do, all certificates are valid")


@certs.command("show")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_DIRECTORY
@_JSON
def show(files: tuple[Path, ...], directory: Path, as_json: bool) -> None:
    """Print subject, names and expiry of FILES, or of every certificate in the directory."""
    paths = list(files) or CertificateStore(directory).certificates()
    if not paths:
        raise click.ClickException(f"{directory} holds no certificates: countersign certs init")
    try:
        shown = [(path, inspect_file(path)) for path in paths]
    except CertificateError as error:
        raise click.ClickException(str(error)) from error
    now = datetime.now(UTC)
    if as_json:
        click.echo(json.dumps([_document(path, info, now) for path, info in shown], indent=2))
        return
    for path, info in shown:
        click.echo(_line(path, info, now))


def _document(path: Path, info: CertificateInfo, now: datetime) -> dict[str, object]:
    return {
        **asdict(info),
        "file": str(path),
        "not_before": info.not_before.isoformat(),
        "not_after": info.not_after.isoformat(),
        "days_left": info.left(now).days,
    }


def _line(path: Path, info: CertificateInfo, now: datetime) -> str:
    kind = "authority" if info.is_authority else ", ".join(info.purposes)
    names = f"; names {', '.join(info.names)}" if info.names else ""
    left = info.left(now)
    expiry = f"{left.days} days left" if left > timedelta() else "EXPIRED"
    return f"{path}\n    {info.common_name} ({kind}){names}; until {info.not_after:%F}, {expiry}"
