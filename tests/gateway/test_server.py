"""How the ingress is served: TLS, no headers that tell of the server, a bounded stop."""

import signal
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import uvicorn

from gateway import server
from gateway.dispatcher.main import DispatcherEnded
from gateway.settings import GatewaySettings


class Settings:
    """What serving reads of the settings."""

    host, port = "127.0.0.1", 8443
    http_cert, http_key = Path("cert.pem"), Path("key.pem")
    dispatcher: object = None


class Dispatching(Settings):
    """The same with a dispatcher in the process."""

    dispatcher: object = "the dispatcher's"


@pytest.fixture(autouse=True)
def _handler() -> Iterator[None]:
    """Put back the handler that was there."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def _built(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither Redis nor Vault is asked."""
    monkeypatch.setattr(server, "load_sources", lambda settings: ("sources", settings))
    monkeypatch.setattr(server, "build_app", lambda settings, sources, on_fault: object())


def test_the_ingress_is_served_over_tls_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[uvicorn.Config] = []
    app = object()
    monkeypatch.setattr(server, "load_sources", lambda settings: ("sources", settings))
    monkeypatch.setattr(server, "build_app", lambda settings, sources, on_fault: app)
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


@pytest.mark.usefixtures("_built")
def test_it_serves_inside_of_its_dispatcher(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[object] = []

    @contextmanager
    def dispatching(settings: object, ended: Callable[[], None]) -> Iterator[None]:
        events.append(settings)
        yield
        events.append("left")

    def run(self: uvicorn.Server) -> None:
        events.append("served")
        # As uvicorn does after it has stopped: this must not end the process here and now.
        signal.raise_signal(signal.SIGTERM)
        assert self.should_exit, "a signal before uvicorn takes them counts"

    monkeypatch.setattr(server, "dispatching", dispatching)
    monkeypatch.setattr(uvicorn.Server, "run", run)
    server.serve(cast(GatewaySettings, Dispatching()))
    assert events == ["the dispatcher's", "served", "left"]


@pytest.mark.usefixtures("_built")
def test_it_stops_when_its_dispatcher_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: list[bool] = []

    @contextmanager
    def dispatching(_settings: object, ended: Callable[[], None]) -> Iterator[None]:
        ended()
        yield
        raise DispatcherEnded("by itself")

    monkeypatch.setattr(server, "dispatching", dispatching)
    monkeypatch.setattr(uvicorn.Server, "run", lambda self: stopped.append(self.should_exit))
    with pytest.raises(DispatcherEnded):
        server.serve(cast(GatewaySettings, Dispatching()))
    assert stopped == [True]


def test_it_stops_and_says_so_where_work_beside_the_requests_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[Callable[[], None]] = []
    monkeypatch.setattr(server, "load_sources", lambda settings: "sources")
    monkeypatch.setattr(
        server, "build_app", lambda settings, sources, on_fault: told.append(on_fault)
    )

    def run(self: uvicorn.Server) -> None:
        told[0]()
        assert self.should_exit

    monkeypatch.setattr(uvicorn.Server, "run", run)
    with pytest.raises(server.GatewayEnded):
        server.serve(cast(GatewaySettings, Settings()))
