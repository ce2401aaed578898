"""Which ends of a campaign's processes its faults explain; each other one fails the campaign."""

import re
import signal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from bench.faults.keeper import Exit
from bench.faults.outcome import NOT_INJECTED, Injected
from bench.faults.plan import EVERYTHING, ROLES, Fault

#: A process that ends so long after a fault may have ended by it.
AFTERMATH_S: Final = 10.0
#: So long a role may take to end that was asked to: what runs is ended first.
STOPPING_S: Final = 20.0
#: By these a program ends that is wrong in itself.
CRASHES: Final = frozenset(
    {signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE}
)
#: So long a role may take to begin to serve: until then the signal itself ends it.
STARTING_S: Final = 20.0
#: The kinds of fault that ask a role to end; it ends with status 0, or by the signal at its start.
_ASKED: Final = frozenset({"stop", "rotate-certificates"})
#: The kinds that kill a role, or start it again by that.
_KILLED: Final = frozenset({"kill", "clock", "foreign-certificate"})
_BY: Final[Mapping[int, frozenset[str]]] = {
    0: _ASKED,
    -signal.SIGTERM: _ASKED,
    -signal.SIGKILL: _KILLED,
}
#: What a role says last where a server keeps it from starting, as `deploy.cli` prints it -> which.
REFUSALS: Final[Mapping[str, str]] = {
    "countersign: the ledger's Redis does not serve: ": "ledger",
    "countersign: Vault does not serve: ": "vault",
    "countersign: Vault is sealed or not initialised": "vault",
    "countersign: the broker does not serve: ": "broker",
}
#: How each of them is called in faults; the broker is Redis or RabbitMQ.
_SERVERS: Final[Mapping[str, frozenset[str]]] = {
    "ledger": frozenset({"redis"}),
    "vault": frozenset({"vault"}),
    "broker": frozenset({"redis", "rabbitmq", "broker"}),
}
#: Celery's last words where a pool's process was killed while the worker was starting.
POOL_LOST: Final = "Unrecoverable error: WorkerLostError('Could not start worker processes')"
#: What a role says last that starts while its new certificate is being written.
UNREADABLE: Final = "names a file that cannot be read"
_CERTIFICATE: Final = re.compile(rf"COUNTERSIGN_(TLS|HTTP)_(CERT|KEY) {UNREADABLE}")
#: What takes nothing away that a role needs at its start, and ends no server.
_HARMLESS: Final = frozenset({"forget-scripts", "wipe-queue"})
#: What is ended with RabbitMQ's node, or to wipe it.
_RABBIT: Final = frozenset({"rabbitmq", "epmd"})


def unexplained(
    exits: Iterable[Exit], injected: Sequence[Injected], begun: float
) -> tuple[str, ...]:
    """Tell of processes that ended by no fault that was under way, or had just been.

    An end with status 0 is one as well: what nobody stopped has no reason to end.
    """
    found = []
    for each in exits:
        at = each.at - begun
        if not explains(each, tuple(_near(at, injected))):
            found.append(f"{each.part} ended with status {each.status} at {at:.0f} s, by no fault")
    return tuple(found)


def explains(end: Exit, faults: Sequence[Fault]) -> bool:
    """Whether faults that were under way explain an end.

    A server may end by any fault of its own. A role ends by a signal that a fault sent to it, or
    says as its last words which server refused it, and a fault concerns that server. None explains
    a crash of the program itself, such as an abort or a wrong address.
    """
    if -end.status in CRASHES:
        return False
    if end.part not in ROLES:
        return any(is_of_server(fault, end.part) for fault in faults)
    if end.status == -signal.SIGTERM and end.lived_s > STARTING_S:
        return False
    if end.status <= 0:
        kinds = _BY.get(end.status, frozenset())
        return any(f.kind in kinds and f.target in (end.part, EVERYTHING) for f in faults)
    if POOL_LOST in end.words:
        return any(f.kind == "kill" and f.target == f"{end.part} child" for f in faults)
    if _CERTIFICATE.search(end.words):
        return any(f.kind == "rotate-certificates" for f in faults)
    return any(_refused_by(fault, end) for fault in faults)


def _refused_by(fault: Fault, end: Exit) -> bool:
    """Whether a fault is why a server refused a role, as the role says it did."""
    server = next((to for words, to in REFUSALS.items() if end.words.startswith(words)), None)
    if server is None:
        return False
    # The library that moves its clock is in the way of whatever it does: it may be too slow.
    is_slow = fault.kind == "clock" and fault.target == end.part and "TimeoutError" in end.words
    return is_slow or concerns(fault, end.part, server)


def concerns(fault: Fault, part: str, server: str) -> bool:
    """Whether a fault may keep a server from a role: one of the server's, or of their link."""
    if fault.kind in _HARMLESS:
        return False
    return fault.target in (f"{part}->{server}", EVERYTHING, *_SERVERS[server])


def is_of_server(fault: Fault, part: str) -> bool:
    """Whether a server may end by a fault."""
    if fault.kind in _HARMLESS:
        return False
    if fault.target in (part, EVERYTHING):
        return True
    return part in _RABBIT and fault.target in {"rabbitmq", "broker"}


def _near(at: float, injected: Sequence[Injected]) -> Iterator[Fault]:
    for one in injected:
        if one.fault.kind == "kill" and one.note.startswith(NOT_INJECTED):
            continue
        after = STOPPING_S if one.fault.kind in _ASKED else AFTERMATH_S
        if one.begun <= at <= one.ended + after:
            yield one.fault
