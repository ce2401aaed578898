"""Emptying a broker's queues when something is in them: a wipe of nothing is no fault."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Final

from amqp.exceptions import AMQPError

from bench.faults.effect import soon, state_of
from bench.faults.keeper import still
from bench.faults.plan import WORKERS
from bench.faults.system import System
from deploy.local.rabbit_server import superuser_connection

#: So long it is tried to find something there; shorter than the lease of what workers run.
FILLED_S: Final = 3.0
_PAUSE_S: Final = 0.1


def emptied(system: System, wipe: Callable[[], int]) -> int:
    """Wipe until something went, and give how much.

    Workers empty a queue at once, often for longer than anybody could wait: then it fills while
    they stand still for a moment.
    """
    gone = 0

    def went() -> bool:
        nonlocal gone
        gone = wipe()
        return gone > 0

    if not soon(went, FILLED_S):
        with _workers_still(system):
            soon(went, FILLED_S)
    return gone


def take(client: Any, keys: Sequence[str], *, whole: bool = False) -> int:
    """Delete queues that are not empty, or the whole database with them; give what was in them."""
    if not any(client.llen(key) for key in keys):
        return 0
    with client.pipeline() as pipe:
        for key in keys:
            pipe.llen(key)
        pipe.flushdb() if whole else pipe.delete(*keys)
        return sum(pipe.execute()[:-1])


def purge(system: System, queue: str, seconds: float) -> int:
    """Empty a queue of RabbitMQ, which may be coming back; give how much was in it."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while True:
        try:
            connection = superuser_connection(system.paths.certs, system.ports)
            try:
                hints = connection.channel().queue_purge(queue)
            finally:
                connection.collect()
        except (AMQPError, OSError):
            if time.monotonic() > deadline:
                raise
            pause.wait(_PAUSE_S)
        else:
            return int(hints or 0)


@contextmanager
def _workers_still(system: System) -> Iterator[None]:
    """Let the workers take nothing inside of this; one that stands still already is let be."""
    with ExitStack() as stack:
        for name in WORKERS:
            keeper = system.keepers.get(name)
            pid = None if keeper is None else keeper.pid
            if pid is not None and state_of(pid) != "T":
                with suppress(ProcessLookupError):
                    stack.enter_context(still(pid))
        yield
