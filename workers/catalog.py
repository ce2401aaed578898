"""From task modules to the catalog, and back: does this worker serve what the catalog says?"""

import importlib
import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path

from signing.catalog import Catalog, TaskSpec, dump_catalog, parse_catalog
from workers.errors import CatalogMismatch, TaskModuleError
from workers.job import REGISTRY, JobDefinition, Registry

_MODULE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)
# The text for people may change without a new catalog; what a job may do may not.
_COMPARED = tuple(item.name for item in fields(TaskSpec) if item.name != "description")


def load_tasks(
    modules: Sequence[str], *, app_dir: Path | None = None, registry: Registry = REGISTRY
) -> Registry:
    """Import the modules that the operator named, and give the tasks that they declare.

    Args:
        modules: dotted names, out of settings and nowhere else.
        app_dir: a directory to look in after all others.
        registry: the one that the modules' tasks declare themselves in.

    Raises:
        TaskModuleError: where a module cannot be found or declares no task.
    """
    if app_dir is not None and (place := str(app_dir.resolve())) not in sys.path:
        sys.path.append(place)
    for name in modules:
        if not _MODULE.fullmatch(name):
            raise TaskModuleError("a task module is named by its dotted name, as in shop.tasks")
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise TaskModuleError(
                f"task module {name} cannot be imported: {error.msg}; is it installed, or in the "
                "directory that tasks are looked for in?"
            ) from error
    if not registry:
        raise TaskModuleError(
            f"no task is declared in {', '.join(modules) or 'no module'}; "
            "a task is a function under @job that one of the modules imports"
        )
    return registry


def build_catalog(registry: Mapping[str, JobDefinition]) -> Catalog:
    """The catalog of these tasks, as those will read it who read its file.

    Raises:
        CatalogError: where a task's schema holds what the strict reader refuses.
    """
    catalog = Catalog(definition.spec for definition in registry.values())
    return parse_catalog(dump_catalog(catalog))


def check_serves(
    catalog: Catalog, registry: Mapping[str, JobDefinition], queues: Collection[str]
) -> None:
    """Check at start that every task on these queues is served as the catalog says.

    Raises:
        CatalogMismatch: naming each task that no module serves or that is declared otherwise.
    """
    problems = list(_problems(catalog, registry, queues))
    if problems:
        raise CatalogMismatch(problems)


def _problems(
    catalog: Catalog, registry: Mapping[str, JobDefinition], queues: Collection[str]
) -> Iterator[str]:
    for spec in catalog.on_queues(queues):
        definition = registry.get(spec.name)
        if definition is None:
            yield (
                f"task {spec.name} on queue {spec.queue}: no module here serves it; "
                "add its module to the worker's tasks"
            )
        elif different := _differences(spec, definition.spec):
            yield (
                f"task {spec.name}: {', '.join(different)} in the catalog "
                "is not what the code declares; build the catalog again"
            )


def _differences(promised: TaskSpec, declared: TaskSpec) -> list[str]:
    return [name for name in _COMPARED if getattr(promised, name) != getattr(declared, name)]
