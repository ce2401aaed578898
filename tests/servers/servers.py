"""One running Redis and OpenBao, RabbitMQ where it is wanted, and clients of them as each role."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal, Self

import hvac
import redis

from deploy.local.environment import Broker
from deploy.local.paths import HOST, StackPaths, StackPorts
from deploy.local.servers import LocalServers, start_servers
from signing.ledger.packed import unpack

Role = Literal["gateway", "dispatcher", "worker", "security", "operator", "superuser"]

#: Queues that exist on the test broker: the sample's, and any `test-...` of a test's own.
QUEUES = ("fast", "slow", "test-*")


class Servers:
    """Real servers, started once per test process, with every role's settings and clients."""

    def __init__(self, state: Path, broker: Broker = "redis") -> None:
        self.paths = StackPaths(state)
        self.ports = StackPorts.free()
        self._clients = ExitStack()
        self._redis: dict[tuple[Role, int], redis.Redis] = {}
        self._vault: dict[Role, Any] = {}
        self.local: LocalServers = start_servers(
            self.paths, self.ports, queues=QUEUES, broker=broker
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._clients.close()
        self.local.stop()

    def environment(self, role: Role) -> dict[str, str]:
        """A role's settings, as its process would be given them."""
        return self.local.environment(role)

    def redis(self, role: Role, database: int = 0) -> redis.Redis:
        """A Redis client as the role; replies are bytes. Database 0: ledger, 1: broker."""
        if (role, database) not in self._redis:
            certificate, key = self.paths.certs.client(role)
            client = redis.Redis(
                host=HOST,
                port=self.ports.redis,
                db=database,
                username=role,
                password=self.paths.redis_password(role).read_text("ascii"),
                ssl=True,
                ssl_ca_certs=str(self.paths.certs.authority),
                ssl_certfile=str(certificate),
                ssl_keyfile=str(key),
                socket_timeout=10,
            )
            self._clients.callback(client.close)
            self._redis[role, database] = client
        return self._redis[role, database]

    def seal(self, job_id: str) -> bytes:
        """A job's seal out of the ledger."""
        packed: Any = self.redis("superuser").get(f"cs:seal:{job_id}")
        return unpack(packed)

    def vault(self, role: Role) -> Any:
        """An hvac client (untyped) logged in as the role."""
        if role not in self._vault:
            certificate, key = self.paths.certs.client(role)
            client = hvac.Client(
                url=f"https://{HOST}:{self.ports.vault}",
                verify=str(self.paths.certs.authority),
                cert=(str(certificate), str(key)),
            )
            self._clients.callback(client.adapter.close)
            client.auth.approle.login(
                role_id=self.paths.vault_role_id(role).read_text("ascii"),
                secret_id=self.paths.vault_secret_id(role).read_text("ascii"),
            )
            self._vault[role] = client
        return self._vault[role]

    def flush(self) -> None:
        """Empty ledger and broker, and forget loaded scripts."""
        superuser = self.redis("superuser")
        superuser.flushall()
        superuser.script_flush()

    def restore(self) -> None:
        """Start again what a test stopped or killed."""
        self.local.start_redis()
        self.local.start_vault()
        if self.local.broker == "rabbitmq":
            self.local.start_rabbit()
