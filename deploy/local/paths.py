"""Where the local stack keeps things, and on which ports it listens."""

import json
import random
import socket
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final

from certs.files import write_atomic
from certs.store import CertificateStore
from deploy.errors import StackError

HOST: Final = "127.0.0.1"
#: Below Linux's range for outgoing connections (net.ipv4.ip_local_port_range).
PORTS: Final = range(12_000, 32_000)


@dataclass(frozen=True, slots=True)
class StackPaths:
    """The files of one state directory; only its owner may look into it."""

    state: Path

    @property
    def certs(self) -> CertificateStore:
        """Certificates and keys."""
        return CertificateStore(self.state / "certs")

    @property
    def logs(self) -> Path:
        """One log per process."""
        return self.state / "logs"

    @property
    def redis(self) -> Path:
        """Redis's data, `redis.conf` and `users.acl`."""
        return self.state / "redis"

    @property
    def vault(self) -> Path:
        """OpenBao's data, its configuration, the unseal key."""
        return self.state / "vault"

    @property
    def rabbit(self) -> Path:
        """RabbitMQ's data, configuration, definitions and cookie."""
        return self.state / "rabbitmq"

    @property
    def credentials(self) -> Path:
        """The roles' passwords and AppRole ids."""
        return self.state / "credentials"

    @property
    def environments(self) -> Path:
        """`<role>.env`: each role's settings."""
        return self.state / "env"

    @property
    def producers(self) -> Path:
        """Key pairs of sample producers."""
        return self.state / "producers"

    @property
    def catalog(self) -> Path:
        """The catalog that gateway and worker load."""
        return self.state / "catalog.json"

    @property
    def ports(self) -> Path:
        """The ports in use, kept so that a second start has the same."""
        return self.state / "ports.json"

    def redis_password(self, role: str) -> Path:
        """File with a role's Redis password."""
        return self.credentials / f"{role}.redis-password"

    def vault_role_id(self, role: str) -> Path:
        """File with a role's AppRole role id."""
        return self.credentials / f"{role}.vault-role-id"

    def vault_secret_id(self, role: str) -> Path:
        """File with a role's AppRole secret id."""
        return self.credentials / f"{role}.vault-secret-id"

    def environment(self, role: str) -> Path:
        """File with a role's settings."""
        return self.environments / f"{role}.env"

    def log(self, name: str) -> Path:
        """A process's log."""
        return self.logs / f"{name}.log"

    def prepare(self) -> None:
        """Make the directories, closed to everybody else."""
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.state.chmod(0o700)
        for directory in (
            self.logs,
            self.redis,
            self.vault,
            self.rabbit,
            self.credentials,
            self.environments,
            self.producers,
        ):
            directory.mkdir(mode=0o700, exist_ok=True)


@dataclass(frozen=True, slots=True)
class StackPorts:
    """The ports of one stack, all on loopback."""

    redis: int
    vault: int
    vault_cluster: int
    gateway: int
    rabbit: int
    rabbit_epmd: int
    rabbit_dist: int

    @classmethod
    def free(cls) -> "StackPorts":
        """Choose ports that nobody listens on now."""
        return cls(*free_ports(len(fields(cls))))

    @classmethod
    def load(cls, path: Path) -> "StackPorts | None":
        """Read the ports of an earlier start; one that an earlier version did not have is free.

        Raises:
            StackError: where the file is not what `save` wrote.
        """
        try:
            return cls(**{**asdict(cls.free()), **json.loads(path.read_text("utf-8"))})
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            raise StackError(
                f"{path} cannot be read; remove it to have ports chosen anew"
            ) from None

    def save(self, path: Path) -> None:
        """Keep the ports for the next start."""
        write_atomic(path, json.dumps(asdict(self)).encode())


def free_ports(count: int) -> list[int]:
    """Find distinct loopback ports that can be bound now.

    None that an outgoing connection is given: what is started again finds its port free.
    """
    found: list[int] = []
    for port in random.sample(PORTS, len(PORTS)):
        if is_free(port):
            found.append(port)
        if len(found) == count:
            break
    return found


def is_free(port: int) -> bool:
    """Whether the loopback port can be bound now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
