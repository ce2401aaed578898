"""The local Redis: its configuration, its passwords, starting it."""

import logging
import secrets
import shutil
import socket
import ssl
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from certs.files import write_atomic
from certs.store import ROLES, CertificateStore
from deploy.errors import StackError
from deploy.local.paths import HOST, StackPaths, StackPorts
from deploy.local.process import Child, Program, starting
from deploy.local.redis_acl import read_rules, render_acl

START_SECONDS = 30.0
#: Redis's directory of append-only files, in its own directory.
APPEND_ONLY: Final = "appendonlydir"
MANIFEST: Final = "appendonly.aof.manifest"
_MEND: Final = Path(__file__).parents[1] / "redis" / "mend-append-only.sh"
_MEND_SECONDS: Final = 300.0

_log = logging.getLogger(__name__)


def start_redis(paths: StackPaths, ports: StackPorts, queues: Sequence[str]) -> Child:
    """Write the configuration, mend the append-only file, start the server, wait until it serves.

    Raises:
        StackError: where it is not installed or does not start.
    """
    mend_append_only(paths.redis / APPEND_ONLY)
    with starting(redis_program(paths, ports, queues)) as child:
        child.wait_until(lambda: answers(ports.redis, paths.certs), START_SECONDS)
    return child


def mend_append_only(directory: Path) -> bool:
    """Cut off what a crash left of a write, as before each start of Redis; tell whether there was.

    Raises:
        StackError: where the files are damaged otherwise, or Redis's own tool is missing.
    """
    command = ("/bin/sh", str(_MEND), str(directory / MANIFEST))
    try:
        done = subprocess.run(  # noqa: S603 - a list, commands of this package only
            command, capture_output=True, check=False, timeout=_MEND_SECONDS, text=True
        )
    except subprocess.TimeoutExpired:
        raise StackError(f"{directory} was not looked through in {_MEND_SECONDS:g} s") from None
    said = done.stderr.strip()
    if done.returncode != 0:
        raise StackError(f"Redis's append-only file cannot be mended: {said}")
    if said:
        _log.warning("%s", said)
    return bool(said)


def redis_program(
    paths: StackPaths,
    ports: StackPorts,
    queues: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    settings: Mapping[str, str] | None = None,
) -> Program:
    """Write the configuration, with settings of the caller's own, and give what to run.

    Raises:
        StackError: where it is not installed.
    """
    program = shutil.which("redis-server", path="/usr/local/bin:/usr/bin:/bin:/usr/sbin")
    if program is None:
        raise StackError("redis-server is missing: run deploy/setup.sh, or install it")
    passwords = {role: ensure_password(paths.redis_password(role)) for role in ROLES}
    rules = render_acl(read_rules(with_superuser=True), passwords, queues)
    write_atomic(paths.redis / "users.acl", rules.encode())
    configuration = paths.redis / "redis.conf"
    text = render_config(paths, ports) + _lines(settings or {})
    write_atomic(configuration, text.encode())
    return Program("redis", (program, str(configuration)), environment or {}, paths.log("redis"))


def ensure_password(path: Path) -> str:
    """Give the password in a file, made once."""
    try:
        return path.read_text("ascii")
    except FileNotFoundError:
        password = secrets.token_urlsafe(32)
        write_atomic(path, password.encode())
        return password


def render_config(paths: StackPaths, ports: StackPorts) -> str:
    """Render `redis.conf`: TLS only, client certificates, every acknowledged write on disk."""
    certificate, key = paths.certs.server("redis")
    settings = {
        "bind": HOST,
        "port": "0",
        "tls-port": str(ports.redis),
        "tls-ca-cert-file": _quoted(paths.certs.authority),
        "tls-cert-file": _quoted(certificate),
        "tls-key-file": _quoted(key),
        "tls-auth-clients": "yes",
        "tls-protocols": '"TLSv1.3"',
        "aclfile": _quoted(paths.redis / "users.acl"),
        "dir": _quoted(paths.redis),
        "databases": "2",
        "appendonly": "yes",
        "appendfsync": "always",
        "no-appendfsync-on-rewrite": "no",
        "aof-load-truncated": "no",
        "save": '""',
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "supervised": "no",
        "logfile": '""',
        "enable-debug-command": "no",
        "enable-module-command": "no",
    }
    return _lines(settings)


def _lines(settings: Mapping[str, str]) -> str:
    return "".join(f"{name} {value}\n" for name, value in settings.items())


def _quoted(path: Path) -> str:
    text = str(path.absolute()).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def answers(port: int, certs: CertificateStore) -> bool:
    """Whether a Redis with a certificate of ours serves on a port."""
    # PING before AUTH is refused with NOAUTH once the data is loaded: that much is enough.
    context = ssl.create_default_context(cafile=str(certs.authority))
    context.load_cert_chain(*certs.client("superuser"))
    try:
        with (
            socket.create_connection((HOST, port), timeout=2) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as connection,
        ):
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith((b"-NOAUTH", b"+PONG"))
    except OSError:
        return False
