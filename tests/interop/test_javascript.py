"""The npm package `http-message-signatures`: what it signs, the gateway takes."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.interop.clients import HERE, INSTALL_S, ask, job, tool
from tests.interop.conftest import ALGORITHMS, Partner

pytestmark = pytest.mark.servers

INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client with its packages, installed as the lock file has them."""
    npm = tool("npm")
    directory = tmp_path_factory.mktemp("javascript")
    for name in ("package.json", "package-lock.json", "client.mjs"):
        shutil.copy(HERE / name, directory)
    done = subprocess.run(
        [npm, *INSTALL], cwd=directory, capture_output=True, text=True, timeout=INSTALL_S
    )
    assert done.returncode == 0, done.stderr
    return directory


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_job_signed_in_javascript_runs(partner: Partner, client: Path, algorithm: str) -> None:
    node = tool("node")
    post = [node, "client.mjs", "POST", f"{partner.base}/v1/jobs"]
    accepted = ask(post, partner.request(algorithm, job("JS-1")), client)
    assert accepted["status"] == 202
    assert accepted["body"]["secrets"] == ["/args/card_token"]
    get = [node, "client.mjs", "GET", f"{partner.base}/v1/jobs/{accepted['body']['id']}?wait=30"]
    settled = ask(get, partner.request(algorithm), client)
    assert settled["body"]["status"] == "succeeded"
    assert settled["body"]["result"]["captured"] == 990


def test_it_is_the_registered_key_that_counts(partner: Partner, client: Path) -> None:
    given = partner.request("ed25519", job("JS-2")).replace("interop-ed25519", "interop-nobody")
    post = [tool("node"), "client.mjs", "POST", f"{partner.base}/v1/jobs"]
    refused = ask(post, given, client)
    assert (refused["status"], refused["body"]["code"]) == (401, "key_unknown")


def test_no_file_names_a_registry() -> None:
    for name in ("package.json", "package-lock.json"):
        text = (HERE / name).read_text("utf-8")
        assert "resolved" not in text
        assert "://" not in text
