"""How the ingress is served: TLS, no headers that tell of the server, a bounded stop."""

import ssl
from pathlib import Path
from typing import Any, cast

import pytest
import uvicorn

from gateway import server
from gateway.settings import GatewaySettings


class Settings:
    """What serving reads of the settings."""

    host, port = "127.0.0.1", 8443
    http_cert, http_key = Path("cert.pem"), Path("key.pem")


def test_the_ingress_is_served_over_tls_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[uvicorn.Config] = []
    app = object()
    monkeypatch.setattr(server, "load_sources", lambda settings: ("sources", settings))
    monkeypatch.setattr(server, "build_app", lambda settings, sources: app)
    monkeypatch.setattr(uvicorn.Server, "run", lambda self: served.append(self.config))
    server.serve(cast(GatewaySettings, Settings()))
    config: Any = served[0]
    assert config.app is app
    assert (config.host, config.port) == ("127.0.0.1", 8443)
    assert (config.ssl_certfile, config.ssl_keyfile) == (Path("cert.pem"), "key.pem")
    assert config.ssl_version == ssl.PROTOCOL_TLS_SERVER
    assert not config.proxy_headers
    assert not config.server_header
    assert not config.access_log
    assert config.lifespan == "on"
    assert config.ws == "none"
    assert config.timeout_graceful_shutdown == server.GRACEFUL_STOP_S
