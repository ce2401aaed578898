"""Targets and fields as they come off the wire: raw paths, hosts, methods, nothing redirected."""

import secrets
import time

import pytest

from tests.contract.support import CANARY, HEADERS, Partners, get, job, post, refused, send_raw

pytestmark = pytest.mark.servers


@pytest.mark.parametrize("path", ["/v1%2Fjobs", "/v1/%6aobs", "/v1/jobs%2f"])
def test_an_encoded_path_is_another_path_also_when_it_is_signed(
    partners: Partners, path: str
) -> None:
    answer = partners.acme.call("POST", path, job(), headers=HEADERS)
    refused(answer, 404, "not_found")


@pytest.mark.parametrize(
    "target",
    ["/v1/jobs/", "/v1/tasks/", "/healthz/", "//v1/tasks", "/v1/../v1/tasks", "/v1/./tasks"],
)
def test_nothing_is_redirected_or_tidied_up(partners: Partners, target: str) -> None:
    answer = send_raw(partners.stack, "GET", target, {"host": f"{CANARY}.example"})
    refused(answer, 404, "not_found")
    assert "location" not in answer.headers


def test_the_signature_is_over_the_raw_query(partners: Partners) -> None:
    """Two ways to write the same characters are not taken for each other."""
    job_id = post(partners.acme, job()).json["id"]
    path = f"/v1/jobs/{job_id}?wait=0&x=%20%C3%A9"
    fields, _ = partners.acme.signed("GET", path)
    for other in (path.lower(), path.replace("%20", "+"), path.replace("wait", "%77ait")):
        refused(send_raw(partners.stack, "GET", other, fields), 401, "signature_invalid")
    assert send_raw(partners.stack, "GET", path, fields).status == 200


def test_the_authority_is_the_configured_one_whatever_the_host_says(partners: Partners) -> None:
    """A signature made for another host is not taken, also where the field says that host."""
    signer, path = partners.acme.signer, "/v1/tasks"
    fields = signer.sign(
        method="GET",
        url=f"https://{CANARY}.example{path}",
        headers={},
        body=b"",
        created=int(time.time()),
        nonce=secrets.token_hex(8),
    )
    answer = partners.acme.send("GET", path, fields | {"host": f"{CANARY}.example"}, b"")
    refused(answer, 401, "signature_invalid")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("PUT", "/v1/jobs", "GET, HEAD, POST"), ("PATCH", "/v1/jobs/x", "DELETE, GET, HEAD")],
)
def test_another_method_is_told_the_ones_that_there_are(
    partners: Partners, method: str, path: str, allowed: str
) -> None:
    answer = get(partners.acme, path, method)
    refused(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == allowed


def test_a_method_that_was_not_signed_is_refused(partners: Partners) -> None:
    place = post(partners.acme, job()).headers["location"]
    fields, _ = partners.acme.signed("GET", place)
    refused(partners.acme.send("DELETE", place, fields, b""), 401, "signature_invalid")
    assert partners.acme.send("GET", place, fields, b"").status == 200
