"""A partner system that signs by itself, so that it can also sign wrongly."""

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import urllib3

from signing.http_signer import RequestSigner


@dataclass(frozen=True, slots=True)
class Reply:
    """What the gateway answered."""

    status: int
    body: bytes = field(repr=False)

    @property
    def document(self) -> dict[str, Any]:
        """The body, where it is a JSON object."""
        try:
            read = json.loads(self.body)
        except ValueError:
            return {}
        return read if isinstance(read, dict) else {}

    @property
    def told(self) -> str:
        """Status and code in a word or two."""
        code = self.document.get("code")
        return f"{self.status} {code}" if code else str(self.status)


@dataclass(frozen=True, slots=True)
class Signed:
    """A request as it goes over the wire."""

    method: str
    path: str
    fields: Mapping[str, str]
    body: bytes = field(repr=False)

    def with_body(self, body: bytes) -> "Signed":
        """The same request with another body."""
        return replace(self, body=body)

    def with_fields(self, **fields: str) -> "Signed":
        """The same request with other header fields."""
        return replace(self, fields={**self.fields, **fields})

    def without_signature(self) -> "Signed":
        """The same request, unsigned."""
        kept = {k: v for k, v in self.fields.items() if not k.startswith("signature")}
        return replace(self, fields=kept)


@dataclass(frozen=True, slots=True)
class Partner:
    """A registered producer with its keys; `old_signer` has the one that was revoked."""

    base: str
    signer: RequestSigner
    old_signer: RequestSigner
    http: urllib3.PoolManager

    def signed(
        self,
        body: Any,
        *,
        signer: RequestSigner | None = None,
        age: int = 0,
        **fields: str,
    ) -> Signed:
        """Sign a submission; `body` is bytes as they are, or written as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._request("POST", "/v1/jobs", data, signer or self.signer, age, fields)

    def send(self, request: Signed) -> Reply:
        """Send a request as it is."""
        answer = self.http.request(
            request.method,
            self.base + request.path,
            headers=dict(request.fields),
            body=request.body or None,
            redirect=False,
        )
        return Reply(answer.status, answer.data)

    def look(self, job_id: str) -> Reply:
        """Ask for a job."""
        return self.send(self._request("GET", f"/v1/jobs/{job_id}", b"", self.signer, 0, {}))

    def _request(
        self,
        method: str,
        path: str,
        body: bytes,
        signer: RequestSigner,
        age: int,
        fields: Mapping[str, str],
    ) -> Signed:
        content = {"content-type": "application/json"} if body else {}
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        signed = signer.sign(
            method=method,
            url=self.base + path,
            headers=content | named,
            body=body,
            created=int(time.time()) - age,
            nonce=secrets.token_hex(16),
        )
        lowered = {name.lower(): value for name, value in signed.items()}
        return Signed(method, path, lowered, body)
