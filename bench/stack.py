"""The local stack for measurements: servers in a temporary directory, roles as processes."""

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import urllib3

from backends.settings import RedisSettings, environment_of, redis_settings
from bench.load import Target
from deploy.local.paths import StackPaths, StackPorts
from deploy.local.process import Child, Program
from deploy.local.sample import KEY_ID, ensure_sample_producer, private_key_path
from deploy.local.servers import LocalServers, start_servers
from signing.algorithms import private_key
from signing.http_signer import RequestSigner

READY_S = 30.0
QUEUES = ("fast", "slow")


@dataclass(frozen=True, slots=True)
class BenchStack:
    """Running servers; roles are started as they are needed."""

    servers: LocalServers
    paths: StackPaths
    ports: StackPorts

    @property
    def target(self) -> Target:
        """The gateway, called as the sample producer."""
        key = private_key("ed25519", private_key_path(self.paths).read_bytes())
        signer = RequestSigner(KEY_ID, "ed25519", key)
        return Target("localhost", self.ports.gateway, self.paths.certs.authority, signer)

    @property
    def stock_settings(self) -> RedisSettings:
        """The same Redis for stock Celery, which wants to be allowed everything."""
        return redis_settings(environment_of(self.stock_environment()), "COUNTERSIGN_BROKER_URL")

    def stock_environment(self) -> dict[str, str]:
        """The superuser's settings."""
        return dict(self.servers.environment("superuser"))

    def start(self, role: str, *, profile: Path | None = None, **settings: str) -> Child:
        """Start a role, under cProfile where `profile` says where to write."""
        command = ["-m", "deploy.cli.main", role]
        if profile is not None:
            command = ["-m", "cProfile", "-o", str(profile), *command]
        environment = {**self.servers.environment(role), **settings}
        child = self.spawn(role, command, environment)
        if role == "gateway":
            child.wait_until(self._is_ready, READY_S)
        return child

    def spawn(self, name: str, command: list[str], settings: Mapping[str, str]) -> Child:
        """Start a Python program with this checkout on its path."""
        # What is killed leaves things behind, which go with the state.
        own = {"PYTHONPATH": str(Path.cwd()), "TMPDIR": str(self.paths.state)}
        environment = {**os.environ, **settings, **own}
        program = Program(name, [sys.executable, *command], environment, self.paths.log(name))
        return Child(program)

    def build_catalog(self) -> None:
        """Build the catalog of the sample tasks."""
        command = ["-m", "deploy.cli.main", "catalog", "build", "--tasks", "examples.tasks"]
        child = self.spawn("catalog", [*command, "--output", str(self.paths.catalog)], {})
        child.wait_until(lambda: child.status == 0, READY_S)

    def _is_ready(self) -> bool:
        url = f"https://localhost:{self.ports.gateway}/readyz"
        with urllib3.PoolManager(ca_certs=str(self.paths.certs.authority), retries=False) as http:
            try:
                return http.request("GET", url).status == 200
            except urllib3.exceptions.HTTPError:
                return False


@contextmanager
def bench_stack() -> Iterator[BenchStack]:
    """Start Redis and OpenBao, register the sample producer, and remove all at the end."""
    with tempfile.TemporaryDirectory(prefix="countersign-bench-") as directory:
        paths, ports = StackPaths(Path(directory) / "state"), StackPorts.free()
        servers = start_servers(paths, ports, queues=QUEUES)
        try:
            stack = BenchStack(servers, paths, ports)
            stack.build_catalog()
            ensure_sample_producer(paths, ports)
            yield stack
        finally:
            servers.stop()
