"""The parts of Countersign as processes of the local stack, and when each is ready."""

import ssl
import sys
from collections.abc import Callable, Mapping
from typing import Final

import redis
import urllib3
from redis.backoff import NoBackoff
from redis.retry import Retry

from deploy.local.paths import HOST, StackPaths, StackPorts
from deploy.local.process import Child, Program, starting
from deploy.local.rabbit_server import is_consumed
from deploy.local.settings import inherited_environment

ROLES: Final = ("gateway", "dispatcher", "worker")
START_SECONDS: Final = 60.0
#: A dispatcher is at work once it has come to Redis, a worker once it asks for a message.
_TAKES: Final = frozenset({"blmpop", "lmpop", "brpop", "rpop"})


def start_role(
    role: str, settings: Mapping[str, str], paths: StackPaths, ports: StackPorts
) -> Child:
    """Start gateway, dispatcher or worker with its settings and wait until it serves.

    Raises:
        StackError: where it ends or is not ready in time; with the end of its log.
    """
    environment = {**inherited_environment(), **settings}
    command = (sys.executable, "-m", "deploy.cli.main", role)
    with starting(Program(role, command, environment, paths.log(role))) as child:
        child.wait_until(_readiness(role, settings, paths, ports), START_SECONDS)
    return child


def _readiness(
    role: str, settings: Mapping[str, str], paths: StackPaths, ports: StackPorts
) -> Callable[[], bool]:
    if role == "gateway":
        return lambda: _gateway_ready(paths, ports)
    if role == "worker" and settings["COUNTERSIGN_BROKER_URL"].startswith("amqps:"):
        queues = settings["COUNTERSIGN_QUEUES"].split(",")
        return lambda: is_consumed(paths.certs, ports, queues)
    return lambda: any(_at_work(role, each) for each in _connections(paths, ports))


def _at_work(role: str, connection: Mapping[str, str]) -> bool:
    if connection["user"] != role:
        return False
    return role != "worker" or connection["cmd"] in _TAKES


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


def _connections(paths: StackPaths, ports: StackPorts) -> list[dict[str, str]]:
    certificate, key = paths.certs.client("superuser")
    client = redis.Redis(
        host=HOST,
        port=ports.redis,
        username="superuser",
        password=paths.redis_password("superuser").read_text("ascii"),
        ssl=True,
        ssl_ca_certs=str(paths.certs.authority),
        ssl_certfile=str(certificate),
        ssl_keyfile=str(key),
        socket_timeout=2,
        retry=Retry(NoBackoff(), 0),
    )
    with client:
        try:
            found: list[dict[str, str]] = client.client_list()
        except redis.RedisError:
            return []
        return found
