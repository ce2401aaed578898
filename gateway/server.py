"""Serving the ingress with uvicorn over TLS, with a dispatcher beside it where it is wanted."""

import signal
import ssl
import threading
from contextlib import nullcontext

import uvicorn
from starlette.applications import Starlette

from gateway.app import build_app, load_sources
from gateway.dispatcher.main import dispatching
from gateway.settings import GatewaySettings
from signing.errors import CountersignError

KEEP_ALIVE_S = 30
GRACEFUL_STOP_S = 5
BACKLOG = 2048


class GatewayEnded(CountersignError):
    """The gateway stopped for a fault of its own, and is to be started again."""

    code = "gateway_ended"


def serve(settings: GatewaySettings) -> None:
    """Serve until SIGTERM or SIGINT; then finish what is under way, within 5 seconds.

    A dispatcher in this process ends after that; where it ends by itself, so does the serving.

    Raises:
        SettingError, BackendUnavailableError, VaultDenied: at start, naming what to mend.
        GatewayEnded, DispatcherEnded: in the end, where a part of it ended by itself.
    """
    fault = threading.Event()

    def stop(*_signal: object) -> None:
        server.should_exit = True

    def end() -> None:
        fault.set()
        stop()

    app = build_app(settings, load_sources(settings), on_fault=end)
    server = uvicorn.Server(_config(settings, app))
    # uvicorn raises a signal again once it has stopped, for the handler before its own
    # (uvicorn/server.py, `capture_signals`). The default one would end the process by the signal,
    # with no status, and leave a dispatcher no time.
    signal.signal(signal.SIGTERM, stop)
    inside = settings.dispatcher
    with nullcontext() if inside is None else dispatching(inside, ended=stop):
        server.run()
    if fault.is_set():
        raise GatewayEnded("work beside the requests ended by itself: see the log")


def _config(settings: GatewaySettings, app: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        ssl_certfile=settings.http_cert,
        ssl_keyfile=str(settings.http_key),
        ssl_version=ssl.PROTOCOL_TLS_SERVER,
        http="httptools",
        loop="asyncio",  # uvloop with aiohttp can end the process: docs/adr/0006-dependencies.md
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACEFUL_STOP_S,
    )
