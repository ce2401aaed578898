"""Requests signed by hand, with the standard library or with curl: the standard is enough."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.interop.clients import CLIENT_S, HERE, ask, job, tool
from tests.interop.conftest import ALGORITHMS, Partner

pytestmark = pytest.mark.servers

#: `-I`: neither the checkout nor an environment variable is looked into for modules.
BY_HAND = (sys.executable, "-I", str(HERE / "by_hand.py"))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_job_signed_by_hand_runs(partner: Partner, tmp_path: Path, algorithm: str) -> None:
    post = [*BY_HAND, "POST", f"{partner.base}/v1/jobs"]
    accepted = ask(post, partner.request(algorithm, job("PY-1")), tmp_path)
    assert accepted["status"] == 202
    get = [*BY_HAND, "GET", f"{partner.base}/v1/jobs/{accepted['body']['id']}?wait=30"]
    settled = ask(get, partner.request(algorithm), tmp_path)
    assert settled["body"]["status"] == "succeeded"


def test_curl_carries_a_signed_request(partner: Partner, tmp_path: Path) -> None:
    curl = tool("curl")
    url, body = f"{partner.base}/v1/jobs", job("CURL-1")
    fields = ask([*BY_HAND, "--sign", "POST", url], partner.request("ed25519", body), tmp_path)
    command = [curl, "--silent", "--show-error", "--cacert", str(partner.ca), "--data-binary", "@-"]
    for name, value in fields.items():
        command += ["--header", f"{name}: {value}"]
    command += ["--write-out", "\n%{http_code}", url]

    def send() -> tuple[str, str]:
        done = subprocess.run(
            command, input=json.dumps(body), capture_output=True, text=True, timeout=CLIENT_S
        )
        assert done.returncode == 0, done.stderr
        answer, _, status = done.stdout.rpartition("\n")
        return status, answer

    status, answer = send()
    assert status == "202"
    assert json.loads(answer)["status"] == "queued"
    status, answer = send()
    assert (status, json.loads(answer)["code"]) == ("409", "replayed")


def test_the_client_by_hand_imports_nothing_of_the_project() -> None:
    probe = (
        "import runpy, sys; sys.argv = ['x', '--sign', 'GET', 'https://a.example/']\n"
        'import io; sys.stdin = io.StringIO(\'{"ca": "", "body": null, "key": '
        '{"id": "k", "alg": "hmac-sha256", "file": "/dev/null"}}\')\n'
        f"runpy.run_path({str(HERE / 'by_hand.py')!r}, run_name='__main__')\n"
        "ours = {'signing', 'backends', 'gateway', 'workers', 'http_message_signatures'}\n"
        "sys.exit(bool(ours & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", probe], capture_output=True, timeout=CLIENT_S
    )
    assert done.returncode == 0
