"""Vault's HTTP API as the hot paths use it, and Transit as a signer."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from backends import transit
from backends.environment import Environment
from backends.errors import VaultDenied, VaultNotFound, VaultUnavailable
from backends.keyring_source import load_keyring
from backends.settings import VaultSettings, vault_settings
from backends.transit import JOB_KEY, Signed, sign_body, sign_path, signed_from
from backends.vault_http import TransitSigner, VaultHttp, answer_data
from backends.vault_login import VaultLogin
from tests.backends.fake_transit import LARGE
from tests.backends.stub_vault import StubVault, login
from tests.servers.servers import Servers

SIGNATURE = "vault:v3:QUJD"
DENIED = (403, {"errors": ["canary"]})


@pytest.fixture
def http(gateway_vault: VaultSettings, stub_vault: StubVault) -> Iterator[VaultHttp]:
    settings = stub_vault.settings(gateway_vault)
    made = VaultHttp(settings, VaultLogin(settings, time.monotonic))
    stub_vault.answers.append(login("t-1"))
    yield made
    made.close()


@pytest.fixture
def real_http(gateway_vault: VaultSettings) -> Iterator[VaultHttp]:
    made = VaultHttp(gateway_vault, VaultLogin(gateway_vault, time.monotonic))
    yield made
    made.close()


@pytest.mark.servers
def test_a_call_carries_token_and_body_and_gives_the_data(
    http: VaultHttp, stub_vault: StubVault
) -> None:
    stub_vault.answers.append((200, {"data": {"a": 1}}))
    assert http.call("POST", "some/path", {"x": "y"}) == {"a": 1}
    asked = stub_vault.requests[1]
    assert (asked.method, asked.path, asked.token, asked.body) == (
        "POST",
        "/v1/some/path",
        "t-1",
        {"x": "y"},
    )


@pytest.mark.servers
def test_a_refused_token_is_tried_anew_once(http: VaultHttp, stub_vault: StubVault) -> None:
    stub_vault.answers.extend([DENIED, login("t-2"), (200, {"data": 7})])
    assert http.call("GET", "p") == 7
    assert [each.token for each in stub_vault.requests if each.path == "/v1/p"] == ["t-1", "t-2"]


@pytest.mark.servers
def test_what_is_refused_with_a_new_token_too_is_denied(
    http: VaultHttp, stub_vault: StubVault
) -> None:
    stub_vault.answers.extend([DENIED, login("t-2"), DENIED])
    with pytest.raises(VaultDenied) as caught:
        http.call("GET", "p")
    assert "canary" not in caught.value.message
    assert len(stub_vault.requests) == 4


@pytest.mark.servers
@pytest.mark.parametrize("status", [400, 429, 500, 502, 503])
def test_other_refusals_are_unavailable(
    http: VaultHttp, stub_vault: StubVault, status: int
) -> None:
    stub_vault.answers.append((status, {"errors": ["canary"]}))
    with pytest.raises(VaultUnavailable) as caught:
        http.call("GET", "p")
    assert caught.value.message == f"Vault does not serve: status {status}"


@pytest.mark.servers
def test_what_is_not_there(http: VaultHttp, stub_vault: StubVault) -> None:
    stub_vault.answers.append((404, {"errors": []}))
    with pytest.raises(VaultNotFound):
        http.call("GET", "p")


@pytest.mark.servers
def test_a_vault_that_went_away(
    http: VaultHttp, stub_vault: StubVault, gateway_vault: VaultSettings
) -> None:
    stub_vault.answers.append((200, {"data": 1}))
    http.call("GET", "p")
    http.close()
    stub_vault.__exit__()
    with pytest.raises(VaultUnavailable) as caught:
        http.call("GET", "p")
    assert caught.value.message == "Vault does not serve: NewConnectionError"


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b"\xff", b"7", b'"x"'])
def test_an_answer_that_is_no_object_is_unavailable(answer: bytes) -> None:
    with pytest.raises(VaultUnavailable):
        answer_data(200, answer)


@pytest.mark.parametrize("status", [100, 199, 300, 301, 302, 304, 307, 308, 400, 429, 500, 503])
def test_what_is_not_a_success_is_unavailable(status: int) -> None:
    """A redirect to the active server is no answer: nothing was written or signed."""
    for answer in (b"", b'{"data": {"signature": "x"}}'):
        with pytest.raises(VaultUnavailable) as caught:
            answer_data(status, answer)
        assert caught.value.message == f"Vault does not serve: status {status}"


@pytest.mark.parametrize(("answer", "data"), [(b"", None), (b"{}", None), (b'{"data":[1]}', [1])])
def test_an_answer_with_and_without_data(answer: bytes, data: Any) -> None:
    assert answer_data(204, answer) == data


def test_a_batch_as_transit_takes_it() -> None:
    assert sign_path(JOB_KEY) == "transit/sign/countersign-job"
    assert sign_body([b"ABC", b""]) == {"batch_input": [{"input": "QUJD"}, {"input": ""}]}


def test_signatures_name_the_version_that_made_them() -> None:
    answer = {"batch_results": [{"signature": SIGNATURE}, {"signature": "vault:v12:QQ=="}]}
    assert signed_from("k", answer, 2) == [Signed("k:3", b"ABC"), Signed("k:12", b"A")]


@pytest.mark.parametrize(
    "results",
    [
        None,
        {},
        [],
        [{"signature": SIGNATURE}] * 2,
        [{"error": "no"}],
        [{"signature": None}],
        [{"signature": 7}],
        ["text"],
        [None],
        [{"signature": "vault:v:QUJD"}],
        [{"signature": "vault:3:QUJD"}],
        [{"signature": "other:v3:QUJD"}],
        [{"signature": "vault:v3:not base64"}],
        [{"signature": "vault:v3:QUJ"}],
        [{"signature": "vault:v3:QUJD:x"}],
    ],
    ids=repr,
)
def test_an_answer_without_every_signature_is_unavailable(results: Any) -> None:
    with pytest.raises(VaultUnavailable):
        signed_from("k", {"batch_results": results}, 1)


@pytest.mark.servers
def test_transit_signs_a_batch_in_order(own_servers: Servers, real_http: VaultHttp) -> None:
    messages = [b"first", b"second", b"third"]
    signed = TransitSigner(real_http, JOB_KEY).sign(messages)
    public = {key.kid: key.public_key for key in keyring_of(own_servers)}
    for message, signature in zip(messages, signed, strict=True):
        public[signature.keyid].verify(signature.sig, message)


@pytest.mark.servers
def test_transit_signs_more_than_fits_into_one_call(
    own_servers: Servers, real_http: VaultHttp
) -> None:
    signed = TransitSigner(real_http, JOB_KEY).sign(LARGE)
    public = {key.kid: key.public_key for key in keyring_of(own_servers)}
    for message, signature in zip(LARGE, signed, strict=True):
        public[signature.keyid].verify(signature.sig, message)


@pytest.mark.servers
def test_signing_nothing_asks_nobody(http: VaultHttp, stub_vault: StubVault) -> None:
    assert TransitSigner(http, JOB_KEY).sign([]) == []
    assert stub_vault.requests == []


@pytest.mark.servers
def test_a_role_signs_with_its_own_key_alone(real_http: VaultHttp) -> None:
    with pytest.raises(VaultDenied):
        TransitSigner(real_http, transit.RESULT_KEY).sign([b"x"])


def keyring_of(servers: Servers) -> Any:
    """The keys as a worker reads them."""
    settings = vault_settings(Environment(servers.environment("worker")))
    return load_keyring(VaultLogin(settings, time.monotonic)).keys
