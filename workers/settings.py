"""The worker's settings, read once at start."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from backends.environment import Environment
from backends.settings import (
    BrokerSettings,
    RedisSettings,
    VaultSettings,
    broker_settings,
    redis_settings,
    vault_settings,
)
from signing.catalog import Catalog, is_queue_name, parse_catalog
from signing.errors import CatalogError, SettingError

Pool = Literal["prefork", "threads"]
_POOLS: Final[tuple[Pool, ...]] = ("prefork", "threads")

MAX_TASKS_PER_CHILD: Final = 1000
MAX_MEMORY_PER_CHILD_KIB: Final = 512 * 1024


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What a worker needs."""

    ledger: RedisSettings
    broker: BrokerSettings
    vault: VaultSettings
    catalog: Catalog
    audience: str
    tasks: tuple[str, ...]
    app_dir: Path
    queues: tuple[str, ...]
    pool: Pool
    concurrency: int
    lease_s: int
    max_tasks_per_child: int
    max_memory_per_child_kib: int


def worker_settings(env: Environment) -> WorkerSettings:
    """Read the worker's settings.

    Raises:
        SettingError: naming the setting and the mend.
    """
    return WorkerSettings(
        ledger=redis_settings(env, "COUNTERSIGN_REDIS_LEDGER_URL"),
        broker=broker_settings(env),
        vault=vault_settings(env),
        catalog=_catalog(env),
        audience=env.text("COUNTERSIGN_AUDIENCE", "countersign"),
        tasks=env.words("COUNTERSIGN_TASKS"),
        app_dir=Path(env.text("COUNTERSIGN_APP_DIR", ".")),
        queues=_queues(env),
        pool=env.choice("COUNTERSIGN_POOL", _POOLS, "prefork"),
        concurrency=env.integer("COUNTERSIGN_CONCURRENCY", 2, least=1, most=1024),
        lease_s=env.integer("COUNTERSIGN_LEASE_SECONDS", 30, least=3, most=3600),
        max_tasks_per_child=env.integer(
            "COUNTERSIGN_MAX_TASKS_PER_CHILD", MAX_TASKS_PER_CHILD, least=1, most=10_000_000
        ),
        max_memory_per_child_kib=env.integer(
            "COUNTERSIGN_MAX_MEMORY_PER_CHILD_KIB",
            MAX_MEMORY_PER_CHILD_KIB,
            least=32 * 1024,
            most=2**31,
        ),
    )


def _queues(env: Environment) -> tuple[str, ...]:
    queues = env.words("COUNTERSIGN_QUEUES")
    if not all(is_queue_name(queue) for queue in queues):
        raise SettingError("COUNTERSIGN_QUEUES names no queue: lower case letters, digits, - and _")
    return queues


def _catalog(env: Environment) -> Catalog:
    try:
        return parse_catalog(env.file("COUNTERSIGN_CATALOG").read_bytes())
    except CatalogError as error:
        raise SettingError(
            f"COUNTERSIGN_CATALOG: {error.message}: build it with 'countersign catalog build'"
        ) from None
