"""Transit that refuses what Vault refuses: a body above 32 MiB."""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final, cast

from backends.errors import VaultUnavailable
from backends.transit import Signed
from backends.vault_http import VaultHttp

MAX_BODY: Final = 32 * 1024 * 1024
#: As many results, as large as a task may give, as waited when nothing settled any more.
LARGE: Final = [b"%06d" % number + bytes(261_994) for number in range(128)]


def signature(key: str, message: bytes) -> Signed:
    """What it signs a message with, as version 1 of a key."""
    return Signed(f"{key}:1", hashlib.sha256(message).digest())


class FakeTransit:
    """Signs with a digest, in order."""

    def __init__(self) -> None:
        self.calls = 0

    def call(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        """As `VaultHttp.call`."""
        if len(json.dumps(body)) > MAX_BODY:
            raise VaultUnavailable("Vault does not serve: status 413")
        self.calls += 1
        messages = (base64.b64decode(item["input"]) for item in body["batch_input"])
        texts = (base64.b64encode(signature("", each).sig).decode() for each in messages)
        return {"batch_results": [{"signature": f"vault:v1:{text}"} for text in texts]}

    def blocking(self) -> VaultHttp:
        """As a client of blocking code."""
        return cast(VaultHttp, self)
