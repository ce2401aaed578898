"""The stack, each role behind proxies of its own; jobs, and when they change."""

import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from redis.exceptions import RedisError

from backends.redis_clients import connect
from backends.settings import environment_of, redis_settings
from bench.faults.caller import Caller
from bench.faults.proxy import Proxies
from bench.load import Target
from bench.stack import QUEUES
from deploy.local.environment import role_environment
from deploy.local.paths import HOST, StackPaths, StackPorts, free_ports
from deploy.local.process import Child, Program
from deploy.local.redis_server import APPEND_ONLY, mend_append_only, redis_program
from deploy.local.sample import KEY_ID, ensure_sample_producer, private_key_path
from deploy.local.servers import LocalServers, start_servers
from signing.algorithms import private_key
from signing.http_signer import RequestSigner
from signing.ledger import keys

ROOT: Final = Path(__file__).parents[2]
TASKS: Final = "examples.tasks,bench.recover.tasks"
LINKS: Final = (
    "worker->broker",
    "worker->ledger",
    "dispatcher->ledger",
    "dispatcher->broker",
    "gateway->ledger",
)
READY_S: Final = 30.0
#: Longer than any bound: what takes so long counts as never.
NEVER_S: Final = 60.0
FINAL: Final = frozenset({"succeeded", "failed", "expired", "cancelled"})
#: A job that takes no longer met nothing that was still broken.
CALM_S: Final = 1.5
_LOOK_S: Final = 0.005


@dataclass(frozen=True, slots=True)
class Seen:
    """A job's state and attempt."""

    state: str
    attempt: int


