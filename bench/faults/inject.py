"""One context manager for each kind of fault: entering does it, leaving mends it.

Each works on a `System` and raises `NotInjected` where it could not be done; a mend that does not
succeed at once is tried until it does. What is seen of the fault is noted in its `Effect`.
"""

import os
import resource
import signal
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import redis
from amqp.exceptions import AMQPError

from bench.faults.aof import AofDamaged, written_now
from bench.faults.effect import (
    Effect,
    environment_of,
    has_ended,
    is_refused,
    served,
    soon,
    state_of,
)
from bench.faults.keeper import NotThere, still
from bench.faults.moved_clock import clear_left, find_libfaketime, moved_environment
from bench.faults.plan import CHILDREN, HOUR_S, QUEUES, ROLES, Fault
from bench.faults.proxy import Mode
from bench.faults.system import BACKDATED, System
from bench.faults.wipes import emptied, purge, take
from certs.authority import create_authority, issue_server
from certs.files import PRIVATE, PUBLIC, write_atomic
from certs.store import LOCAL_HOSTS
from deploy.local.rabbit_server import wipe_rabbit
from deploy.local.redis_acl import queue_keys
from deploy.local.redis_server import APPEND_ONLY
from signing.ledger.lua import ACCEPT, CLAIM, SETTLE

T = TypeVar("T")
Injection = Callable[[System, Fault, Effect], AbstractContextManager[None]]
#: How long a server that has just been restarted may take before a fault for it is given up.
TRY_S: Final = 20.0
MEND_S: Final = 60.0
_PAUSE_S: Final = 0.1
#: So long may pass until a fault is seen; and until a role has ended that was asked to.
_SEEN_S: Final = 10.0
_STOPPED_S: Final = 20.0


class NotInjected(Exception):
    """A fault could not be done; the message says why."""


@contextmanager
def inject(system: System, fault: Fault) -> Iterator[Effect]:
    """Do a fault, and mend it on leaving; what it did is known for certain then.

    Raises:
        NotInjected: where it could not be done; nothing has to be mended then.
    """
    effect = Effect()
    with ExitStack() as stack:
        try:
            stack.enter_context(KINDS[fault.kind](system, fault, effect))
        except (NotThere, redis.RedisError, AMQPError, OSError, AofDamaged) as error:
            raise NotInjected(type(error).__name__) from None
        yield effect


@contextmanager
def _kill(system: System, fault: Fault, effect: Effect) -> Iterator[None]:
    if fault.target in CHILDREN:
        pid = _child(system, fault)
        os.kill(pid, signal.SIGKILL)
        effect.saw(f"{pid} is gone", where=soon(lambda: has_ended(pid), _SEEN_S))
        yield
        return
    keeper = system.keepers[fault.target]
    with keeper.held_down():
        pid = keeper.send(signal.SIGKILL)
        effect.saw(f"{pid} is gone", where=soon(lambda: has_ended(pid), _SEEN_S))
        yield


@contextmanager
def _stop(system: System, fault: Fault, effect: Effect) -> Iterator[None]:
    pid = system.keepers[fault.target].send(signal.SIGTERM)
    yield
    effect.saw(f"{pid} has ended", where=soon(lambda: has_ended(pid), _STOPPED_S))


@contextmanager
def _pause(system: System, fault: Fault, effect: Effect) -> Iterator[None]:
    child = fault.target in CHILDREN
    pid = _child(system, fault) if child else system.keepers[fault.target].wait()
    with still(pid):
        effect.saw(f"{pid} stands still", where=soon(lambda: state_of(pid) == "T", _SEEN_S))
        yield


#: What a proxy counts while it misbehaves.
_TOUCHED: Final[Mapping[Mode, str]] = {
    "delay": "pieces were late",
    "silence": "pieces were swallowed",
    "cut": "connections were cut",
}


