"""`countersign catalog` on the sample tasks."""

import json
import stat
import sys
from pathlib import Path

import jsonschema_rs
import pytest
from click.testing import CliRunner, Result

from deploy.cli.catalog import catalog
from signing.catalog import parse_catalog

BUILD = ["build", "--tasks", "examples.tasks"]


@pytest.fixture(autouse=True)
def _path_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(catalog, [str(item) for item in arguments])


@pytest.fixture
def built(tmp_path: Path) -> Path:
    path = tmp_path / "catalog.json"
    result = invoke(*BUILD, "--output", path)
    assert result.exit_code == 0, result.output
    return path


def test_build_writes_a_catalog_that_everyone_may_read(built: Path) -> None:
    tasks = parse_catalog(built.read_bytes())
    assert {"payments.capture", "documents.render", "demo.hang"} <= set(tasks)
    assert stat.S_IMODE(built.stat().st_mode) == 0o644
    assert [item.name for item in built.parent.iterdir()] == ["catalog.json"]
    for spec in tasks.values():
        jsonschema_rs.meta.validate(spec.schema)


def test_build_says_what_it_wrote(tmp_path: Path) -> None:
    path = tmp_path / "catalog.json"
    assert "tasks on fast, slow" in invoke(*BUILD, "--output", path).output
    said = json.loads(invoke(*BUILD, "--output", path, "--json").output)
    assert said["output"] == str(path)
    assert "payments.capture" in said["tasks"]


def test_build_writes_to_standard_output_the_same_as_to_a_file(built: Path) -> None:
    assert invoke(*BUILD, "--output", "-").stdout_bytes == built.read_bytes()


def test_build_finds_modules_in_the_given_directory(tmp_path: Path) -> None:
    (tmp_path / "own_shop_tasks.py").write_text(
        'from workers import job\n\n@job("tests.own_shop", queue="fast")\ndef run() -> None: ...\n'
    )
    result = invoke("build", "--tasks", "own_shop_tasks", "--app-dir", tmp_path, "--output", "-")
    assert "tests.own_shop" in parse_catalog(result.stdout_bytes)


def test_build_without_its_options_is_used_wrongly() -> None:
    assert invoke("build").exit_code == 2
    assert invoke(*BUILD).exit_code == 2


def test_build_of_a_module_that_is_not_there_fails_and_leaves_the_file(built: Path) -> None:
    before = built.read_bytes()
    result = invoke("build", "--tasks", "shop.nothing", "--output", built)
    assert result.exit_code == 1
    assert "Error: task module shop.nothing cannot be imported" in result.output
    assert built.read_bytes() == before


def test_build_into_a_directory_that_is_not_there_fails(tmp_path: Path) -> None:
    result = invoke(*BUILD, "--output", tmp_path / "none" / "catalog.json")
    assert result.exit_code == 1
    assert "cannot be written: No such file" in result.output


def test_build_that_cannot_finish_leaves_nothing_half_written(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = built.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    result = invoke(*BUILD, "--output", built)
    assert result.exit_code == 1
    assert "No space left on device" in result.output
    assert built.read_bytes() == before
    assert [item.name for item in built.parent.iterdir()] == ["catalog.json"]


def test_show_prints_for_people(built: Path) -> None:
    result = invoke("show", "--catalog", built)
    assert result.exit_code == 0
    assert "payments.refund  on fast" in result.output
    assert "    Give a captured amount back." in result.output
    assert "arguments: amount, card_token, invoice, [reason]" in result.output
    assert "arguments: none" in result.output
    assert "hold when lost" in result.output


def test_show_prints_for_programs(built: Path) -> None:
    result = invoke("show", "--catalog", built, "--json")
    assert json.loads(result.output) == json.loads(built.read_bytes())


def test_show_takes_a_task_without_description_and_arguments(tmp_path: Path) -> None:
    path = tmp_path / "catalog.json"
    schema = {"type": "object", "additionalProperties": False}
    path.write_text(
        json.dumps({"v": 1, "tasks": [{"name": "a", "queue": "fast", "schema": schema}]})
    )
    lines = invoke("show", "--catalog", path).output.splitlines()
    assert lines[:2] == ["a  on fast", "    arguments: none"]


@pytest.mark.parametrize(("text", "says"), [(None, "cannot be read"), ("{}", "an object of v")])
def test_show_of_no_catalog_fails(tmp_path: Path, text: str | None, says: str) -> None:
    path = tmp_path / "catalog.json"
    if text is not None:
        path.write_text(text)
    result = invoke("show", "--catalog", path)
    assert result.exit_code == 1
    assert says in result.output
