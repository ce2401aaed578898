"""A server with Vault's certificate that gives the answers it is told to, in order."""

import json
import ssl
import threading
from collections import deque
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from backends.settings import VaultSettings
from certs.store import CertificateStore


@dataclass(frozen=True)
class Request:
    """What was asked."""

    method: str
    path: str
    token: str | None
    body: Any


def login(token: str, life: int = 3600) -> tuple[int, Any]:
    """The answer to a login or a renewal."""
    return 200, {"auth": {"client_token": token, "lease_duration": life}}


class StubVault:
    """Answers are a status and a body: bytes as they are, or something to write as JSON."""

    def __init__(self, certs: CertificateStore) -> None:
        self.answers: deque[tuple[int, Any]] = deque()
        self.requests: list[Request] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certs.server("vault"))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def settings(self, settings: VaultSettings, **changes: Any) -> VaultSettings:
        """The same settings for this server."""
        address = f"https://127.0.0.1:{self._server.server_address[1]}"
        return replace(settings, address=address, **changes)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length)
                stub.requests.append(
                    Request(
                        self.command,
                        self.path,
                        self.headers.get("x-vault-token"),
                        json.loads(body) if body else None,
                    )
                )
                status, answer = stub.answers.popleft()
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_DELETE = do_LIST = _answer  # noqa: N815 - its names

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler
