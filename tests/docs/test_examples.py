"""The pages' examples are run: Python and commands, by themselves or against a running stack."""

import ast
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.docs.conftest import Workshop, shell, write_files
from tests.docs.pages import PAGES, Block, all_blocks, blocks, page

PRODUCER = "docs/tutorial-producer.md"
SECURITY = "docs/tutorial-security.md"
WORKER = "docs/tutorial-worker.md"


def joined(name: str, language: str, mark: str) -> str:
    """All blocks of a page with a mark, as one text; lines keep their numbers in it."""
    text = ""
    for block in blocks(page(name), language, mark):
        text += "\n" * (block.line - text.count("\n")) + block.text
    return text


def run(text: str, name: str) -> dict[str, Any]:
    """Run Python as a script of that name."""
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(text, name, "exec"), names)  # noqa: S102 - the pages' own examples
    return names


@pytest.mark.parametrize("block", all_blocks("python"), ids=lambda block: block.place)
def test_python_compiles_and_its_imports_are_there(block: Block) -> None:
    tree = ast.parse(block.text, block.place)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [str(node.module)]
        else:
            continue
        for name in names:
            if name != "shop.tasks":
                import_module(name)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_unmarked_python_runs(path: Path) -> None:
    for block in blocks(path, "python", ""):
        run(block.text, block.place)


@pytest.mark.parametrize("block", all_blocks("sh"), ids=lambda block: block.place)
def test_commands_are_of_a_shell(block: Block, tmp_path: Path) -> None:
    shell(f"bash -n <<'END'\n{block.text}\nEND\n", tmp_path)


@pytest.mark.parametrize(
    "block", [each for each in all_blocks("sh") if each.mark == "run"], ids=lambda each: each.place
)
def test_commands_run(block: Block, tmp_path: Path) -> None:
    shell(block.text, tmp_path)


def test_the_workers_tutorial(tmp_path: Path) -> None:
    """Its tasks become a catalog, and its tests pass."""
    write_files(WORKER, tmp_path)
    told = shell(joined(WORKER, "sh", "files"), tmp_path)
    assert "shop.pay  on fast" in told
    assert "arguments: amount, card_token, invoice, [note]" in told
    passed = shell("python -m pytest -q -p no:cacheprovider test_tasks.py", tmp_path)
    assert "2 passed" in passed


def test_the_workers_tasks_run(workshop: Workshop) -> None:
    producer = workshop.stack.producer("docs-tasks")
    paid = producer.run(
        "shop.pay", {"invoice": "INV-1", "amount": 1200, "card_token": "tok_visa_4242"}
    )
    assert paid["result"] == {"invoice": "INV-1", "paid": 1200, "key": paid["id"]}
    refused = producer.submit("shop.pay", {"invoice": "1", "amount": 0, "card_token": "t"})
    assert refused.json["code"] == "schema_invalid"
    assert producer.run("shop.report", {})["status"] == "succeeded"


def test_the_producers_tutorial(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its key is made and registered; its Python and its commands run against the stack."""
    monkeypatch.chdir(workshop.directory)
    shell(joined(PRODUCER, "sh", "run"), workshop.directory)
    register(workshop, "shop", "shop-1", "shop.pub.pem")
    run(workshop.text(joined(PRODUCER, "python", "stack")), PRODUCER)
    told = shell(workshop.text(joined(PRODUCER, "sh", "stack")), workshop.directory)
    assert "verified: sealed by" in told
    assert '"captured": 500' in told


def test_the_producers_client_needs_the_base_install_alone(tmp_path: Path) -> None:
    """What the tutorial says of the packages that a partner gets."""
    absent = ("celery", "redis", "hvac", "starlette", "pydantic", "aiohttp", "jsonschema_rs", "re2")
    text = f"import sys; sys.modules.update(dict.fromkeys({absent}))"
    for module in ("gateway.client", "deploy.cli.main", "deploy.cli.submit"):
        text += f"; import {module}"
    shell(f"{sys.executable} -c '{text.replace(chr(39), chr(34))}'", tmp_path)


def test_the_security_teams_tutorial(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A producer is registered, limited and rotated; keys are rotated and revoked."""
    stack = workshop.stack
    other = stack.producer("docs-other")
    genuine_before = other.run("demo.echo", {"value": 1})
    forge(workshop)
    for name in ("shop", "shop-2"):
        make_key(name, workshop.directory)
    forget(workshop, "shop")
    told = shell(workshop.text(joined(SECURITY, "sh", "security")), workshop.directory)
    assert "shop is registered; key id shop-1" in told
    assert "shop has a new key; id shop-2" in told
    assert "shop-1 of shop is revoked" in told
    assert "message_malformed" in told
    jwks = told[told.index('{"keys"') :]
    assert '"countersign-job:1"' not in jwks
    assert '"countersign-job:2"' in jwks
    assert '"countersign-result:1"' in jwks
    kept = stack.servers.vault("security").secrets.kv.v2.read_secret_version(
        path="producers/shop", mount_point="countersign-config", raise_on_deleted_version=True
    )["data"]["data"]
    assert kept["limits"] == {"per_second": 5, "burst": 20, "open_jobs": 1000}
    assert [key["revoked"] for key in kept["keys"]] == [True, False]
    for name, value in stack.servers.environment("security").items():
        monkeypatch.setenv(name, value)
    assert run(joined(SECURITY, "python", "security"), SECURITY)["latest"] == 3
    # Its message may come before the worker knows the new key, and then comes again.
    again = other.settled(other.submit("demo.echo", {"value": 2}).json["id"], 40)
    assert (genuine_before["status"], again["status"]) == ("succeeded", "succeeded")


def register(workshop: Workshop, name: str, kid: str, public_key: str) -> None:
    """Register a producer as the security team does, and wait until the gateway knows it."""
    forget(workshop, name)
    security = workshop.stack.servers.environment("security")
    command = f"countersign producers add {name} --key-id {kid} --public-key {public_key}"
    shell(f"{command} --task 'payments.*' --task 'demo.*'", workshop.directory, security)
    known = f"countersign submit --url {workshop.stack.base} --ca ca.crt --key {name}.pem"
    known += f" --key-id {kid} demo.noop '{{}}'"
    shell(f"for n in $(seq 60); do {known} && exit; sleep 0.5; done; exit 1", workshop.directory)


def forget(workshop: Workshop, name: str) -> None:
    """Remove a registration that another tutorial may have left."""
    workshop.stack.servers.vault("security").secrets.kv.v2.delete_metadata_and_all_versions(
        path=f"producers/{name}", mount_point="countersign-config"
    )


def make_key(name: str, directory: Path) -> None:
    """Make a key pair as the producers' tutorial does."""
    shell(joined(PRODUCER, "sh", "run").replace("shop", name), directory)


def forge(workshop: Workshop) -> None:
    """Push something of no form, so that the quarantine has an entry."""
    stack = workshop.stack
    before = len(stack.quarantined())
    broker: Any = stack.servers.redis("superuser", 1)
    broker.lpush("fast", b"no message")
    stack.processes["worker"].wait_until(lambda: len(stack.quarantined()) > before, 20)
