"""A gateway's stand-in: a TLS server that gives scripted answers and checks every signature."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from certs.authority import create_authority, issue_server
from signing.algorithms import RequestKey
from signing.http_fields import HttpRequest, combine_fields
from signing.http_signature import check_body, read_signature
from tests.signing.builders import NOW, private_key

KEY_ID = "shop-1"
KEY = RequestKey(KEY_ID, "ed25519", private_key(7).public_key())
JSON_TYPE = "application/json"
PROBLEM_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Reply:
    """One answer; `raw` replaces all of it, and an empty one is a connection that breaks."""

    status: int = 200
    document: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = JSON_TYPE
    body: bytes | None = None
    raw: bytes | None = None

    def wire(self) -> bytes:
        if self.raw is not None:
            return self.raw
        body = json.dumps(self.document).encode() if self.body is None else self.body
        headers = {
            "content-type": self.media_type,
            "content-length": str(len(body)),
            **self.headers,
        }
        lines = [f"HTTP/1.1 {self.status} X", *(f"{n}: {v}" for n, v in headers.items())]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


BROKEN = Reply(raw=b"")


def problem(status: int, code: str, headers: Mapping[str, str] | None = None, **rest: Any) -> Reply:
    document = {"title": "T", "status": status, "code": code, "detail": "said so", **rest}
    return Reply(status, document, headers or {}, PROBLEM_TYPE)


@dataclass(frozen=True)
class Received:
    """A request as the server saw it; `nonce` is none where it was not signed."""

    http: HttpRequest
    host: str
    nonce: str | None

    @property
    def line(self) -> str:
        query = f"?{self.http.query}" if self.http.query else ""
        return f"{self.http.method} {self.http.path}{query}"

    @property
    def document(self) -> Any:
        return json.loads(self.http.body)


Script = Callable[[Received], Reply] | Reply


class FakeGateway:
    """Answers with the script's replies in turn; the last one goes on for ever."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.received: list[Received] = []
        self.replies: list[Script] = []
        self.jwks: Any = {"keys": []}
        self.jwks_fetched = 0

    @property
    def authority(self) -> str:
        return f"localhost:{self.port}"

    @property
    def url(self) -> str:
        return f"https://{self.authority}"

    @property
    def lines(self) -> list[str]:
        return [each.line for each in self.received]

    def will(self, *replies: Script) -> None:
        self.replies = list(replies)

    def answer(self, http: HttpRequest, host: str) -> Reply:
        if http.path == "/.well-known/jwks.json":
            self.jwks_fetched += 1
            return Reply(document=self.jwks, media_type="application/jwk-set+json")
        signature = read_signature(http, now=NOW // 1000)
        signature.check_key(KEY)
        check_body(http)
        assert signature.keyid == KEY_ID
        received = Received(http, host, signature.nonce)
        self.received.append(received)
        script = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return script if isinstance(script, Reply) else script(received)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    gateway: FakeGateway

    def _serve(self) -> None:
        path, _, query = self.path.partition("?")
        lines = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        length = int(self.headers.get("content-length", 0))
        http = HttpRequest(
            method=self.command,
            authority=self.gateway.authority,
            path=path,
            query=query,
            fields=combine_fields(lines),
            body=self.rfile.read(length),
        )
        reply = self.gateway.answer(http, self.headers["host"])
        self.wfile.write(reply.wire())
        self.close_connection = reply.raw is not None

    do_GET = do_POST = do_DELETE = _serve  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients here break connections on purpose."""


@contextmanager
def fake_gateway(certificates: Path) -> Iterator[FakeGateway]:
    """Serve on a free port until the end."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.crt", certificates / "server.key")
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        gateway = FakeGateway(server.server_address[1])
        server.RequestHandlerClass = type("Handler", (_Handler,), {"gateway": gateway})
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield gateway
        finally:
            server.shutdown()
            thread.join()


def write_certificates(directory: Path) -> None:
    """Write a CA, a certificate for localhost, and one for another name."""
    now, year = datetime.now(UTC), timedelta(days=365)
    authority = create_authority(now=now, validity=year)
    (directory / "ca.crt").write_bytes(authority.certificate_pem())
    for stem, host in (("server", "localhost"), ("other", "other.example")):
        issued = issue_server(authority, stem, (host,), now=now, validity=year)
        (directory / f"{stem}.crt").write_bytes(issued.certificate_pem())
        (directory / f"{stem}.key").write_bytes(issued.key_pem())
