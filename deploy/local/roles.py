"""The parts of Countersign as processes of the local stack, and when each is ready."""

import os
import ssl
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

import redis
import urllib3
from redis.backoff import NoBackoff
from redis.retry import Retry

from deploy.local.paths import HOST, StackPaths, StackPorts
from deploy.local.process import Child, Program

ROLES: Final = ("gateway", "dispatcher", "worker")
START_SECONDS: Final = 60.0
#: What a process takes from the environment of whoever starts it, besides its settings.
_INHERITED: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "PYTHONPATH")


def start_role(
    role: str, settings: Mapping[str, str], paths: StackPaths, ports: StackPorts
) -> Child:
    """Start gateway, dispatcher or worker with its settings and wait until it serves.

    Raises:
        StackError: where it ends or is not ready in time; with the end of its log.
    """
    environment = {**process_environment(), **settings}
    command = (sys.executable, "-m", "deploy.cli.main", role)
    child = Child(Program(role, command, environment, paths.log(role)))
    try:
        child.wait_until(_readiness(role, paths, ports), START_SECONDS)
    except BaseException:
        child.kill()
        raise
    return child


def process_environment() -> dict[str, str]:
    """The few variables that a child process gets of our own."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {**inherited, "PYTHONUNBUFFERED": "1"}


def _readiness(role: str, paths: StackPaths, ports: StackPorts) -> Callable[[], bool]:
    if role == "gateway":
        return lambda: _gateway_ready(paths, ports)
    database = {"dispatcher": "0", "worker": "1"}[role]
    return lambda: _connected(role, database, paths, ports)


def _gateway_ready(paths: StackPaths, ports: StackPorts) -> bool:
    context = ssl.create_default_context(cafile=str(paths.certs.authority))
    pool = urllib3.HTTPSConnectionPool(
        "localhost", ports.gateway, ssl_context=context, retries=False, timeout=2
    )
    with pool:
        try:
            return pool.request("GET", "/readyz").status == 200
        except urllib3.exceptions.HTTPError:
            return False


def _connected(role: str, database: str, paths: StackPaths, ports: StackPorts) -> bool:
    # A dispatcher that has come to the ledger, a worker that has come to the broker, is at work.
    certificate, key = paths.certs.client("operator")
    client = redis.Redis(
        host=HOST,
        port=ports.redis,
        username="operator",
        password=paths.redis_password("operator").read_text("ascii"),
        ssl=True,
        ssl_ca_certs=str(paths.certs.authority),
        ssl_certfile=str(certificate),
        ssl_keyfile=str(key),
        socket_timeout=2,
        retry=Retry(NoBackoff(), 0),
    )
    with client:
        try:
            connections: list[dict[str, Any]] = client.client_list()
        except redis.RedisError:
            return False
    return any(each["user"] == role and each["db"] == database for each in connections)
