"""Tables of the pages that say what the code says, held equal to it."""

import ast
import importlib
import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from deploy.cli.submit import submit
from gateway.errors import PROBLEMS, RETRY_AFTER_S
from signing.catalog import TaskSpec
from signing.ledger import keys, lua, record, states
from tests.docs.pages import PAGES, ROOT, page, prose, rows

SETTINGS = ("backends.settings", "gateway.settings", "workers.settings")
#: Which argument of a reading call is its default.
DEFAULT_AT = {"text": 1, "integer": 1, "choice": 2, "words": 1}
ALWAYS_NEEDED = ("file", "secret_file", "redis_settings")
REQUIRED = "required"


def settings_read() -> dict[str, str]:
    """Every variable that the settings modules read, with its default."""
    found: dict[str, str] = {}
    for name in SETTINGS:
        module = importlib.import_module(name)
        tree = ast.parse(Path(str(module.__file__)).read_text("utf-8"))
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            named = [item for item in call.args if _variable(item)]
            if named and _function(call) in (*DEFAULT_AT, *ALWAYS_NEEDED):
                found[_variable(named[0])] = _default(call, module)
        for table in (node for node in ast.walk(tree) if isinstance(node, ast.Dict)):
            found |= {_variable(item): REQUIRED for item in table.values if _variable(item)}
    return found


def _variable(node: ast.AST) -> str:
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, str) and re.fullmatch(r"COUNTERSIGN_[A-Z_]+", value) else ""


