"""A worker that cannot work does not start: one sentence says which setting and what to mend."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from backends.settings import environment_of
from signing.catalog import DIALECT, Catalog, TaskSpec, dump_catalog
from signing.errors import CountersignError
from signing.strict_json import JsonObject
from tests.servers.marks import wait_until
from tests.servers.servers import Servers
from tests.workers.site import Site
from workers.catalog import build_catalog, load_tasks
from workers.main import work
from workers.settings import worker_settings

Settings = dict[str, str]
Change = Callable[[Servers, Path], Settings]


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample tasks' catalog."""
    path = tmp_path_factory.mktemp("catalog") / "catalog.json"
    registry = load_tasks(["examples.tasks"])
    samples = {name: item for name, item in registry.items() if not name.startswith("test.")}
    path.write_bytes(dump_catalog(build_catalog(samples)))
    return path


def settings_of(servers: Servers, catalog: Path) -> Settings:
    """The settings of a worker that would start."""
    return servers.environment("worker") | {
        "COUNTERSIGN_CATALOG": str(catalog),
        "COUNTERSIGN_QUEUES": "fast,slow",
    }


def prefixed(changes: Settings) -> Settings:
    return {f"COUNTERSIGN_{name}": value for name, value in changes.items()}


def of(servers: Servers) -> Settings:
    return servers.environment("worker")


def file(tmp_path: Path, name: str, text: str) -> str:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return str(path)


SCHEMA: JsonObject = {"$schema": DIALECT, "type": "object", "additionalProperties": False}
UNSERVED = dump_catalog(Catalog([TaskSpec("shop.unserved", "fast", SCHEMA)])).decode()

CASES: list[tuple[str, Change, tuple[str, ...]]] = [
    (
        "a plain connection",
        lambda servers, _: {
            "BROKER_URL": of(servers)["COUNTERSIGN_BROKER_URL"].replace("rediss", "redis")
        },
        ("COUNTERSIGN_BROKER_URL", "use rediss://"),
    ),
    (
        "a plain Vault",
        lambda servers, _: {"VAULT_ADDR": "http://127.0.0.1:1"},
        ("COUNTERSIGN_VAULT_ADDR", "use https://"),
    ),
    (
        "a number that is none",
        lambda servers, _: {"CONCURRENCY": "many"},
        ("COUNTERSIGN_CONCURRENCY", "whole number from 1 to 1024"),
    ),
    (
        "a number out of bounds",
        lambda servers, _: {"LEASE_SECONDS": "1"},
        ("COUNTERSIGN_LEASE_SECONDS", "from 3 to 3600"),
    ),
    ("a pool that is none", lambda servers, _: {"POOL": "gevent"}, ("COUNTERSIGN_POOL", "threads")),
    ("a queue that is none", lambda servers, _: {"QUEUES": "Fast"}, ("COUNTERSIGN_QUEUES",)),
    ("no queue", lambda servers, _: {"QUEUES": ","}, ("COUNTERSIGN_QUEUES", "name at least one")),
    ("no tasks", lambda servers, _: {"TASKS": ""}, ("COUNTERSIGN_TASKS", "not set")),
    (
        "a file that is not there",
        lambda servers, tmp: {"TLS_KEY": str(tmp / "absent")},
        ("COUNTERSIGN_TLS_KEY", "cannot be read"),
    ),
    (
        "a catalog that is none",
        lambda servers, tmp: {"CATALOG": file(tmp, "catalog.json", "{}")},
        ("COUNTERSIGN_CATALOG", "countersign catalog build"),
    ),
    (
        "a task that no module serves",
        lambda servers, tmp: {"CATALOG": file(tmp, "catalog.json", UNSERVED)},
        ("task shop.unserved on queue fast", "add its module"),
    ),
    (
        "a module that is not there",
        lambda servers, _: {"TASKS": "no.such_module"},
        ("no.such_module", "cannot be imported"),
    ),
    (
        "a wrong Redis password",
        lambda servers, tmp: {"REDIS_PASSWORD_FILE": file(tmp, "password", "wrong")},
        ("refuses user worker", "COUNTERSIGN_REDIS_PASSWORD_FILE"),
    ),
    (
        "a wrong certificate authority",
        lambda servers, tmp: {"TLS_CA": of(servers)["COUNTERSIGN_TLS_CERT"]},
        ("COUNTERSIGN_TLS_CA", "COUNTERSIGN_REDIS_LEDGER_URL"),
    ),
    (
        "a certificate without its key",
        lambda servers, _: {"TLS_CERT": of(servers)["COUNTERSIGN_TLS_CA"]},
        ("COUNTERSIGN_TLS",),
    ),
    (
        "nobody at Redis's address",
        lambda servers, _: {"REDIS_LEDGER_URL": "rediss://worker@127.0.0.1:1/0"},
        ("COUNTERSIGN_TLS_CA", "COUNTERSIGN_REDIS_LEDGER_URL"),
    ),
    (
        "nobody at Vault's",
        lambda servers, _: {"VAULT_ADDR": "https://127.0.0.1:1"},
        ("Vault", "COUNTERSIGN_VAULT_ADDR"),
    ),
    (
        "a wrong Vault secret",
        lambda servers, tmp: {"VAULT_SECRET_ID_FILE": file(tmp, "id", "wrong")},
        ("Vault", "COUNTERSIGN_VAULT_AUTH"),
    ),
    (
        "another role's Vault login",
        lambda servers, _: {
            "VAULT_ROLE_ID_FILE": str(servers.paths.vault_role_id("dispatcher")),
            "VAULT_SECRET_ID_FILE": str(servers.paths.vault_secret_id("dispatcher")),
        },
        ("policy",),
    ),
]


