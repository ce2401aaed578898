"""Connecting kombu to the broker: TLS options for its Redis transport, passwords out of sight."""

import ssl
from typing import Any
from urllib.parse import quote

from backends.settings import RedisSettings


def redis_ssl(settings: RedisSettings) -> dict[str, Any]:
    """The options of redis-py's SSL connection, as kombu hands them on."""
    return {
        "ssl_cert_reqs": ssl.CERT_REQUIRED,
        "ssl_check_hostname": True,
        "ssl_ca_certs": str(settings.tls.ca),
        "ssl_certfile": str(settings.tls.cert),
        "ssl_keyfile": str(settings.tls.key),
    }


def redis_url(settings: RedisSettings, scheme: str) -> str:
    """The URL that kombu connects to; kombu masks the password wherever it shows one."""
    user, password = quote(settings.user, safe=""), quote(settings.password, safe="")
    address = f"{settings.host}:{settings.port}/{settings.database}"
    return f"{scheme}://{user}:{password}@{address}"
