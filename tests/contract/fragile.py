"""A stack of a test's own whose servers are stopped, stalled, sealed and killed."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from deploy.local.bao_server import VaultFiles, find_bao, health
from deploy.local.process import Child, Program
from gateway.settings import DEFAULT_LEDGER_TIMEOUT_MS
from tests.servers.servers import Servers
from tests.servers.stack import Producer, Stack

#: Few, so that a test can have more under way.
MAX_IN_FLIGHT = 8
SEALED = 503


@dataclass(frozen=True, slots=True)
class Fragile:
    """The running parts and a producer."""

    servers: Servers
    stack: Stack
    acme: Producer

    @property
    def hasty(self) -> Producer:
        """The same producer where it asks once, whatever the answer."""
        return replace(self.acme, patience_s=0.0)

    @classmethod
    @contextmanager
    def started(cls, state: Path) -> Iterator[Self]:
        """Start servers, gateway and dispatcher."""
        logs = state / "logs"
        logs.mkdir(parents=True)
        with Servers(state / "servers") as servers, Stack(servers, logs) as stack:
            _start_gateway(stack)
            stack.start("dispatcher")
            yield cls(servers, stack, stack.producer("acme"))

    def restore(self) -> None:
        """Start again what is not running, and wait until all of it serves."""
        self.servers.restore()
        if "gateway" not in self.stack.processes:
            _start_gateway(self.stack)
        if "dispatcher" not in self.stack.processes:
            self.stack.start("dispatcher")
        self.wait_until(self.stack.is_ready)

    def crash(self) -> None:
        """Kill the gateway, the dispatcher and Redis, with no warning to any of them."""
        for name in ("gateway", "dispatcher"):
            self.stack.processes[name].kill()
        self.servers.local.stop_redis(kill=True)
        for name in ("gateway", "dispatcher"):
            del self.stack.processes[name]

    def wait_until(self, holds: Callable[[], bool], seconds: float = 20.0) -> None:
        """Wait for a condition while the gateway runs."""
        self.stack.processes["gateway"].wait_until(holds, seconds)

    @contextmanager
    def stalled_redis(self) -> Iterator[None]:
        """Redis keeps its connections and answers nothing."""
        redis = self.servers.local.redis
        assert redis is not None
        os.kill(redis.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(redis.pid, signal.SIGCONT)

    @contextmanager
    def sealed_vault(self) -> Iterator[None]:
        """OpenBao as it is after a restart that nobody has unsealed it since."""
        paths, ports = self.servers.paths, self.servers.ports
        self.servers.local.stop_vault()
        command = (str(find_bao()), "server", f"-config={VaultFiles(paths.vault).config}")
        environment = {"HOME": str(paths.vault), "PATH": "/usr/bin:/bin"}
        child = Child(Program("sealed", command, environment, self.stack.logs / "sealed.log"))
        try:
            child.wait_until(lambda: health(paths.certs, ports) == SEALED, 30)
            yield
        finally:
            child.stop()


def _start_gateway(stack: Stack) -> None:
    stack.start(
        "gateway",
        COUNTERSIGN_MAX_IN_FLIGHT=str(MAX_IN_FLIGHT),
        COUNTERSIGN_LEDGER_TIMEOUT_MS=str(DEFAULT_LEDGER_TIMEOUT_MS),
    )
