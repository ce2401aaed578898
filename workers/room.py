"""How many delivered messages are on their way through the pipeline, against the window's limit.

Outlives connections, as the jobs do. A channel that asks its broker for messages asks for as many
as there are places left. Where they come by themselves, what does not fit waits in the channel, and
the event loop is woken through a pipe once there is room.
"""

import os
import threading

from workers.window import Window


class Room:
    """Places for messages; safe across threads."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._lock = threading.Lock()
        self._taken = 0
        self._wanted = False
        self.reader, self._writer = os.pipe()
        os.set_blocking(self.reader, False)
        os.set_blocking(self._writer, False)

    def left(self) -> int:
        """How many places there are; none where the limit fell below what is taken."""
        with self._lock:
            return max(0, self._window.limit() - self._taken)

    def free(self) -> bool:
        """Whether there is a place; where there is none, whoever waits will be woken."""
        with self._lock:
            free = self._taken < self._window.limit()
            self._wanted = not free
            return free

    def take(self) -> None:
        """Take a place."""
        with self._lock:
            self._taken += 1

    def release(self) -> None:
        """Give a place back; from any thread."""
        with self._lock:
            self._taken -= 1
            wake, self._wanted = self._wanted, False
        if wake:
            os.write(self._writer, b"\0")  # at most one at a time: the pipe is never full

    def woken(self) -> None:
        """Take the wake-up out of the pipe."""
        try:
            os.read(self.reader, 4096)
        except BlockingIOError:
            return
