"""Serving the ingress with uvicorn over TLS."""

import ssl

import uvicorn

from gateway.app import build_app, load_sources
from gateway.settings import GatewaySettings

KEEP_ALIVE_S = 30
GRACEFUL_STOP_S = 5
BACKLOG = 2048


def serve(settings: GatewaySettings) -> None:
    """Serve until SIGTERM or SIGINT; then finish what is under way, within 5 seconds.

    Raises:
        SettingError, BackendUnavailableError, VaultDenied: at start, naming what to mend.
    """
    app = build_app(settings, load_sources(settings))
    config = uvicorn.Config(
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
    uvicorn.Server(config).run()
