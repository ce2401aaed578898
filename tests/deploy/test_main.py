"""The command line itself: lazy commands, one place for errors, exit statuses."""

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from certs.store import ROLES, SERVERS
from deploy.cli import main
from signing.errors import SettingError


@pytest.fixture
def sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands of this module, beside the real ones."""
    here = {name: (f"{__name__}:{name}", "sample") for name in ("fails", "aborts", "interrupted")}
    absent = {"absent": ("tests.deploy.absent_module:absent", "sample")}
    lazy = {"lacks": ("tests.deploy.lacking:lacks", "sample")}
    group = main.countersign
    assert isinstance(group, main.LazyGroup)
    monkeypatch.setattr(group, "_at", {**main.COMMANDS, **here, **absent, **lazy})


@click.command()
def fails() -> None:
    raise SettingError("X is not set: set it")


@click.command()
def aborts() -> None:
    raise click.Abort


@click.command()
def interrupted() -> None:
    raise KeyboardInterrupt


def test_an_error_of_the_project_is_one_sentence(
    sample: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["fails"]) == 1
    assert capsys.readouterr().err == "countersign: X is not set: set it\n"


@pytest.mark.parametrize("name", ["aborts", "interrupted"])
def test_an_interruption_is_130(sample: None, name: str) -> None:
    assert main.run([name]) == 130


def test_a_missing_package_is_named_with_its_extra(
    sample: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "celery", None)
    assert main.run(["lacks"]) == 1
    assert "pip install 'countersign[worker]'" in capsys.readouterr().err


def test_a_missing_module_of_our_own_is_no_users_error(sample: None) -> None:
    with pytest.raises(ModuleNotFoundError):
        main.run(["absent"])


@pytest.mark.parametrize("arguments", [["nonsense"], ["certs", "--nonsense"], []])
def test_wrong_use_is_2(arguments: list[str]) -> None:
    assert main.run(arguments) == 2


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["certs", "--help"]])
def test_help_and_version_are_0(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(arguments) == 0
    assert "countersign" in capsys.readouterr().out


@pytest.mark.parametrize("name", list(main.COMMANDS))
def test_every_command_is_there(name: str) -> None:
    command = main.countersign.get_command(click.Context(main.countersign), name)
    assert command is not None
    assert command.help


def test_help_imports_no_command() -> None:
    code = (
        "import sys; from deploy.cli.main import run; run(['--help']); "
        "print([m for m in ('redis', 'celery', 'hvac', 'starlette') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_certificates_are_made_and_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--dir", str(tmp_path / "certs")]
    assert main.run(["certs", "init", *where, "--json", "--host", "redis.internal"]) == 0
    assert len(json.loads(capsys.readouterr().out)["written"]) == 1 + len(SERVERS) + len(ROLES)
    assert main.run(["certs", "init", *where]) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert main.run(["certs", "show", *where, "--json"]) == 0
    shown = {each["common_name"]: each for each in json.loads(capsys.readouterr().out)}
    assert shown["redis"]["names"] == ["redis.internal"]
    assert shown["worker"]["days_left"] == 364
    assert main.run(["certs", "show", str(tmp_path / "certs" / "ca.crt")]) == 0
    assert "(authority)" in capsys.readouterr().out


def test_certificates_that_are_not_there(tmp_path: Path) -> None:
    assert main.run(["certs", "show", "--dir", str(tmp_path)]) == 1