def _link(mode: Mode) -> Injection:
    @contextmanager
    def injected(system: System, fault: Fault, effect: Effect) -> Iterator[None]:
        link = system.proxies[fault.target]
        system.proxies.set(fault.target, mode, fault.amount)
        try:
            if mode == "refuse":
                effect.saw("connections are refused", where=is_refused(link.port))
            yield
            if mode != "refuse":  # one on which nothing went goes on until something does
                soon(lambda: link.touched > 0, _SEEN_S)
        finally:
            if mode != "refuse":
                effect.count(link.touched, _TOUCHED[mode])
            system.proxies.set(fault.target, "pass")

    return injected


@contextmanager
def _reset(system: System, fault: Fault, effect: Effect) -> Iterator[None]:
    link = system.proxies[fault.target]
    soon(lambda: bool(link.pairs), _SEEN_S)
    effect.count(system.proxies.reset(fault.target), "connections")
    yield


@contextmanager
def _wipe_queue(system: System, fault: Fault, effect: Effect) -> Iterator[None]:
    if system.broker == "redis":
        keys = queue_keys(fault.target)
        hints = _asked(system, 1, lambda client: emptied(system, lambda: take(client, keys)))
    else:
        hints = emptied(system, lambda: purge(system, fault.target, TRY_S))
    effect.count(hints, "hints went")
    yield


@contextmanager
def _wipe_broker(system: System, _fault: Fault, effect: Effect) -> Iterator[None]:
    if system.broker == "redis":
        keys = [key for queue in QUEUES for key in queue_keys(queue)]
        wiped = partial(take, keys=keys, whole=True)
        hints = _asked(system, 1, lambda client: emptied(system, lambda: wiped(client)))
        effect.count(hints, "hints went")
    else:
        keeper = system.keepers["rabbitmq"]
        with keeper.held_down():
            keeper.send(signal.SIGKILL)
            keeper.wait_down()
            wipe_rabbit(system.paths)
            effect.saw("the node's files went")
    yield


@contextmanager
def _forget_scripts(system: System, _fault: Fault, effect: Effect) -> Iterator[None]:
    def forget(client: Any) -> int:
        there: int = sum(client.script_exists(ACCEPT.sha, CLAIM.sha, SETTLE.sha))
        client.script_flush()
        return there

    effect.count(_asked(system, 0, forget), "scripts went")
    yield


@contextmanager
def _memory(system: System, _fault: Fault, effect: Effect) -> Iterator[None]:
    def full(client: redis.Redis) -> None:
        info: Any = client.info("memory")
        client.config_set("maxmemory", max(1, info["used_memory"] // 2))

    _asked(system, 0, full)
    try:
        before = _asked(system, 0, _refused_writes)
        yield
    finally:
        _asked(system, 0, lambda client: client.config_set("maxmemory", 0), MEND_S)
        effect.count(_asked(system, 0, _refused_writes) - before, "writes refused")


@contextmanager
def _disk(system: System, fault: Fault, effect: Effect) -> Iterator[None]:
    keeper = system.keepers[fault.target]
    pid = keeper.wait()
    limit = _no_room(system, fault)
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    failures = _failed_writes(system, fault)
    # What dies of it comes back once there is room again.
    with keeper.held_down():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, before[1]))
        try:
            yield
            effect.count(_failed_writes(system, fault) - failures, "writes failed")
            effect.saw(f"{pid} died of a full disk", where=has_ended(pid))
        finally:
            with suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def _failed_writes(system: System, fault: Fault) -> int:
    """How often the server has said that it could not write; Redis dies of it without a word."""
    log = system.paths.log("openbao" if fault.target == "vault" else fault.target)
    return log.read_bytes().count(b"file too large") if log.exists() else 0


def _no_room(system: System, fault: Fault) -> int:
    """A size of files at which the server cannot write what comes next, or in the midst of it."""
    if fault.target == "redis":
        written = written_now(system.paths.redis / APPEND_ONLY)
        return written.stat().st_size + int(fault.amount * 4096)
    # OpenBao writes inside of files that it has made large already, of which it uses the begin.
    files = (path for path in system.paths.vault.rglob("*.db"))
    return max(path.stat().st_blocks * 512 for path in files) // 2


