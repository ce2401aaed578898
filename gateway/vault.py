"""Vault on the ingress's hot path: secret writes and Transit batches over one aiohttp session.

aiohttp, because it wrote twice as many secrets a second as urllib3 in threads, at a third of the
processor time; see docs/adr/0006-dependencies.md.
"""

import asyncio
import io
import ssl
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp

from backends.errors import VaultUnavailable
from backends.settings import VaultSettings
from backends.transit import JOB_KEY, Signed, sign_body, sign_path, signed_from, to_calls
from backends.vault_http import answer_data
from backends.vault_login import VaultLogin, unavailable
from gateway.batching import Batcher
from signing.references import SECRETS_MOUNT
from signing.strict_json import JsonObject, canonical

MAX_CONNECTIONS = 64
TIMEOUT = aiohttp.ClientTimeout(total=5, connect=2)


class AsyncVault:
    """Calls Vault as the gateway. Made and closed inside the event loop that uses it."""

    def __init__(self, settings: VaultSettings, login: VaultLogin) -> None:
        context = ssl.create_default_context(cafile=str(settings.tls.ca))
        context.load_cert_chain(settings.tls.cert, settings.tls.key)
        self._address = settings.address
        self._login = login
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context, limit=MAX_CONNECTIONS), timeout=TIMEOUT
        )

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Call `/v1/<path>` and give the answer's `data`; a refused token is tried anew once.

        Raises:
            VaultUnavailable: not reached, sealed, a server error or too many requests.
            VaultDenied, VaultNotFound: as the names say.
        """
        token = await self._token()
        status, answer = await self._request(method, path, body, token)
        if status == 403:
            self._login.forget(token)
            status, answer = await self._request(method, path, body, await self._token())
        return answer_data(status, answer)

    async def ping(self) -> None:
        """Ask whether Vault is unsealed and active.

        Raises:
            VaultUnavailable: where it is not.
        """
        status, _ = await self._request("GET", "sys/health?standbyok=true", None, "")
        if status != 200:
            raise VaultUnavailable("Vault is sealed or not initialised")

    async def close(self) -> None:
        """Close the session."""
        await self._session.close()

    async def _token(self) -> str:
        token = self._login.fresh_token()
        return await asyncio.to_thread(self._login.token) if token is None else token

    async def _request(
        self, method: str, path: str, body: Mapping[str, Any] | None, token: str
    ) -> tuple[int, bytes]:
        headers = {"X-Vault-Token": token, "X-Vault-Request": "true"}
        # As a file: aiohttp writes that in pieces, and lets other requests go on between them.
        data = None if body is None else io.BytesIO(canonical(body))
        url = f"{self._address}/v1/{path}"
        try:
            async with self._session.request(
                method, url, data=data, headers=headers, allow_redirects=False
            ) as answer:
                return answer.status, await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise unavailable(error) from None


class VaultSecretStore:
    """Writes jobs' secrets to KV version 2. Implements `strip.SecretStore`."""

    def __init__(self, vault: AsyncVault) -> None:
        self._vault = vault

    async def write(self, path: str, values: JsonObject) -> None:
        """Write version 1 of a secret that does not exist yet (check-and-set 0).

        Raises:
            VaultUnavailable, VaultDenied: as `AsyncVault.call`.
        """
        body = {"data": values, "options": {"cas": 0}}
        await self._vault.call("POST", f"{SECRETS_MOUNT}/data/{path}", body)

    async def delete(self, path: str) -> None:
        """Delete a secret with all its versions; deleting it again is no error.

        Raises:
            VaultUnavailable, VaultDenied: as `AsyncVault.call`.
        """
        await self._vault.call("DELETE", f"{SECRETS_MOUNT}/metadata/{path}")


class TransitJobSigner:
    """Signs jobs with Transit, many to a call. Implements `seal.JobSigner`."""

    def __init__(self, vault: AsyncVault) -> None:
        self._vault = vault
        self._batcher: Batcher[bytes, Signed] = Batcher(self._sign, most=100, lanes=1)

    async def sign(self, message: bytes) -> Signed:
        """Sign one message.

        Raises:
            VaultUnavailable: where Transit does not answer, or refuses this role.
        """
        return await self._batcher.submit(message)

    async def _sign(self, messages: Sequence[bytes]) -> Sequence[Signed]:
        signed: list[Signed] = []
        for call in to_calls(messages):
            answer = await self._vault.call("POST", sign_path(JOB_KEY), sign_body(call))
            if not isinstance(answer, dict):
                raise VaultUnavailable("the answer of Transit is empty")
            signed += signed_from(JOB_KEY, answer, len(call))
        return signed
