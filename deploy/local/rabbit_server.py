"""The local RabbitMQ: its configuration, its port mapper, starting it.

Nothing of an installed service is used: the node has its own name, directories, cookie and ports,
and a port mapper (epmd) of its own, all on loopback.
"""

import secrets
import shutil
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import amqp
from amqp.exceptions import AMQPError

from certs.files import write_atomic
from certs.store import CertificateStore
from deploy.errors import StackError
from deploy.local.paths import HOST, StackPaths, StackPorts
from deploy.local.process import Child, Program, starting
from deploy.local.rabbit_definitions import VHOST, plain, render_definitions

START_SECONDS: Final = 180.0
#: Debian's scripts in /usr/sbin insist on root and the service's user; this one does not.
_SERVER: Final = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MISSING: Final = "{} is missing: run deploy/setup.sh, or install rabbitmq-server"
_MAX_MESSAGE: Final = 4 * 1024 * 1024


def start_epmd(paths: StackPaths, ports: StackPorts) -> Child:
    """Start the Erlang port mapper, which the node cannot do without.

    Raises:
        StackError: where it is not installed or does not start.
    """
    program = shutil.which("epmd", path=_PATH)
    if program is None:
        raise StackError(_MISSING.format("epmd"))
    command = (program, "-port", str(ports.rabbit_epmd), "-address", HOST)
    with starting(Program("epmd", command, {"PATH": _PATH}, paths.log("epmd"))) as child:
        child.wait_until(lambda: _listens(ports.rabbit_epmd), START_SECONDS)
    return child


def start_rabbit(paths: StackPaths, ports: StackPorts, queues: Sequence[str]) -> Child:
    """Write configuration and definitions, start the node, wait until its queues are there.

    Raises:
        StackError: where it is not installed or does not start.
    """
    if not _SERVER.exists():
        raise StackError(_MISSING.format("RabbitMQ"))
    definitions = render_definitions(queues, with_superuser=True)
    write_atomic(paths.rabbit / "definitions.json", definitions.encode())
    write_atomic(paths.rabbit / "rabbitmq.conf", render_config(paths, ports).encode())
    write_atomic(paths.rabbit / "enabled_plugins", b"[rabbitmq_auth_mechanism_ssl].\n")
    _ensure_cookie(paths.rabbit / ".erlang.cookie")
    environment = _environment(paths, ports)
    with starting(
        Program("rabbitmq", (str(_SERVER),), environment, paths.log("rabbitmq"))
    ) as child:
        child.wait_until(lambda: _has_queues(paths.certs, ports, plain(queues)), START_SECONDS)
    return child


def wipe_rabbit(paths: StackPaths) -> None:
    """Remove all that a stopped node has kept; the next start makes it anew."""
    shutil.rmtree(paths.rabbit / "mnesia", ignore_errors=True)


def render_config(paths: StackPaths, ports: StackPorts) -> str:
    """Render `rabbitmq.conf`: TLS only, client certificates, no passwords, no default user."""
    certificate, key = paths.certs.server("rabbitmq")
    settings = {
        "listeners.tcp": "none",
        "listeners.ssl.1": f"{HOST}:{ports.rabbit}",
        "ssl_options.cacertfile": paths.certs.authority.absolute(),
        "ssl_options.certfile": certificate.absolute(),
        "ssl_options.keyfile": key.absolute(),
        "ssl_options.verify": "verify_peer",
        "ssl_options.fail_if_no_peer_cert": "true",
        "ssl_options.versions.1": "tlsv1.3",
        "auth_mechanisms.1": "EXTERNAL",
        "ssl_cert_login_from": "common_name",
        "load_definitions": (paths.rabbit / "definitions.json").absolute(),
        "max_message_size": _MAX_MESSAGE,
        "disk_free_limit.absolute": "50MB",
        "log.console": "true",
        "log.console.level": "info",
        "log.file": "false",
    }
    return "".join(f"{name} = {value}\n" for name, value in settings.items())


def superuser_connection(certs: CertificateStore, ports: StackPorts) -> Any:
    """An AMQP connection (py-amqp is untyped) with the superuser's certificate, connected.

    Raises:
        OSError, AMQPError: where the node does not serve.
    """
    certificate, key = certs.client("superuser")
    connection = amqp.Connection(
        host=f"{HOST}:{ports.rabbit}",
        virtual_host=VHOST,
        login_method="EXTERNAL",
        connect_timeout=5,
        read_timeout=10,
        write_timeout=10,
        ssl={
            "ca_certs": str(certs.authority),
            "certfile": str(certificate),
            "keyfile": str(key),
            "server_hostname": "localhost",
        },
    )
    try:
        connection.connect()
    except AMQPError:
        connection.collect()
        raise
    return connection


def is_consumed(certs: CertificateStore, ports: StackPorts, queues: Sequence[str]) -> bool:
    """Whether somebody consumes from each queue."""
    return all(_consumers(certs, ports, queues) or [0])


def _environment(paths: StackPaths, ports: StackPorts) -> dict[str, str]:
    home = paths.rabbit.absolute()
    return {
        "PATH": _PATH,
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "ERL_EPMD_PORT": str(ports.rabbit_epmd),
        "ERL_EPMD_ADDRESS": HOST,
        "ERL_CRASH_DUMP_SECONDS": "0",
        "RABBITMQ_NODENAME": "countersign@localhost",
        "RABBITMQ_DIST_PORT": str(ports.rabbit_dist),
        # A scheduler that has nothing to do sleeps: it shares this machine with everything else.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +sbwtdcpu none +sbwtdio none "
        "-kernel inet_dist_use_interface {127,0,0,1}",
        "RABBITMQ_CONF_ENV_FILE": str(home / "none"),
        "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(home / "none"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
        "RABBITMQ_LOG_BASE": str(home / "log"),
        "RABBITMQ_GENERATED_CONFIG_DIR": str(home / "config"),
        # The script then becomes the Erlang machine, and a signal to this child reaches it.
        "RUNNING_UNDER_SYSTEMD": "true",
    }


def _ensure_cookie(path: Path) -> None:
    """Erlang's shared secret; it takes a file that only its owner can read."""
    if not path.exists():
        write_atomic(path, secrets.token_hex(32).encode())
    path.chmod(0o400)


def _listens(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=2).close()
    except OSError:
        return False
    return True


def _has_queues(certs: CertificateStore, ports: StackPorts, queues: Sequence[str]) -> bool:
    return _consumers(certs, ports, queues) is not None


def _consumers(
    certs: CertificateStore, ports: StackPorts, queues: Sequence[str]
) -> list[int] | None:
    """How many consumers each queue has; `None` where one is not there, or nobody answers."""
    if not _listens(ports.rabbit):
        return None
    try:
        connection = superuser_connection(certs, ports)
    except (OSError, AMQPError):
        return None
    try:
        declared = [connection.channel().queue_declare(each, passive=True) for each in queues]
        return [int(each.consumer_count) for each in declared]
    except (OSError, AMQPError):
        return None
    finally:
        _close(connection)


def _close(connection: Any) -> None:
    try:
        connection.close()
    except (OSError, AMQPError):
        connection.collect()
