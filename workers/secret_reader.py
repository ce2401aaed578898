"""Reading secrets from Vault's KV version 2. Implements `resolve.SecretReader`."""

import os
from collections.abc import Callable, Mapping

from backends.vault_http import VaultHttp
from signing.strict_json import JsonValue


class VaultSecretReader:
    """Reads through a client of the process it is used in: a fork makes one of its own."""

    def __init__(self, make: Callable[[], VaultHttp]) -> None:
        self._make = make
        self._client: tuple[int, VaultHttp] | None = None

    def read(self, mount: str, path: str, version: int) -> Mapping[str, JsonValue]:
        """Read one version of a secret, all fields.

        Raises:
            VaultUnavailable, VaultDenied, VaultNotFound: as `VaultHttp.call`.
        """
        answer = self._current().call("GET", f"{mount}/data/{path}?version={version}")
        data = answer["data"]
        return data if isinstance(data, dict) else {}

    def _current(self) -> VaultHttp:
        client = self._client
        if client is None or client[0] != os.getpid():
            client = self._client = (os.getpid(), self._make())
        return client[1]