@dataclass(slots=True)
class Site:
    """The running parts, and a producer."""

    paths: StackPaths
    ports: StackPorts
    servers: LocalServers
    proxies: Proxies
    links: Mapping[str, int]
    parts: dict[str, Child] = field(default_factory=dict)
    redis: Child | None = None
    _caller: Caller | None = None

    def start(self, role: str, *, name: str | None = None, **settings: str) -> Child:
        """Start a role; a gateway is waited for."""
        name = name or role
        environment = {**os.environ, **self.environment(role), **settings}
        environment["TMPDIR"] = str(self.paths.state)  # what is killed leaves things behind
        command = [sys.executable, "-m", "deploy.cli.main", role]
        child = Child(Program(name, command, environment, self.paths.log(name)))
        self.parts[name] = child
        return child

    def environment(self, role: str) -> dict[str, str]:
        """A role's settings, with its own proxies for what it connects to."""
        values = role_environment(role, self.paths, self.ports, QUEUES)
        for link, name, database in (
            (f"{role}->ledger", "COUNTERSIGN_REDIS_LEDGER_URL", 0),
            (f"{role}->broker", "COUNTERSIGN_BROKER_URL", 1),
        ):
            if link in self.links:
                values[name] = f"rediss://{role}@{HOST}:{self.links[link]}/{database}"
        values |= {"PYTHONPATH": str(ROOT), "COUNTERSIGN_APP_DIR": str(ROOT)}
        return values | ({"COUNTERSIGN_TASKS": TASKS} if role == "worker" else {})

    def client(self) -> Any:
        """The ledger as the superuser, with no proxy between."""
        values = role_environment("superuser", self.paths, self.ports, QUEUES)
        return connect(redis_settings(environment_of(values), "COUNTERSIGN_REDIS_LEDGER_URL"))

    @property
    def caller(self) -> Caller:
        """The producer."""
        if self._caller is None:
            key = private_key("ed25519", private_key_path(self.paths).read_bytes())
            signer = RequestSigner(KEY_ID, "ed25519", key)
            target = Target("localhost", self.ports.gateway, self.paths.certs.authority, signer)
            self._caller = Caller(target)
        return self._caller

    def submit(self, task: str, args: Mapping[str, Any]) -> str:
        """Submit a job, again until it is accepted; give its id.

        Raises:
            SystemExit: where it never is.
        """
        deadline = time.monotonic() + NEVER_S
        while time.monotonic() < deadline:
            body = {"task": task, "args": args}
            reply = self.caller.send(self.caller.sign("POST", "/v1/jobs", body))
            if reply.status == 202 and reply.job is not None:
                return reply.job
            time.sleep(0.02)
        raise SystemExit(f"a job was not accepted within {NEVER_S:g} s")

    def look(self, client: Any, job: str) -> Seen:
        """Give a job's state."""
        state, attempt = client.hmget(keys.job(job), "state", "attempt")
        return Seen((state or b"").decode(), int(attempt or 0))

    def when(self, job: str, holds: Callable[[Seen], bool], seconds: float = NEVER_S) -> float:
        """Wait until a job is as it should be; give the moment, by `time.monotonic`."""
        deadline = time.monotonic() + seconds
        client = self.client()
        try:
            while time.monotonic() < deadline:
                with suppress(RedisError, OSError):
                    if holds(self.look(client, job)):
                        return time.monotonic()
                time.sleep(_LOOK_S)
        finally:
            client.close()
        return float("inf")

    def settle(self, job: str, seconds: float = NEVER_S) -> float:
        """Wait until a job has settled; give the moment."""
        return self.when(job, lambda seen: seen.state in FINAL, seconds)

    def calm(self) -> None:
        """Run jobs until one passes as if nothing had happened.

        Raises:
            SystemExit: where none ever does.
        """
        deadline = time.monotonic() + NEVER_S
        while time.monotonic() < deadline:
            at = time.monotonic()
            if self.settle(self.submit("demo.noop", {})) - at < CALM_S:
                return
        raise SystemExit("the stack did not come to rest")

    def silence(self, link: str) -> int:
        """Let the open connections of a link fall silent for good; say how many there were."""
        return self.proxies.silence_open(link)

    def kill_redis(self) -> None:
        """End Redis at once."""
        self.servers.stop_redis(kill=True)
        if self.redis is not None:
            self.redis.kill()

    def restart_redis(self) -> float:
        """Start Redis; give the moment at which its port took a connection."""
        mend_append_only(self.paths.redis / APPEND_ONLY)
        self.redis = Child(redis_program(self.paths, self.ports, QUEUES))
        self.redis.wait_until(lambda: _is_open(self.ports.redis), NEVER_S)
        return time.monotonic()

    def ready(self) -> bool:
        """Whether the gateway is."""
        return self.caller.call("GET", "/readyz", seconds=2.0).status == 200

    def close(self) -> None:
        """Stop everything."""
        for child in self.parts.values():
            child.kill()
        self.proxies.close()
        if self.redis is not None:
            self.redis.stop()
        self.servers.stop()


@contextmanager
def site() -> Iterator[Site]:
    """Start servers, gateway, dispatcher and one worker."""
    with tempfile.TemporaryDirectory(prefix="countersign-bench-") as directory:
        paths, ports = StackPaths(Path(directory) / "state"), StackPorts.free()
        links = dict(zip(LINKS, free_ports(len(LINKS)), strict=True))
        servers = start_servers(paths, ports, queues=QUEUES)
        here = Site(paths, ports, servers, Proxies(), links)
        try:
            for name, port in links.items():
                here.proxies.add(name, port=port, target=ports.redis)
            _build_catalog(here)
            ensure_sample_producer(paths, ports)
            gateway = here.start("gateway")
            gateway.wait_until(here.ready, READY_S)
            here.start("dispatcher")
            here.start("worker", COUNTERSIGN_CONCURRENCY="1")
            here.calm()
            yield here
        finally:
            here.close()


def _build_catalog(here: Site) -> None:
    command = [sys.executable, "-m", "deploy.cli.main", "catalog", "build"]
    for module in TASKS.split(","):
        command += ["--tasks", module]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    program = Program(
        "catalog",
        [*command, "--output", str(here.paths.catalog)],
        environment,
        here.paths.log("catalog"),
    )
    child = Child(program)
    child.wait_until(lambda: child.status == 0, READY_S)


def _is_open(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False