@contextmanager
def _clock(system: System, fault: Fault, effect: Effect) -> Iterator[None]:
    library = find_libfaketime()
    if library is None:
        raise NotInjected("libfaketime is not installed")
    extra = moved_environment(library, fault.amount, system.source)
    keeper = system.keepers[fault.target]
    try:
        with keeper.changed(extra):
            keeper.restart()
            if fault.target == "redis":
                # It writes its title over what it was started with: it is asked for the time.
                _asked(system, 0, _differs)
                effect.saw("Redis tells the moved time")
            else:
                moved = f"FAKETIME={extra['FAKETIME']}"
                in_it = soon(lambda: moved in environment_of(keeper.pid), _SEEN_S)
                effect.saw(f"{keeper.pid} runs with {moved}", where=in_it)
            yield
    finally:
        keeper.restart(wait_s=MEND_S)
        clear_left()


def _differs(client: redis.Redis) -> None:
    told: Any = client.time()
    if abs(told[0] - time.time()) < HOUR_S / 2:
        raise redis.ConnectionError("the Redis that was there before answers")


@contextmanager
def _foreign_certificate(system: System, fault: Fault, effect: Effect) -> Iterator[None]:
    pair = system.paths.certs.server(fault.target)
    ours = [path.read_bytes() for path in pair]
    now = datetime.now(UTC) - BACKDATED
    validity = timedelta(days=1)
    authority = create_authority(now=now, validity=validity)
    name = fault.target
    foreign = issue_server(authority, name, LOCAL_HOSTS, now=now, validity=validity)
    _write_pair(pair, foreign.certificate_pem(), foreign.key_pem())
    keeper = system.keepers[name]
    try:
        keeper.restart()
        theirs = ssl.DER_cert_to_PEM_cert(
            ssl.PEM_cert_to_DER_cert(foreign.certificate_pem().decode())
        )
        port: int = getattr(system.ports, name)
        shown = soon(lambda: served(port) == theirs, _SEEN_S)
        effect.saw("the foreign certificate is served", where=shown)
        yield
    finally:
        _write_pair(pair, *ours)
        keeper.restart(wait_s=MEND_S)


@contextmanager
def _rotate_certificates(system: System, _fault: Fault, effect: Effect) -> Iterator[None]:
    store = system.paths.certs
    before = {path: path.read_bytes() for path in store.certificates()}
    for path in store.certificates():
        if path != store.authority:
            path.unlink()
    system.issue_certificates()
    effect.count(
        sum(path.read_bytes() != data for path, data in before.items()), "certificates are new"
    )
    for name in (*system.server_names, *ROLES):
        system.keepers[name].restart(gently=True)
    yield


def _write_pair(pair: tuple[Path, Path], certificate: bytes, key: bytes) -> None:
    write_atomic(pair[1], key, PRIVATE)
    write_atomic(pair[0], certificate, PUBLIC)


def _child(system: System, fault: Fault) -> int:
    children = system.children(fault.target.partition(" ")[0], wait_s=TRY_S)
    return children[int(fault.amount * len(children))]


def _asked(
    system: System, database: int, ask: Callable[[redis.Redis], T], seconds: float = TRY_S
) -> T:
    """Ask Redis for something, again while it comes back from an earlier fault."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    with system.redis_superuser(database) as client:
        while True:
            try:
                return ask(client)
            except (redis.RedisError, OSError):
                if time.monotonic() > deadline:
                    raise
                pause.wait(_PAUSE_S)


def _refused_writes(client: Any) -> int:
    """How many commands Redis has refused for want of memory."""
    return int(client.info("errorstats").get("errorstat_OOM", {}).get("count", 0))


#: Every kind of fault, by the name that a plan gives it.
KINDS: Final[Mapping[str, Injection]] = {
    "kill": _kill,
    "stop": _stop,
    "pause": _pause,
    "refuse": _link("refuse"),
    "delay": _link("delay"),
    "silence": _link("silence"),
    "cut": _link("cut"),
    "reset": _reset,
    "wipe-queue": _wipe_queue,
    "wipe-broker": _wipe_broker,
    "forget-scripts": _forget_scripts,
    "memory": _memory,
    "disk": _disk,
    "clock": _clock,
    "ledger-clock": _clock,
    "foreign-certificate": _foreign_certificate,
    "rotate-certificates": _rotate_certificates,
}
