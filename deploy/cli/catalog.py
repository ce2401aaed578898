"""`countersign catalog`: write the catalog from the tasks' code, and show one."""

import json
from pathlib import Path

import click

from certs.files import PUBLIC, write_atomic
from signing.catalog import Catalog, TaskSpec, catalog_to_json, dump_catalog, parse_catalog
from signing.errors import CountersignError
from workers.catalog import build_catalog, load_tasks

_DIRECTORY = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group("catalog")
def catalog() -> None:
    """The tasks that may be submitted, with their limits and JSON Schemas."""


@catalog.command("build")
@click.option(
    "--tasks", "modules", multiple=True, required=True, metavar="MODULE", help="Module with tasks."
)
@click.option(
    "--output",
    required=True,
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Where to write it; - is standard output.",
)
@click.option(
    "--app-dir", default=".", type=_DIRECTORY, help="Where to look for the modules, after all else."
)
@click.option("--json", "as_json", is_flag=True, help="Say what was written as JSON.")
def build(modules: tuple[str, ...], output: Path, app_dir: Path, as_json: bool) -> None:
    """Write the catalog of the tasks that the named modules declare."""
    try:
        built = build_catalog(load_tasks(modules, app_dir=app_dir))
    except CountersignError as error:
        raise click.ClickException(error.message) from error
    document = dump_catalog(built) + b"\n"
    if str(output) == "-":
        click.echo(document, nl=False)
        return
    try:
        write_atomic(output, document, PUBLIC)
    except OSError as error:
        raise click.ClickException(f"{output} cannot be written: {error.strerror}") from error
    if as_json:
        click.echo(json.dumps({"output": str(output), "tasks": list(built)}))
    else:
        click.echo(f"{output}: {len(built)} tasks on {', '.join(sorted(built.queues))}")


@catalog.command("show")
@click.option(
    "--catalog", "path", default="catalog.json", show_default=True, type=_FILE, help="The file."
)
@click.option("--json", "as_json", is_flag=True, help="Print the document, schemas included.")
def show(path: Path, as_json: bool) -> None:
    """Print a catalog after checking it."""
    try:
        read = parse_catalog(path.read_bytes())
    except OSError as error:
        raise click.ClickException(f"{path} cannot be read: {error.strerror}") from error
    except CountersignError as error:
        raise click.ClickException(f"{path}: {error.message}") from error
    if as_json:
        click.echo(json.dumps(catalog_to_json(read), indent=2))
    else:
        _print(read)


def _print(shown: Catalog) -> None:
    for spec in shown.values():
        click.echo(f"{spec.name}  on {spec.queue}")
        if spec.description:
            click.echo(f"    {spec.description}")
        click.echo(f"    arguments: {_arguments(spec)}")
        click.echo(
            f"    attempts: {spec.max_attempts}; asked to stop after {spec.soft_time_limit} s, "
            f"ended after {spec.time_limit} s; {spec.on_lost} when lost; "
            f"{spec.undeclared_secrets} undeclared secrets"
        )


def _arguments(spec: TaskSpec) -> str:
    """The names, those that may be left out in brackets."""
    required = spec.schema.get("required")
    needed = required if isinstance(required, list) else []
    properties = spec.schema.get("properties")
    names = list(properties) if isinstance(properties, dict) else []
    return ", ".join(name if name in needed else f"[{name}]" for name in names) or "none"
