"""A worker's settings: what it takes, what it takes where nothing is said, what it refuses."""

from pathlib import Path

import pytest

from backends.settings import RedisSettings, environment_of
from signing.catalog import Catalog, dump_catalog
from signing.errors import SettingError
from workers.settings import worker_settings


@pytest.fixture
def values(tmp_path: Path) -> dict[str, str]:
    """The least that a worker needs."""
    for name in ("file", "catalog"):
        (tmp_path / name).write_text("x", "utf-8")
    (tmp_path / "catalog").write_bytes(dump_catalog(Catalog([])))
    file = str(tmp_path / "file")
    return {
        "COUNTERSIGN_REDIS_LEDGER_URL": "rediss://worker@localhost:6379/0",
        "COUNTERSIGN_BROKER_URL": "rediss://worker@localhost:6379/1",
        "COUNTERSIGN_REDIS_PASSWORD_FILE": file,
        "COUNTERSIGN_TLS_CA": file,
        "COUNTERSIGN_TLS_CERT": file,
        "COUNTERSIGN_TLS_KEY": file,
        "COUNTERSIGN_VAULT_ADDR": "https://localhost:8200",
        "COUNTERSIGN_VAULT_ROLE_ID_FILE": file,
        "COUNTERSIGN_VAULT_SECRET_ID_FILE": file,
        "COUNTERSIGN_CATALOG": str(tmp_path / "catalog"),
        "COUNTERSIGN_TASKS": "shop.tasks, shop.more",
        "COUNTERSIGN_QUEUES": "fast,slow-2",
    }


def test_what_is_taken_where_nothing_is_said(values: dict[str, str]) -> None:
    settings = worker_settings(environment_of(values))
    assert settings.tasks == ("shop.tasks", "shop.more")
    assert settings.queues == ("fast", "slow-2")
    assert (settings.pool, settings.concurrency, settings.lease_s) == ("prefork", 2, 30)
    assert (settings.audience, settings.app_dir) == ("countersign", Path())
    assert settings.max_tasks_per_child == 1000
    assert settings.max_memory_per_child_kib == 512 * 1024
    assert isinstance(settings.broker, RedisSettings)
    assert (settings.ledger.database, settings.broker.database) == (0, 1)


def test_what_is_said(values: dict[str, str]) -> None:
    said = {
        "AUDIENCE": "other",
        "APP_DIR": "/srv",
        "POOL": "threads",
        "CONCURRENCY": "8",
        "LEASE_SECONDS": "3",
        "MAX_TASKS_PER_CHILD": "5",
        "MAX_MEMORY_PER_CHILD_KIB": "65536",
    }
    named = {f"COUNTERSIGN_{name}": value for name, value in said.items()}
    settings = worker_settings(environment_of(values | named))
    assert (settings.audience, settings.app_dir) == ("other", Path("/srv"))
    assert (settings.pool, settings.concurrency, settings.lease_s) == ("threads", 8, 3)
    assert (settings.max_tasks_per_child, settings.max_memory_per_child_kib) == (5, 65_536)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("QUEUES", ""),
        ("QUEUES", "Fast"),
        ("QUEUES", "fast,*"),
        ("TASKS", " , "),
        ("CATALOG", __file__),
        ("CATALOG", "/no/such/file"),
        ("POOL", "eventlet"),
        ("CONCURRENCY", "0"),
        ("CONCURRENCY", "1025"),
        ("LEASE_SECONDS", "2"),
        ("LEASE_SECONDS", "3.5"),
        ("MAX_TASKS_PER_CHILD", "0"),
        ("MAX_MEMORY_PER_CHILD_KIB", "1"),
    ],
)
def test_what_is_refused_is_named(values: dict[str, str], name: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"COUNTERSIGN_{name}"):
        worker_settings(environment_of(values | {f"COUNTERSIGN_{name}": value}))
