import base64
import json
import logging
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.client import Client, System
from gateway.client.address import read_address
from signing.algorithms import RequestKey, public_key, shared_secret
from signing.errors import CountersignError, KeyInvalid, SettingError
from tests.gateway.client import server
from tests.gateway.client.fixtures import Machine, job_document, key_pem, make_client
from tests.gateway.client.server import BROKEN, FakeGateway, Reply
from tests.signing.builders import JOB_ID

#: What the base install brings, and what that brings.
BASE = {"click", "cryptography", "_cffi_backend", "http_message_signatures", "http_sf", "urllib3"}
BASE |= {"idna", "typing_extensions", "certifi"}
IMPORTED = """
import json, sys
before = set(sys.modules)
import {module}
print(json.dumps(sorted({{name.partition(".")[0] for name in set(sys.modules) - before}})))
"""


@pytest.mark.parametrize(
    "module", ["gateway.client", "deploy.cli.submit", "deploy.cli.jobs", "deploy.cli.main"]
)
def test_it_needs_the_base_install_alone(module: str) -> None:
    code = IMPORTED.format(module=module)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = set(json.loads(done.stdout)) - sys.stdlib_module_names
    foreign = {name for name in imported if not name.startswith("_")}
    assert foreign - BASE <= {"gateway", "signing", "deploy"}


@pytest.mark.parametrize(
    ("url", "authority", "port"),
    [
        ("https://gateway.example", "gateway.example", 443),
        ("https://Gateway.Example:443/", "gateway.example", 443),
        ("https://gateway.example:8443", "gateway.example:8443", 8443),
        ("HTTPS://127.0.0.1:8443", "127.0.0.1:8443", 8443),
        ("https://[::1]:8443", "[::1]:8443", 8443),
    ],
)
def test_the_signed_authority_is_that_of_the_url(url: str, authority: str, port: int) -> None:
    address = read_address(url)
    assert (address.authority, address.port) == (authority, port)
    assert address.url == f"https://{authority}"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "gateway.example",
        "http://gateway.example",
        "https://",
        "https://user:canary@gateway.example",
        "https://gateway.example/canary",
        "https://gateway.example?canary",
        "https://gateway.example#canary",
        "https://gateway.example:99999",
        "https://[canary",
    ],
)
def test_another_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(SettingError, match="the gateway's URL") as caught:
        Client(url, key_id="k", private_key=key_pem())
    assert "canary" not in str(caught.value)


def _pem(key: Any) -> bytes:
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, plain))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"private_key": b"canary"}, KeyInvalid),
        ({"private_key": "canary"}, SettingError),
        ({"private_key": "canary\0"}, SettingError),
        ({"private_key": key_pem(), "algorithm": "rsa-pss-sha512"}, KeyInvalid),
        ({"algorithm": "canary"}, KeyInvalid),
        ({"key_id": ""}, SettingError),
        ({"key_id": "canary\n"}, SettingError),
        ({"key_id": "canärie"}, SettingError),
        ({"timeout": 0}, SettingError),
        ({"timeout": float("nan")}, SettingError),
        ({"timeout": float("inf")}, SettingError),
        ({"retry_for": float("nan")}, SettingError),
        ({"retry_for": -1}, SettingError),
        ({"ca": "canary"}, SettingError),
        ({"ca": __file__}, SettingError),
    ],
)
def test_what_cannot_be_used_is_refused_and_not_repeated(
    changes: dict[str, Any], error: type[CountersignError]
) -> None:
    options: dict[str, Any] = {"key_id": "k", "private_key": key_pem()} | changes
    with pytest.raises(error) as caught:
        Client("https://gateway.example", **options)
    assert "canary" not in str(caught.value)


def _public(key: Any) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return str(key.public_key().public_bytes(serialization.Encoding.PEM, form), "ascii")


def algorithms() -> list[tuple[bytes, RequestKey]]:
    elliptic, big = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)
    secret = base64.b64encode(bytes(range(32)))
    return [
        (_pem(elliptic), public_key("shop-1", "ecdsa-p256-sha256", _public(elliptic))),
        (_pem(big), public_key("shop-1", "rsa-pss-sha512", _public(big))),
        (secret + b"\n", shared_secret("shop-1", secret.decode())),
    ]


@pytest.mark.parametrize(("key", "registered"), algorithms(), ids=lambda value: "")
def test_every_algorithm_signs(
    gateway: FakeGateway,
    machine: Machine,
    certificates: Path,
    monkeypatch: pytest.MonkeyPatch,
    key: bytes,
    registered: RequestKey,
) -> None:
    monkeypatch.setattr(server, "KEY", registered)
    gateway.will(Reply(document=job_document()))
    options = {"private_key": key, "algorithm": registered.algorithm}
    with make_client(gateway, machine, certificates, **options) as client:
        assert client.status(JOB_ID).id == JOB_ID


def test_a_key_is_read_from_its_file(
    gateway: FakeGateway, machine: Machine, certificates: Path, key_file: Path
) -> None:
    gateway.will(Reply(document=job_document()))
    for path in (key_file, str(key_file)):
        with make_client(gateway, machine, certificates, private_key=path) as client:
            assert client.status(JOB_ID).id == JOB_ID


def test_nothing_shows_the_key_or_arguments(
    client: Client, gateway: FakeGateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    gateway.will(BROKEN, Reply(202, {"id": JOB_ID, "task": "a.b", "secrets": []}))
    client.submit("a.b", {"card": "canary"})
    assert repr(client) == f"Client('{gateway.url}', key_id='shop-1')"
    shown = repr(client._exchange) + repr(client._exchange.signer) + caplog.text
    assert "canary" not in shown
    assert "PrivateKey" not in shown
    assert "shop-1" not in caplog.text


def test_without_a_hook_it_keeps_quiet(
    gateway: FakeGateway, machine: Machine, certificates: Path
) -> None:
    gateway.will(BROKEN, Reply(document=job_document()))
    ca, system = certificates / "ca.crt", machine.system
    with Client(
        gateway.url, key_id="shop-1", private_key=key_pem(), ca=ca, system=system
    ) as client:
        assert client.status(JOB_ID).id == JOB_ID
    assert machine.sleeps == [0.125]


def test_by_itself_it_uses_the_machines_clock_and_randomness() -> None:
    system = System()
    before = datetime.now(UTC).timestamp()
    assert before - 1 < system.clock() / 1000 < before + 60
    assert len({system.random(16) for _ in range(9)}) == 9
    assert all(0 <= system.jitter() < 1 for _ in range(9))
