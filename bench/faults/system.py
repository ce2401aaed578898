"""The stack under test: real servers and roles as processes, proxies between all of them."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import redis
import requests
import urllib3
from hvac.exceptions import InternalServerError, VaultDown
from redis.backoff import NoBackoff
from redis.retry import Retry

from backends.environment import Environment
from backends.errors import VaultUnavailable
from backends.settings import vault_settings
from backends.vault_login import VaultLogin
from bench.faults.keeper import Keeper, children_of, wait_for
from bench.faults.plan import LINKS, QUEUES, ROLES, WORKERS, Broker
from bench.faults.proxy import Proxies
from bench.faults.sink import Sink
from bench.faults.stored import jobs_with_secrets
from bench.load import Target
from deploy.errors import StackError
from deploy.local.environment import role_environment
from deploy.local.paths import HOST, StackPaths, StackPorts, free_ports
from deploy.local.process import Child, Program
from deploy.local.rabbit_server import start_epmd, start_rabbit
from deploy.local.redis_server import APPEND_ONLY, answers, mend_append_only, redis_program
from deploy.local.sample import ensure_key_pair
from deploy.local.servers import LocalServers
from deploy.local.settings import inherited_environment
from deploy.producers import key_document, open_store, registration_document
from signing.algorithms import private_key
from signing.http_signer import RequestSigner

T = TypeVar("T")
ROOT: Final = Path(__file__).parents[2]
TASKS: Final = "bench.faults.tasks"
PRODUCERS: Final = ("acme", "birch", "cedar")
#: Short times, so that what a fault takes away comes back within the campaign; and processes enough
#: for the load, though half of them may be down.
SHORT: Final = {
    "COUNTERSIGN_LEASE_SECONDS": "5",
    "COUNTERSIGN_REPUBLISH_SECONDS": "2",
    "COUNTERSIGN_CONCURRENCY": "4",
}
#: Redis rewrites its append-only file several times in a campaign, and keeps what it has rewritten:
#: the checker reads every state that a job ever had.
REDIS_SETTINGS: Final = {"auto-aof-rewrite-min-size": "2mb", "aof-disable-auto-gc": "yes"}
#: Certificates count for clocks that are behind by an hour as well.
BACKDATED: Final = timedelta(hours=2)
READY_S: Final = 60.0
_SERVER_OF: Final = {"gateway": "gateway", "ledger": "redis", "vault": "vault"}
_FIELDS: Final = {"rabbitmq": "rabbit"}


class System:
    """Redis, OpenBao, RabbitMQ where it is the broker; one gateway, two dispatchers and workers."""

    def __init__(self, directory: Path, broker: Broker = "redis") -> None:
        self.directory = directory
        self.broker = broker
        self.paths = StackPaths(directory / "state")
        self.sink = directory / "sink"
        self.temporary = directory / "tmp"
        names = [field.name for field in fields(StackPorts)]
        ports = free_ports(len(names) + len(LINKS))
        self.ports = StackPorts(**dict(zip(names, ports, strict=False)))
        self._link_ports = dict(zip(LINKS, ports[len(names) :], strict=True))
        self.servers = LocalServers(self.paths, self.ports, QUEUES, broker)
        self.proxies = Proxies()
        self.keepers = {
            "redis": Keeper("redis", self._start_redis),
            "vault": Keeper("vault", lambda _: self.servers.start_vault()),
        }
        if broker == "rabbitmq":
            self.keepers["epmd"] = Keeper("epmd", lambda _: start_epmd(self.paths, self.ports))
            self.keepers["rabbitmq"] = Keeper("rabbitmq", lambda _: self._start_rabbit())
        self.targets: list[Target] = []
        #: How often a crash of Redis's had torn a write, which was cut off before its next start.
        self.torn_writes = 0
        #: Where the roles' code is, and what they are told besides: for those that start from now.
        self.source = ROOT
        self.settings: dict[str, str] = {}

    @property
    def server_names(self) -> tuple[str, ...]:
        """The servers, in the order in which they are started."""
        return tuple(name for name in self.keepers if name not in ROLES)

    def start(self) -> None:
        """Start everything, and wait until the gateway is ready.

        Raises:
            StackError: where a part does not start.
        """
        self.start_servers()
        self.start_roles()
        self.wait_ready()

    def start_servers(self) -> None:
        """Start Redis, OpenBao and the proxies, and register the producers.

        Raises:
            StackError: where a part does not start.
        """
        Sink(self.sink).prepare()
        self.temporary.mkdir(mode=0o700, exist_ok=True)
        self.paths.prepare()
        self.issue_certificates()
        self.servers.prepare()
        self._build_catalog()
        for name in self.server_names:
            self.keepers[name].start()
        _until(lambda: answers(self.ports.redis, self.paths.certs), "redis")
        for name in self.server_names:
            _until(lambda name=name: self.keepers[name].pid is not None, name)  # type: ignore[misc]
        self.targets = [self._register(name) for name in PRODUCERS]
        for name, port in self._link_ports.items():
            server = _SERVER_OF.get(name.partition("->")[2], self.broker)
            target = getattr(self.ports, _FIELDS.get(server, server))
            self.proxies.add(name, port=port, target=target)

    def start_roles(self, names: Sequence[str] = ROLES) -> None:
        """Start roles, anew where they were stopped."""
        for name in names:
            self.keepers[name] = Keeper(name, partial(self._start_role, name))
            self.keepers[name].start()

    def stop(self) -> None:
        """Stop everything; Redis last, so that what the others write is there."""
        self.stop_roles()
        for name in reversed(self.server_names):
            self._end(name)
        self.proxies.close()

    def stop_roles(self) -> None:
        """Stop gateway, dispatchers and workers."""
        started = [name for name in ROLES if name in self.keepers]
        for name in started:
            self.keepers[name].end()
        for name in started:
            self._end(name)

    def issue_certificates(self) -> None:
        """Issue what certificates are missing, by the authority that is there."""
        self.paths.certs.ensure(now=datetime.now(UTC) - BACKDATED)

    def environment(self, name: str) -> dict[str, str]:
        """The settings of a part, by its proxies; those of other roles, direct."""
        if name not in ROLES:
            return self.servers.environment(name)
        role = name.partition("-")[0]
        link = self._link_ports
        ports = replace(
            self.ports,
            redis=link[f"{name}->ledger"],
            vault=link.get(f"{name}->vault", self.ports.vault),
        )
        to_broker = replace(
            ports, **{_FIELDS.get(self.broker, self.broker): link.get(f"{name}->broker", 0)}
        )
        values = role_environment(role, self.paths, ports, QUEUES, self.broker) | SHORT
        by_broker = role_environment(role, self.paths, to_broker, QUEUES, self.broker)
        values["COUNTERSIGN_BROKER_URL"] = by_broker["COUNTERSIGN_BROKER_URL"]
        values["COUNTERSIGN_AUTHORITY"] = f"localhost:{link['client->gateway']}"
        values |= {"COUNTERSIGN_TASKS": TASKS, "COUNTERSIGN_APP_DIR": str(self.source)}
        # The directory that this runs in does not come before the roles' own code.
        values |= {"PYTHONPATH": str(self.source), "PYTHONSAFEPATH": "1"}
        # What is killed leaves things behind.
        values |= {"TMPDIR": str(self.temporary)}
        return values | {"FAULTS_SINK": str(self.sink)} | self.settings

    def children(self, name: str, *, wait_s: float = 10.0) -> list[int]:
        """The pool processes of a worker.

        Raises:
            NotThere: where there are none in time.
        """
        return wait_for(partial(self._pool, name), wait_s)

    def _pool(self, name: str) -> list[int] | None:
        pid = self.keepers[name].pid
        return None if pid is None else children_of(pid) or None

    def redis_superuser(self, database: int) -> redis.Redis:
        """A client that may do everything, with no proxy between. 0: ledger, 1: broker."""
        certificate, key = self.paths.certs.client("superuser")
        return redis.Redis(
            host=HOST,
            port=self.ports.redis,
            db=database,
            username="superuser",
            password=self.paths.redis_password("superuser").read_text("ascii"),
            ssl=True,
            ssl_ca_certs=str(self.paths.certs.authority),
            ssl_certfile=str(certificate),
            ssl_keyfile=str(key),
            socket_timeout=5,
            retry=Retry(NoBackoff(), 0),
        )

    def jobs_with_secrets(self) -> frozenset[str]:
        """The jobs that have secrets in Vault still; it is waited for, where it has just started.

        Raises:
            StackError: where Vault does not serve in time.
        """
        settings = vault_settings(Environment(self.environment("security")))
        login = VaultLogin(settings, time.monotonic)

        def listed() -> frozenset[str] | None:
            try:
                return login.ask(jobs_with_secrets)
            except (VaultUnavailable, VaultDown, InternalServerError, requests.RequestException):
                return None

        return _given(listed, "vault")

    def wait_ready(self) -> None:
        """Wait until the gateway says that all it needs is there, and the workers have begun.

        Raises:
            StackError: where they do not in time.
        """
        _until(self._is_ready, "gateway")
        for name in self.keepers:
            if name in WORKERS:
                _given(partial(self._pool, name), name)

    def _is_ready(self) -> bool:
        # Python's ssl leaves a socket unclosed whose peer is gone before TLS begins, as a proxy's
        # is while nobody listens behind it.
        try:
            socket.create_connection((HOST, self.ports.gateway), 1.0).close()
        except OSError:
            return False
        url = f"https://localhost:{self._link_ports['client->gateway']}/readyz"
        with urllib3.PoolManager(ca_certs=str(self.paths.certs.authority), retries=False) as http:
            try:
                return http.request("GET", url, timeout=2.0).status == 200
            except urllib3.exceptions.HTTPError:
                return False

    def _end(self, name: str) -> None:
        keeper = self.keepers[name]
        keeper.end()
        if keeper.ident is not None:
            keeper.join(60)

    def _start_redis(self, extra: Mapping[str, str]) -> Child:
        self.torn_writes += mend_append_only(self.paths.redis / APPEND_ONLY)
        program = redis_program(
            self.paths, self.ports, QUEUES, environment=extra, settings=REDIS_SETTINGS
        )
        return Child(program)

    def _start_rabbit(self) -> Child:
        wait_for(lambda: self.keepers["epmd"].pid, READY_S)
        return start_rabbit(self.paths, self.ports, QUEUES)

    def _start_role(self, name: str, extra: Mapping[str, str]) -> Child:
        environment = {**inherited_environment(), **self.environment(name), **extra}
        command = (sys.executable, "-m", "deploy.cli.main", name.partition("-")[0])
        return Child(Program(name, command, environment, self.paths.log(name)))

    def _build_catalog(self) -> None:
        command = [sys.executable, "-m", "deploy.cli.main", "catalog", "build"]
        command += ["--tasks", TASKS, "--output", str(self.paths.catalog)]
        environment = {**inherited_environment(), "PYTHONPATH": str(ROOT)}
        environment["FAULTS_SINK"] = str(self.sink)
        done = subprocess.run(command, env=environment, capture_output=True, timeout=60)
        if done.returncode != 0:
            raise StackError(f"the catalog cannot be built: {done.stderr.decode().strip()}")

    def _register(self, name: str) -> Target:
        private = self.paths.producers / name / "key.pem"
        document = key_document(ensure_key_pair(private), "ed25519", f"{name}-1", name)
        with open_store(Environment(self.environment("security"))) as store:
            store.add(registration_document(name, document, ("*",), ()))
        signer = RequestSigner(f"{name}-1", "ed25519", private_key("ed25519", private.read_bytes()))
        port = self._link_ports["client->gateway"]
        return Target("localhost", port, self.paths.certs.authority, signer)


def _until(holds: Callable[[], bool], what: str) -> None:
    _given(lambda: holds() or None, what)


def _given(look: Callable[[], T | None], what: str) -> T:
    deadline = time.monotonic() + READY_S
    pause = threading.Event()
    while (found := look()) is None:
        if time.monotonic() > deadline:
            raise StackError(f"{what} is not ready after {READY_S:g} s")
        pause.wait(0.1)
    return found