def _function(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _default(call: ast.Call, module: Any) -> str:
    position = DEFAULT_AT.get(_function(call))
    if position is None or len(call.args) <= position:
        return REQUIRED
    node = call.args[position]
    return str(getattr(module, node.id) if isinstance(node, ast.Name) else ast.literal_eval(node))


def test_settings_are_those_that_are_read_with_their_defaults() -> None:
    listed = rows(page("docs/settings.md"), "variable", "meaning", "default")
    told = {cells[0].strip("`"): cells[2].strip("`") for cells in listed}
    assert len(told) == len(listed)
    assert told == settings_read()


def test_options_of_the_command_line_are_those_that_are_read() -> None:
    listed = rows(page("docs/settings.md"), "variable", "meaning", "option")
    told = {(cells[0].strip("`"), cells[2].strip("`")) for cells in listed}
    read = {(item.envvar, item.opts[0]) for item in submit.params if item.envvar}
    assert told == read


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_no_page_names_a_variable_that_is_not_read(path: Path) -> None:
    client = {str(item.envvar) for item in submit.params if item.envvar}
    named = re.findall(r"COUNTERSIGN_[A-Z_]*[A-Z]\b", path.read_text("utf-8"))
    assert set(named) <= settings_read().keys() | client | {"COUNTERSIGN_TLS", "COUNTERSIGN_VAULT"}


def test_the_error_table_is_the_gateways() -> None:
    listed = rows(page("docs/api.md"), "status", "code", "title", "again after")
    expected = [
        [
            str(status),
            f"`{code}`",
            title,
            f"{RETRY_AFTER_S[code]} s" if code in RETRY_AFTER_S else "",
        ]
        for code, (status, title) in PROBLEMS.items()
    ]
    assert listed == expected


def test_the_calls_are_the_gateways_routes() -> None:
    tree = ast.parse((ROOT / "gateway/app.py").read_text("utf-8"))
    routes = [
        [ast.literal_eval(item) for item in node.args[:2]]
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _function(node) == "route"
    ]
    listed = rows(page("docs/api.md"), "method", "path", "does")
    assert [[cells[1].strip("`"), cells[0].strip("`")] for cells in listed] == routes


def test_the_codes_of_a_jobs_error_are_in_the_code() -> None:
    sources = [
        path
        for name in ("gateway", "workers", "signing")
        for path in ROOT.joinpath(name).rglob("*.py")
    ]
    text = "\n".join(path.read_text("utf-8") for path in sources)
    listed = rows(page("docs/api.md"), "`error.code`", "meaning")
    codes = [code.strip("` ") for cells in listed for code in cells[0].split(",")]
    assert len(codes) > 8
    assert [code for code in codes if not re.search(rf"['\"]{code}['\"]", text)] == []


def test_the_state_table_is_the_ledgers() -> None:
    expected = [
        [
            event,
            f"`{before}`" if before else "-",
            ", ".join(f"`{state}`" for state in states.STATES if state in after),
        ]
        for (event, before), after in states.TRANSITIONS.items()
    ]
    assert rows(page("docs/ledger.md"), "event", "from", "to") == expected


def test_the_keys_are_the_ledgers() -> None:
    listed = {cells[0].strip("`") for cells in rows(page("docs/ledger.md"), "key", "type", "holds")}
    fixed = {
        value for value in vars(keys).values() if isinstance(value, str) and value[:3] == "cs:"
    }
    channels = {keys.SETTLED_CHANNEL, keys.WAKE_CHANNEL}
    made = {
        keys.published("<queue>"),
        keys.job("<id>"),
        keys.seal("<id>"),
        keys.kept("<id>"),
        keys.producer("<producer>"),
        keys.result("<id>"),
        keys.rate("<producer>"),
        re.sub(r"[0-9a-f]{32}", "<hash>", keys.nonce("a", "b")),
        re.sub(r"[0-9a-f]{32}", "<hash>", keys.idempotency("a", "b")),
    }
    assert listed == fixed - channels - {keys.PREFIX} | made


def test_the_scripts_are_the_ledgers() -> None:
    listed = rows(page("docs/ledger.md"), "script", "run by", "does")
    assert {cells[0].strip("`") for cells in listed} == {script.name for script in lua.ALL}


def test_times_of_the_ledger_are_told() -> None:
    text = prose(page("docs/settings.md"))
    assert record.NONCE_TTL_MS == 360_000
    assert "| how long a nonce is remembered | 360 s |" in text
    assert record.IDEMPOTENCY_TTL_MS == 24 * 3_600_000
    assert "| how long an idempotency key is remembered | 24 h |" in text
    assert record.RETENTION_MS == 7 * 24 * 3_600_000
    assert "| how long a settled job can be asked for | 7 days |" in text


def test_the_parameters_of_a_job_are_told_with_their_defaults() -> None:
    listed = rows(page("docs/tutorial-worker.md"), "parameter of `@job`", "meaning", "default")
    told = {cells[0].strip("`"): cells[2].strip("`") for cells in listed}
    for item in fields(TaskSpec):
        if item.name in told and item.name not in ("queue", "description"):
            assert told[item.name] == str(item.default), item.name
    assert told.keys() - {"retry_on"} == {item.name for item in fields(TaskSpec)} - {
        "name",
        "schema",
    }


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = {"base": project["dependencies"], **project["optional-dependencies"]}
    named = {
        (re.split(r"[\[<>=]", text)[0], extra) for extra, texts in extras.items() for text in texts
    }
    listed = rows(
        page("docs/adr/0006-dependencies.md"),
        "package",
        "extra",
        "what for, and why this one",
        "typed",
    )
    told = {
        (cells[0].strip("`"), extra.strip()) for cells in listed for extra in cells[1].split(",")
    }
    assert told == named - {("countersign", "dev")}
    assert all(cells[2] for cells in listed)


def test_reasons_of_the_quarantine_are_in_the_code() -> None:
    sources = [
        path for name in ("workers", "signing") for path in ROOT.joinpath(name).rglob("*.py")
    ]
    text = "\n".join(path.read_text("utf-8") for path in sources)
    listed = rows(page("docs/tutorial-security.md"), "reason", "what it tells")
    told = {code.strip("` ") for cells in listed for code in cells[0].split(",")}
    assert [code for code in told if f'"{code}"' not in text] == []
    raised = re.findall(r'raise SealInvalid\((?:[^()]|\([^()]*\))*code="(\w+)"', text)
    assert set(raised) - told == {"result_mismatch"}


def test_log_lines_are_in_the_code() -> None:
    listed = rows(page("docs/tutorial-operator.md"), "logger", "message", "what to do")
    assert len(listed) > 5
    for logger, message, _ in listed:
        path = ROOT / f"{logger.strip('`').replace('.', '/')}.py"
        for part in message.strip("`").split("…"):
            assert part.strip() in path.read_text("utf-8"), (logger, part)
