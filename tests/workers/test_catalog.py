"""From modules to a catalog, and from a catalog to the certainty that a worker serves it."""

import sys
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field

from signing.catalog import Catalog
from signing.errors import CatalogError
from workers import job
from workers.catalog import build_catalog, check_serves, load_tasks
from workers.errors import CatalogMismatch, TaskModuleError
from workers.job import REGISTRY, Registry


def declared(**options: object) -> Registry:
    registry = Registry()
    settings = {"queue": "fast", "registry": registry} | options

    def capture(invoice: str, amount: int) -> None: ...
    def render(text: str) -> None: ...

    job("payments.capture", **settings)(capture)  # type: ignore[arg-type]
    job("documents.render", queue="slow", registry=registry)(render)
    return registry


def write_module(directory: Path, name: str, task: str) -> None:
    text = f'from workers import job\n@job("{task}", queue="fast")\ndef run() -> None: ...\n'
    (directory / f"{name}.py").write_text(text)


@pytest.fixture(autouse=True)
def _path_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))


def test_named_modules_are_imported_from_the_given_directory(tmp_path: Path) -> None:
    write_module(tmp_path, "shop_tasks_a", "tests.catalog_a")
    write_module(tmp_path, "shop_tasks_b", "tests.catalog_b")
    registry = load_tasks(["shop_tasks_a"], app_dir=tmp_path)
    assert registry is REGISTRY
    assert "tests.catalog_a" in registry
    assert "tests.catalog_b" not in registry
    load_tasks(["shop_tasks_a", "shop_tasks_b"], app_dir=tmp_path)
    assert "tests.catalog_b" in registry


def test_the_directory_is_looked_in_last_and_once(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit")
    for _ in range(2):
        load_tasks(["json"], app_dir=tmp_path, registry=declared())
    assert sys.path[-1] == str(tmp_path)
    assert sys.path.count(str(tmp_path)) == 1


@pytest.mark.parametrize("name", ["", ".relative", "a..b", "a/b", "os;x", "1a", "a b"])
def test_what_is_no_dotted_name_is_refused(name: str) -> None:
    with pytest.raises(TaskModuleError, match="dotted name"):
        load_tasks([name])


def test_a_module_that_is_not_there_is_named_with_the_mend() -> None:
    with pytest.raises(TaskModuleError, match=r"task module shop\.nothing cannot be imported.*is"):
        load_tasks(["shop.nothing"])


@pytest.mark.parametrize(("modules", "says"), [([], "no module"), (["json"], "json")])
def test_no_task_at_all_is_an_error(modules: list[str], says: str) -> None:
    with pytest.raises(TaskModuleError, match=f"no task is declared in {says}"):
        load_tasks(modules, registry=Registry())


def test_a_catalog_holds_what_was_declared() -> None:
    registry = declared(on_lost="hold")
    catalog = build_catalog(registry)
    assert list(catalog) == ["documents.render", "payments.capture"]
    assert catalog["payments.capture"] == registry["payments.capture"].spec


def test_a_schema_that_no_strict_reader_takes_is_refused_when_it_is_built() -> None:
    registry = Registry()

    def huge(number: Annotated[int, Field(le=2**70)]) -> None: ...

    job("shop.huge", queue="fast", registry=registry)(huge)
    with pytest.raises(CatalogError, match="an integer is outside"):
        build_catalog(registry)


def test_a_worker_that_serves_its_queues_passes() -> None:
    registry = declared()
    catalog = build_catalog(registry)
    check_serves(catalog, registry, ["fast", "slow"])
    check_serves(catalog, declared(description="Other words."), ["fast", "slow"])


def test_a_task_that_no_module_serves_is_named() -> None:
    catalog = build_catalog(declared())
    with pytest.raises(CatalogMismatch) as caught:
        check_serves(catalog, Registry(), ["fast", "slow"])
    first, second = caught.value.problems
    assert first.startswith("task documents.render on queue slow: no module here serves it")
    assert second.startswith("task payments.capture on queue fast: no module here serves it")
    assert str(caught.value) == f"{first}; {second}"


def test_a_task_on_another_queue_is_anothers_to_serve() -> None:
    check_serves(build_catalog(declared()), Registry(), ["other"])
    check_serves(Catalog([]), declared(), ["fast"])


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"max_attempts": 6}, "max_attempts"),
        ({"soft_time_limit": 1, "time_limit": 2}, "soft_time_limit, time_limit"),
        ({"on_lost": "hold"}, "on_lost"),
        ({"undeclared_secrets": "refuse"}, "undeclared_secrets"),
        ({"queue": "slow"}, "queue"),
    ],
)
def test_a_task_that_is_declared_otherwise_is_named_with_its_fields(
    options: dict[str, object], names: str
) -> None:
    catalog = build_catalog(declared())
    with pytest.raises(CatalogMismatch, match=rf"^task payments\.capture: {names} in the catalog"):
        check_serves(catalog, declared(**options), ["fast", "slow"])


def test_a_signature_that_has_changed_since_is_noticed() -> None:
    registry = Registry()

    def capture(invoice: str, amount: float) -> None: ...

    job("payments.capture", queue="fast", registry=registry)(capture)
    with pytest.raises(CatalogMismatch, match=r"schema in the catalog.*build the catalog again"):
        check_serves(build_catalog(declared()), registry, ["fast"])
