"""What was seen of a fault: one of which nothing was seen counts as none."""

import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from deploy.local.paths import HOST

_PAUSE_S: Final = 0.02
_CONNECT_S: Final = 2.0
#: The states of a process that has ended.
_ENDED: Final = ("", "Z", "X")


class Effect:
    """What a fault did, in words; empty while nothing of it was seen."""

    def __init__(self) -> None:
        self.seen = ""

    def saw(self, what: str, *, where: bool = True) -> None:
        """Note what was seen, where it was."""
        if where:
            self.seen = what

    def count(self, number: int, of: str) -> None:
        """Note how much of something there was, where there was any."""
        self.saw(f"{number} {of}", where=number > 0)


def soon(holds: Callable[[], bool], seconds: float) -> bool:
    """Wait until something holds; tell whether it did in time."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not holds():
        if time.monotonic() > deadline:
            return False
        pause.wait(_PAUSE_S)
    return True


def state_of(pid: int) -> str:
    """The state of a process as the kernel names it; empty where there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[0]


def has_ended(pid: int) -> bool:
    """Whether a process is gone, or nothing but its status is left."""
    return state_of(pid) in _ENDED


def environment_of(pid: int | None) -> frozenset[str]:
    """What a process was started with; empty where nobody can tell."""
    try:
        data = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return frozenset()
    return frozenset(data.decode("utf-8", "replace").split("\0"))


def is_refused(port: int) -> bool:
    """Whether nobody listens on a port."""
    try:
        socket.create_connection((HOST, port), _CONNECT_S).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def served(port: int) -> str:
    """The certificate that a server shows, as PEM; empty where it shows none."""
    try:
        return ssl.get_server_certificate((HOST, port), timeout=_CONNECT_S)
    except OSError:
        return ""
