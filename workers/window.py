"""How many jobs a worker holds at once: more than its pool's slots only while runs are short.

A held job waits for a slot here while another worker may stand idle, so one that waits must not
wait for long; but a pool that waits for a round trip between two short runs idles itself.
"""

import threading
from typing import Final

MOST_PER_SLOT: Final = 16
#: Seconds of work that may wait in front of a slot.
AHEAD_S: Final = 0.1
_WEIGHT: Final = 0.2  # of the newest run in the moving average


class Window:
    """The limit, by a moving average of how long runs take; safe across threads."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._lock = threading.Lock()
        self._average_s = AHEAD_S  # nothing is known at first: nothing waits

    def ran(self, seconds: float) -> None:
        """Learn how long a run took."""
        with self._lock:
            self._average_s += _WEIGHT * (seconds - self._average_s)

    def limit(self) -> int:
        """Give the number of jobs to hold."""
        with self._lock:
            ahead = AHEAD_S / max(self._average_s, AHEAD_S / MOST_PER_SLOT)
        return self._slots * max(1, int(ahead))