@pytest.mark.parametrize(("change", "says"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_it_says_what_to_mend(
    servers: Servers, catalog: Path, tmp_path: Path, change: Change, says: tuple[str, ...]
) -> None:
    assert_refused(settings_of(servers, catalog) | prefixed(change(servers, tmp_path)), says)


@pytest.mark.parametrize(
    ("name", "value", "needed"),
    [("appendfsync", "everysec", "always"), ("maxmemory-policy", "allkeys-lru", "noeviction")],
)
def test_a_redis_that_may_lose_what_it_acknowledged(
    clean_servers: Servers, catalog: Path, name: str, value: str, needed: str
) -> None:
    superuser = clean_servers.redis("superuser")
    superuser.config_set(name, value)
    try:
        says = (f"set '{name} {needed}' in its redis.conf",)
        assert_refused(settings_of(clean_servers, catalog), says)
    finally:
        superuser.config_set(name, needed)


def assert_refused(settings: Settings, says: tuple[str, ...]) -> None:
    """The worker refuses to start, in one sentence with all of these parts."""
    with pytest.raises(CountersignError) as raised:
        work(worker_settings(environment_of(settings)))
    assert "\n" not in raised.value.message
    for part in says:
        assert part in raised.value.message


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"broker_url": "redis://worker@127.0.0.1:1/1"}, "COUNTERSIGN_BROKER_URL"),
        ({"catalog": __file__}, "COUNTERSIGN_CATALOG"),
    ],
)
def test_the_command_ends_with_status_1_and_says_it_once(
    site: Site, settings: Settings, says: str
) -> None:
    log = site.stack.logs / "worker-refused.log"
    log.unlink(missing_ok=True)
    worker = site.worker("worker-refused", **settings)
    wait_until(lambda: worker.status is not None)
    assert worker.status == 1
    (line,) = log.read_text("utf-8").splitlines()
    assert line.startswith("countersign: ")
    assert says in line


def test_a_worker_that_vault_does_not_let_in_leaves_no_thread(
    servers: Servers, catalog: Path, tmp_path: Path
) -> None:
    before = set(threading.enumerate())
    change = {"VAULT_SECRET_ID_FILE": file(tmp_path, "id", "wrong")}
    assert_refused(settings_of(servers, catalog) | prefixed(change), ("credentials",))
    assert set(threading.enumerate()) <= before
