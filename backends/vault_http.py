"""Vault's HTTP API for the hot paths of blocking code: pooled connections, one call one answer."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import urllib3

from backends import transit
from backends.errors import VaultDenied, VaultNotFound, VaultUnavailable
from backends.settings import VaultSettings
from backends.vault_login import VaultLogin, unavailable

TIMEOUT = urllib3.Timeout(connect=2.0, read=5.0)


class VaultHttp:
    """Calls Vault as one role. Safe across threads; not across a fork: make it in the child."""

    def __init__(self, settings: VaultSettings, login: VaultLogin) -> None:
        self._address = settings.address
        self._login = login
        self._pool = urllib3.PoolManager(
            maxsize=8,
            retries=False,
            timeout=TIMEOUT,
            cert_reqs="CERT_REQUIRED",
            ca_certs=str(settings.tls.ca),
            cert_file=str(settings.tls.cert),
            key_file=str(settings.tls.key),
        )

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Call `/v1/<path>` and give the answer's `data`; a refused token is tried anew once.

        Raises:
            VaultUnavailable: not reached, sealed, a server error or too many requests.
            VaultDenied: the role's policy does not allow it.
            VaultNotFound: nothing is there.
        """
        token = self._login.token()
        status, answer = self._request(method, path, body, token)
        if status == 403:
            self._login.forget(token)
            status, answer = self._request(method, path, body, self._login.token())
        return answer_data(status, answer)

    def close(self) -> None:
        """Close the pooled connections."""
        self._pool.clear()

    def _request(
        self, method: str, path: str, body: Mapping[str, Any] | None, token: str
    ) -> tuple[int, bytes]:
        headers = {"X-Vault-Token": token, "X-Vault-Request": "true"}
        try:
            answer = self._pool.request(
                method,
                f"{self._address}/v1/{path}",
                body=None if body is None else json.dumps(body),
                headers=headers,
            )
        except urllib3.exceptions.HTTPError as error:
            raise unavailable(error) from None
        return answer.status, answer.data


def answer_data(status: int, answer: bytes) -> Any:
    """Read an answer of Vault's; its text is never told on.

    Raises:
        VaultUnavailable, VaultDenied, VaultNotFound: as `VaultHttp.call`.
    """
    if status == 403:
        raise VaultDenied("Vault refuses the call: check this role's policy")
    if status == 404:
        raise VaultNotFound("Vault holds nothing there")
    if not 200 <= status < 300:
        raise VaultUnavailable(f"Vault does not serve: status {status}")
    if not answer:
        return None
    try:
        return json.loads(answer).get("data")
    except (AttributeError, ValueError):
        raise VaultUnavailable("Vault's answer is not of its form") from None


class TransitSigner:
    """Signs batches with one Transit key. Implements `transit.BatchSigner`."""

    def __init__(self, vault: VaultHttp, key: str) -> None:
        self._vault = vault
        self._key = key

    def sign(self, messages: Sequence[bytes]) -> list[transit.Signed]:
        """Sign each message, in as many calls as their size needs.

        Raises:
            VaultUnavailable, VaultDenied: as `VaultHttp.call`; nothing is given then.
        """
        signed: list[transit.Signed] = []
        for call in transit.to_calls(messages):
            body = transit.sign_body(call)
            answer = self._vault.call("POST", transit.sign_path(self._key), body)
            signed += transit.signed_from(self._key, answer, len(call))
        return signed
