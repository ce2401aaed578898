"""What the client takes from the machine it runs on; tests pass their own."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass


def clock_ms() -> int:
    """Milliseconds since the epoch, by this machine's clock."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class System:
    """Time, waiting and randomness.

    Attributes:
        clock: milliseconds since the epoch; what signatures are dated by.
        monotonic: seconds; what waits are measured by.
        sleep: waits so many seconds.
        random: gives so many random bytes, good enough for nonces.
    """

    clock: Callable[[], int] = clock_ms
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[int], bytes] = secrets.token_bytes

    def jitter(self) -> float:
        """A random number from 0 to below 1."""
        return int.from_bytes(self.random(2), "big") / 65536
