"""`countersign producers` against a real Vault, as the security role."""

import json
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from backends.environment import Environment
from deploy.cli.main import run
from deploy.cli.producers import producers
from deploy.producers import ProducerError, open_store
from tests.servers.servers import Role, Servers

pytestmark = pytest.mark.servers

Invoke = Callable[..., str]


@pytest.fixture
def public_key(tmp_path: Path) -> Path:
    path = tmp_path / "key.pem"
    public = Ed25519PrivateKey.generate().public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    path.write_bytes(public.public_bytes(serialization.Encoding.PEM, form))
    return path


@pytest.fixture
def invoke(servers: Servers) -> Invoke:
    def call(*arguments: str, role: Role = "security") -> str:
        runner = CliRunner(env=servers.environment(role))
        result = runner.invoke(producers, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    return call


@pytest.fixture
def name() -> str:
    return f"p{uuid4().hex[:12]}"


def test_a_producer_is_added_listed_shown_and_its_key_revoked(
    invoke: Invoke, name: str, public_key: Path
) -> None:
    key = ("--public-key", str(public_key), "--key-id", "k1")
    added = invoke("add", name, *key, "--task", "demo.*", "--address", "10.0.0.0/8", "--json")
    assert json.loads(added) == {"name": name, "kid": "k1"}
    assert name in [each["name"] for each in json.loads(invoke("list", "--json"))]
    shown = json.loads(invoke("show", name, "--json"))
    assert shown["tasks"] == ["demo.*"]
    assert shown["addresses"] == ["10.0.0.0/8"]
    assert shown["keys"][0]["public_pem"] == public_key.read_text()
    invoke("add-key", name, "--public-key", str(public_key), "--key-id", "k2")
    invoke("revoke-key", name, "k1")
    keys = json.loads(invoke("show", name, "--json"))["keys"]
    assert [(key["kid"], key["revoked"]) for key in keys] == [("k1", True), ("k2", False)]
    assert "key k1 (ed25519) REVOKED" in invoke("show", name)


def test_a_shared_secret_is_never_printed(invoke: Invoke, name: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA==\n")
    arguments = ("--alg", "hmac-sha256", "--public-key", str(secret), "--task", "*")
    printed = invoke("add", name, *arguments, "--json") + invoke("show", name, "--json")
    assert "c2Vjcm" not in printed + invoke("list", "--json")


def test_a_name_is_registered_once(invoke: Invoke, name: str, public_key: Path) -> None:
    arguments = ("add", name, "--public-key", str(public_key), "--task", "*")
    invoke(*arguments)
    with pytest.raises(ProducerError, match="is registered"):
        invoke(*arguments)


def test_a_change_that_is_not_based_on_the_last_version_is_refused(
    servers: Servers, invoke: Invoke, name: str, public_key: Path
) -> None:
    invoke("add", name, "--public-key", str(public_key), "--key-id", "k", "--task", "*")
    with open_store(Environment(servers.environment("security"))) as store:
        old = store.get(name)
        store.replace(old, {**old.document, "disabled": True})
        with pytest.raises(ProducerError, match="somebody else"):
            store.replace(old, old.document)
        assert store.get(name).registration.disabled is True


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "nobody"), "no producer has this name"),
        (("show", "../keyring"), "member name"),
        (("revoke-key", "nobody", "k"), "no producer has this name"),
    ],
)
def test_errors_are_one_sentence_and_status_1(
    servers: Servers,
    arguments: tuple[str, ...],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for key, value in servers.environment("security").items():
        monkeypatch.setenv(key, value)
    assert run(["producers", *arguments]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("countersign: ")
    assert said in printed.err


@pytest.mark.parametrize("role", ["dispatcher", "worker", "gateway"])
def test_no_other_role_registers_a_producer(
    servers: Servers,
    role: Role,
    name: str,
    public_key: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for key, value in servers.environment(role).items():
        monkeypatch.setenv(key, value)
    assert run(["producers", "add", name, "--public-key", str(public_key), "--task", "*"]) == 1
    assert "security role" in capsys.readouterr().err
