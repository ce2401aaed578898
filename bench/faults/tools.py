"""What has to be installed for a campaign; told at once, before anything is started."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.faults.moved_clock import LIBRARIES, find_libfaketime
from bench.faults.plan import Broker, Fault
from deploy.errors import StackError
from deploy.local.bao_server import find_bao

_PATH: Final = "/usr/local/bin:/usr/bin:/bin:/usr/sbin"
_RABBIT: Final = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
_CLOCKS: Final = frozenset({"clock", "ledger-clock"})


def missing(broker: Broker, faults: Sequence[Fault], libraries: Path = LIBRARIES) -> str:
    """Name what is missing and how to get it, a line each; nothing where all is there."""
    found = []
    if shutil.which("redis-server", path=_PATH) is None:
        found.append("redis-server is missing: run deploy/setup.sh, or install it")
    try:
        find_bao()
    except StackError as error:
        found.append(error.message)
    if broker == "rabbitmq" and not _RABBIT.exists():
        found.append("rabbitmq-server is missing: run deploy/setup.sh, or install it")
    moved = any(fault.kind in _CLOCKS for fault in faults)
    if moved and find_libfaketime(libraries) is None:
        found.append("libfaketime is missing: apt-get install libfaketime, or leave out clocks")
    return "\n".join(found)
