"""Connecting to the broker: TLS options for kombu and py-amqp, passwords out of sight."""

import ssl
from typing import Any, Final
from urllib.parse import quote

from backends.settings import AmqpSettings, RedisSettings

#: Seconds until a broker that does not answer counts as away.
CONNECT_TIMEOUT_S: Final = 5.0


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


def amqp_ssl(settings: AmqpSettings) -> dict[str, Any]:
    """The TLS options of py-amqp; with a server's name it checks that name too."""
    return {
        "cert_reqs": ssl.CERT_REQUIRED,
        "server_hostname": settings.host,
        "ca_certs": str(settings.tls.ca),
        "certfile": str(settings.tls.cert),
        "keyfile": str(settings.tls.key),
        "tls_minimum_version": ssl.TLSVersion.TLSv1_2,
    }


def amqp_url(settings: AmqpSettings, scheme: str) -> str:
    """The URL that kombu connects to; there is no password: the certificate is the login."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    user, vhost = quote(settings.user, safe=""), quote(settings.vhost, safe="")
    return f"{scheme}://{user}@{host}:{settings.port}/{vhost}"
