"""Each role's settings on the local stack, as the environment that its process is given."""

import shlex
from collections.abc import Sequence
from typing import Final, Literal

from certs.files import write_atomic
from deploy.local.paths import HOST, StackPaths, StackPorts
from deploy.local.rabbit_definitions import VHOST

Broker = Literal["redis", "rabbitmq"]

#: The sample tasks and the queues that they name.
TASKS: Final = "examples.tasks"
QUEUES: Final = ("fast", "slow")
#: The roles that log in to Vault; the operator and the superuser have Redis and a certificate only.
VAULT_ROLES: Final = frozenset({"gateway", "dispatcher", "worker", "security"})


def role_environment(
    role: str,
    paths: StackPaths,
    ports: StackPorts,
    queues: Sequence[str] = QUEUES,
    broker: Broker = "redis",
) -> dict[str, str]:
    """Give a role's settings; secrets are named by their files."""
    certificate, key = paths.certs.client(role)
    redis = f"rediss://{role}@{HOST}:{ports.redis}"
    rabbit = f"amqps://{role}@{HOST}:{ports.rabbit}/{VHOST}"
    values = {
        "COUNTERSIGN_REDIS_LEDGER_URL": f"{redis}/0",
        "COUNTERSIGN_BROKER_URL": f"{redis}/1" if broker == "redis" else rabbit,
        "COUNTERSIGN_REDIS_PASSWORD_FILE": str(paths.redis_password(role)),
        "COUNTERSIGN_TLS_CA": str(paths.certs.authority),
        "COUNTERSIGN_TLS_CERT": str(certificate),
        "COUNTERSIGN_TLS_KEY": str(key),
        "COUNTERSIGN_VAULT_ADDR": f"https://{HOST}:{ports.vault}",
        "COUNTERSIGN_CATALOG": str(paths.catalog),
        "COUNTERSIGN_AUDIENCE": "countersign",
    }
    if role in VAULT_ROLES:
        values |= {
            "COUNTERSIGN_VAULT_AUTH": "approle",
            "COUNTERSIGN_VAULT_ROLE_ID_FILE": str(paths.vault_role_id(role)),
            "COUNTERSIGN_VAULT_SECRET_ID_FILE": str(paths.vault_secret_id(role)),
        }
    return values | _own(role, paths, ports, queues)


def write_environment(role: str, values: dict[str, str], paths: StackPaths) -> None:
    """Write `<state>/env/<role>.env`, in a form that a shell can source."""
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in sorted(values.items())]
    write_atomic(paths.environment(role), "".join(lines).encode())


def _own(role: str, paths: StackPaths, ports: StackPorts, queues: Sequence[str]) -> dict[str, str]:
    if role == "gateway":
        certificate, key = paths.certs.server("gateway")
        return {
            "COUNTERSIGN_AUTHORITY": f"localhost:{ports.gateway}",
            "COUNTERSIGN_LISTEN": f"{HOST}:{ports.gateway}",
            "COUNTERSIGN_HTTP_CERT": str(certificate),
            "COUNTERSIGN_HTTP_KEY": str(key),
        }
    if role == "worker":
        return {
            "COUNTERSIGN_TASKS": TASKS,
            "COUNTERSIGN_QUEUES": ",".join(queues),
            "COUNTERSIGN_POOL": "prefork",
            "COUNTERSIGN_CONCURRENCY": "2",
            "COUNTERSIGN_LEASE_SECONDS": "30",
        }
    return {}
