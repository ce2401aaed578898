"""Redis, OpenBao and, where it is the broker, RabbitMQ: started, provisioned, stopped."""

from collections.abc import Sequence
from datetime import UTC, datetime

from certs.store import ROLES
from deploy.local.bao_server import VaultFiles, start_vault, superuser_client
from deploy.local.environment import QUEUES, Broker, role_environment, write_environment
from deploy.local.paths import StackPaths, StackPorts
from deploy.local.process import Child
from deploy.local.rabbit_server import start_epmd, start_rabbit, wipe_rabbit
from deploy.local.redis_server import start_redis
from deploy.local.vault_provision import Provisioner, provision


class LocalServers:
    """The running servers and what the roles need to use them."""

    def __init__(
        self,
        paths: StackPaths,
        ports: StackPorts,
        queues: Sequence[str],
        broker: Broker = "redis",
    ) -> None:
        self.paths = paths
        self.ports = ports
        self.broker = broker
        self._queues = tuple(queues)
        self._redis: Child | None = None
        self._vault: Child | None = None
        self._epmd: Child | None = None
        self._rabbit: Child | None = None

    @property
    def redis(self) -> Child | None:
        """The Redis process; `None` while it is stopped."""
        return self._redis

    @property
    def vault(self) -> Child | None:
        """The OpenBao process; `None` while it is stopped."""
        return self._vault

    def start_redis(self) -> Child:
        """Start Redis and wait until it serves; the one that runs is given as it is."""
        if self._redis is None or self._redis.status is not None:
            self._redis = start_redis(self.paths, self.ports, self._queues)
        return self._redis

    def start_vault(self) -> Child:
        """Start and unseal OpenBao, and finish its set-up; the one that runs is given as it is."""
        if self._vault is not None and self._vault.status is None:
            return self._vault
        self._vault = start_vault(self.paths, self.ports)
        files = VaultFiles(self.paths.vault)
        if files.root_token.exists():
            token = files.root_token.read_text("ascii")
            with superuser_client(self.paths.certs, self.ports, token) as client:
                provision(Provisioner(client, self.paths, self._vault.wait_until), files)
        return self._vault

    @property
    def rabbit(self) -> Child | None:
        """The RabbitMQ process; `None` while it is stopped."""
        return self._rabbit

    def start_epmd(self) -> Child:
        """Start Erlang's port mapper; the one that runs is given as it is."""
        if self._epmd is None or self._epmd.status is not None:
            self._epmd = start_epmd(self.paths, self.ports)
        return self._epmd

    def start_rabbit(self) -> Child:
        """Start RabbitMQ and wait until it serves; the one that runs is given as it is."""
        self.start_epmd()
        if self._rabbit is None or self._rabbit.status is not None:
            self._rabbit = start_rabbit(self.paths, self.ports, self._queues)
        return self._rabbit

    def stop_rabbit(self, *, kill: bool = False) -> None:
        """Stop RabbitMQ, or end it as a crash would; its port mapper ends with it."""
        child, self._rabbit = self._rabbit, None
        _end(child, kill=kill)
        epmd, self._epmd = self._epmd, None
        _end(epmd, kill=True)

    def wipe_rabbit(self) -> None:
        """Kill RabbitMQ and remove all that it has kept; the next start has empty queues."""
        self.stop_rabbit(kill=True)
        wipe_rabbit(self.paths)

    def stop_redis(self, *, kill: bool = False) -> None:
        """Stop Redis, or end it as a crash would."""
        child, self._redis = self._redis, None
        _end(child, kill=kill)

    def stop_vault(self, *, kill: bool = False) -> None:
        """Stop OpenBao, or end it as a crash would."""
        child, self._vault = self._vault, None
        _end(child, kill=kill)

    def stop(self) -> None:
        """Stop all, the last one started first."""
        self.stop_rabbit()
        self.stop_vault()
        self.stop_redis()

    def environment(self, role: str) -> dict[str, str]:
        """A role's settings; `certs.store.ROLES` lists the roles."""
        return role_environment(role, self.paths, self.ports, self._queues, self.broker)

    def prepare(self) -> None:
        """Make the directories, the certificates, and each role's file of settings."""
        self.paths.prepare()
        self.paths.certs.ensure(now=datetime.now(UTC))
        for role in ROLES:
            write_environment(role, self.environment(role), self.paths)


def start_servers(
    paths: StackPaths,
    ports: StackPorts,
    *,
    queues: Sequence[str] = QUEUES,
    broker: Broker = "redis",
) -> LocalServers:
    """Prepare the state directory and start the servers.

    Raises:
        StackError: where one does not start; the others are stopped.
    """
    servers = LocalServers(paths, ports, queues, broker)
    servers.prepare()
    try:
        servers.start_redis()
        servers.start_vault()
        if broker == "rabbitmq":
            servers.start_rabbit()
    except BaseException:
        servers.stop()
        raise
    return servers


def _end(child: Child | None, *, kill: bool) -> None:
    if child is None:
        return
    if kill:
        child.kill()
    else:
        child.stop()
