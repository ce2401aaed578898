"""The stack that the demonstration runs on: its own servers and processes, and ways into them."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import redis
import urllib3

from backends.environment import Environment
from backends.redis_clients import connect
from backends.settings import redis_settings, vault_settings
from backends.vault_login import VaultLogin
from deploy.errors import StackError
from deploy.local.environment import VAULT_ROLES
from deploy.local.paths import StackPaths, StackPorts
from deploy.local.process import Child, log_tail
from deploy.local.roles import start_role
from deploy.local.servers import LocalServers
from deploy.local.stack import build_catalog
from deploy.progress import Progress
from deploy.supervise import Part, Supervisor

CALL_S = 70.0
#: The demonstration shows no outage: where its machine stands still for a second, it is none.
LEDGER_TIMEOUT_MS = 4_500


class Stage:
    """Servers and processes; every client that it gives is closed with it."""

    def __init__(self, paths: StackPaths, progress: Progress) -> None:
        self.paths = paths
        self.ports = StackPorts.free()
        self._progress = progress
        self._supervisor = Supervisor(progress)
        self._servers = LocalServers(paths, self.ports, ())
        self._children: dict[str, Child] = {}
        self._redis: dict[tuple[str, str], redis.Redis] = {}
        self._vault: dict[str, Any] = {}
        self.base = f"https://localhost:{self.ports.gateway}"
        self.http = urllib3.PoolManager(
            ca_certs=str(paths.certs.authority), retries=False, timeout=CALL_S
        )

    def open(self) -> tuple[str, ...]:
        """Build the catalog and start both servers; give the queues.

        Raises:
            StackError: where one does not start.
        """
        self.paths.prepare()
        self._progress.tell("starting", "catalog")
        queues = build_catalog(self.paths)
        self._progress.tell("ready", "catalog", f"queues {', '.join(queues)}")
        self._servers = LocalServers(self.paths, self.ports, queues)
        self._servers.prepare()
        self._begin("redis", self._servers.start_redis, server=True)
        self._begin("openbao", self._servers.start_vault, server=True)
        return queues

    def start(self, role: str) -> None:
        """Start gateway, dispatcher or worker.

        Raises:
            StackError: where it does not start.
        """
        environment = self.environment(role)
        self._begin(role, partial(start_role, role, environment, self.paths, self.ports))

    def close(self) -> None:
        """Close the clients and stop everything."""
        for client in self._redis.values():
            client.close()
        for vault in self._vault.values():
            vault.adapter.close()
        self.http.clear()
        self._supervisor.stop()

    def environment(self, role: str) -> dict[str, str]:
        """A role's settings."""
        environment = self._servers.environment(role)
        if role == "gateway":
            environment["COUNTERSIGN_LEDGER_TIMEOUT_MS"] = str(LEDGER_TIMEOUT_MS)
        return environment

    def expect_running(self) -> None:
        """See that nothing has ended that was started.

        Raises:
            StackError: naming a part that has, with the end of its log.
        """
        for name, child in self._children.items():
            if child.status is not None:
                tail = log_tail(child.program.log)
                raise StackError(f"{name} has ended; the end of its log:\n{tail}")

    def running(self, role: str) -> int | None:
        """The process id of a role; `None` where it has ended."""
        child = self._children[role]
        return child.pid if child.status is None else None

    def ledger(self, role: str = "superuser") -> redis.Redis:
        """A client of the ledger's database as a role."""
        return self._client(role, "COUNTERSIGN_REDIS_LEDGER_URL")

    def broker(self, role: str = "superuser") -> redis.Redis:
        """A client of the broker's database as a role."""
        return self._client(role, "COUNTERSIGN_BROKER_URL")

    def vault(self, role: str) -> Any:
        """A Vault client (hvac's, untyped) as a role."""
        if role not in VAULT_ROLES:
            raise StackError(f"{role} has no Vault login")
        if role not in self._vault:
            settings = vault_settings(Environment(self.environment(role)))
            self._vault[role] = VaultLogin(settings, time.monotonic).client()
        return self._vault[role]

    def _begin(self, name: str, start: Callable[[], Child], *, server: bool = False) -> None:
        def keep() -> Child:
            self._children[name] = child = start()
            return child

        self._supervisor.start(Part(name, keep, server))

    def _client(self, role: str, setting: str) -> redis.Redis:
        if (role, setting) not in self._redis:
            settings = redis_settings(Environment(self.environment(role)), setting)
            self._redis[role, setting] = connect(settings)
        return self._redis[role, setting]
