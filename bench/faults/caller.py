"""One signed request to a gateway that may be away, slow or cut off; every end is a reply."""

import json
import secrets
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any, Final, Literal, Protocol

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from bench.load import Target
from signing.ids import is_job_id

Outcome = Literal["accepted", "refused", "unknown"]

CONNECT_S: Final = 2.0
ANSWER_S: Final = 4.0
CONNECTIONS: Final = 16
#: Refusals of the contract with 503 after which nothing was accepted; `ledger_unavailable` is none.
CERTAIN: Final = frozenset({"overloaded", "vault_unavailable"})


@dataclass(frozen=True, slots=True)
class Signed:
    """A request as it goes over the wire."""

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a request.

    Attributes:
        status: `None` where there was no whole answer.
        code: the problem's, or what went wrong on the way.
        sent: whether anything may have reached the gateway.
    """

    status: int | None
    code: str | None = None
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)
    sent: bool = True

    @property
    def job(self) -> str | None:
        """The job's id in the answer."""
        told = self.document.get("id")
        return told if isinstance(told, str) and is_job_id(told) else None


def outcome(reply: Reply) -> Outcome:
    """Tell what a reply to a submission says: the contract's reading of it, and nothing more."""
    if reply.status == 202 and reply.job is not None:
        return "accepted"
    if not reply.sent or (reply.status is not None and 400 <= reply.status < 500):
        return "refused"
    if reply.status == 503 and reply.code in CERTAIN:
        return "refused"
    return "unknown"


class Calls(Protocol):
    """A gateway as one producer; nothing is sent twice by itself, and nothing raises."""

    def call(self, method: str, path: str, *, seconds: float = ANSWER_S) -> Reply:
        """Send a request without a body."""

    def sign(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Signed:
        """Sign a request, with a nonce of its own."""

    def send(self, request: Signed, *, seconds: float = ANSWER_S) -> Reply:
        """Send a request once."""


class Caller:
    """Implements `Calls` on a pool of connections; safe across threads."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._authority = f"{target.host}:{target.port}"
        self._pool = urllib3.HTTPSConnectionPool(
            target.host,
            target.port,
            ssl_context=ssl.create_default_context(cafile=str(target.ca)),
            cert_reqs="CERT_REQUIRED",
            maxsize=CONNECTIONS,
        )

    def call(self, method: str, path: str, *, seconds: float = ANSWER_S) -> Reply:
        """Send a request without a body."""
        return self.send(self.sign(method, path), seconds=seconds)

    def sign(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Signed:
        """Sign a request, with a nonce of its own."""
        data = b"" if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"} if data else {}
        if idempotency_key is not None:
            headers["idempotency-key"] = idempotency_key
        signed = self._target.signer.sign(
            method=method,
            url=f"https://{self._authority}{path}",
            headers=headers,
            body=data,
            created=int(time.time()),
            nonce=secrets.token_hex(12),
        )
        return Signed(method, path, signed | {"host": self._authority}, data)

    def send(self, request: Signed, *, seconds: float = ANSWER_S) -> Reply:
        """Send a request once; never raises for what happens on the way."""
        try:
            answer = self._pool.urlopen(
                request.method,
                request.path,
                body=request.data or None,
                headers=request.headers,
                retries=False,
                redirect=False,
                timeout=urllib3.Timeout(connect=CONNECT_S, read=seconds),
            )
        except (NewConnectionError, ConnectTimeoutError):
            return Reply(None, "unreachable", sent=False)
        except (HTTPError, HTTPException, OSError) as error:
            return Reply(None, type(error).__name__)
        return _read(answer.status, answer.data)

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


def _read(status: int, data: bytes) -> Reply:
    try:
        document = json.loads(data)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        return Reply(status, "answer_unreadable")
    code = document.get("code")
    return Reply(status, code if isinstance(code, str) else None, document)
