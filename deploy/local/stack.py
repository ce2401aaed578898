"""The whole local stack, composed: servers, sample producer, catalog, the three processes."""

import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from deploy.errors import StackError
from deploy.local.environment import TASKS, Broker
from deploy.local.paths import StackPaths, StackPorts, is_free
from deploy.local.roles import ROLES, start_role
from deploy.local.sample import KEY_ID, ensure_sample_producer, private_key_path
from deploy.local.servers import LocalServers
from deploy.local.settings import inherited_environment
from deploy.progress import Progress
from deploy.supervise import Part, Supervisor
from signing.catalog import parse_catalog

DEFAULT_PORT: Final = 8443
_SAMPLE_JOB: Final = (
    "payments.capture",
    '{"invoice": "INV-1", "amount": 1200, "currency": "EUR", "card_token": "tok_visa_4242"}',
)


def choose_ports(paths: StackPaths, gateway: int | None) -> StackPorts:
    """Give the ports of the last start where they are free; others where they are not.

    Raises:
        StackError: where the gateway's port was asked for and is taken.
    """
    ports = StackPorts.load(paths.ports)
    if ports is None or not all(map(is_free, _of_servers(ports))):
        kept = ports.gateway if ports is not None else DEFAULT_PORT
        ports = replace(StackPorts.free(), gateway=kept)
    if gateway is not None:
        if not is_free(gateway):
            raise StackError(f"port {gateway} is taken: give another --port")
        ports = replace(ports, gateway=gateway)
    elif not is_free(ports.gateway):
        ports = replace(ports, gateway=StackPorts.free().gateway)
    while ports.gateway in _of_servers(ports):  # they were drawn apart
        ports = replace(StackPorts.free(), gateway=ports.gateway)
    ports.save(paths.ports)
    return ports


def _of_servers(ports: StackPorts) -> tuple[int, ...]:
    return (
        ports.redis,
        ports.vault,
        ports.vault_cluster,
        ports.rabbit,
        ports.rabbit_epmd,
        ports.rabbit_dist,
    )


def build_catalog(paths: StackPaths) -> tuple[str, ...]:
    """Build the catalog of the sample tasks; give the queues that it names.

    Raises:
        StackError: where the tasks cannot be loaded.
    """
    command = [sys.executable, "-m", "deploy.cli.main", "catalog", "build"]
    command += ["--tasks", TASKS, "--output", str(paths.catalog)]
    done = subprocess.run(  # noqa: S603 - a list, no shell
        command,
        env=inherited_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if done.returncode != 0:
        raise StackError(f"the catalog cannot be built: {done.stderr.strip()}")
    return tuple(sorted(parse_catalog(paths.catalog.read_bytes()).queues))


def start_stack(
    paths: StackPaths,
    ports: StackPorts,
    supervisor: Supervisor,
    progress: Progress,
    broker: Broker = "redis",
) -> None:
    """Start everything in the order in which one part needs another.

    Raises:
        StackError: where a part does not start.
    """
    progress.tell("starting", "catalog")
    queues = build_catalog(paths)
    progress.tell("ready", "catalog", f"queues {', '.join(queues)}")
    servers = LocalServers(paths, ports, queues, broker)
    servers.prepare()
    supervisor.start(Part("redis", servers.start_redis, server=True))
    supervisor.start(Part("openbao", servers.start_vault, server=True))
    if broker == "rabbitmq":
        supervisor.start(Part("epmd", servers.start_epmd, server=True))
        supervisor.start(Part("rabbitmq", servers.start_rabbit, server=True))
    ensure_sample_producer(paths, ports)
    for role in ROLES:
        start = partial(start_role, role, servers.environment(role), paths, ports)
        supervisor.start(Part(role, start))


def submit_command(paths: StackPaths, ports: StackPorts) -> list[str]:
    """The command that submits a sample job to this stack."""
    ca, key = _short(paths.certs.authority), _short(private_key_path(paths))
    options = ["--url", f"https://localhost:{ports.gateway}", "--ca", ca, "--key", key]
    return ["countersign", "submit", *options, "--key-id", KEY_ID, *_SAMPLE_JOB]


def _short(path: Path) -> str:
    """The path as seen from here, where it lies below."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
