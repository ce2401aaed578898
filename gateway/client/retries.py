"""When a request is tried again, and how long after."""

from dataclasses import dataclass
from typing import Final

from gateway.client.errors import ClientError, ProblemError, TransportError

#: Connections that were not there, or broke, and answers that a busy machine did not finish.
_PASSING_CODES: Final = frozenset({"unreachable", "timed_out", "interrupted"})
#: Too many requests; no service, as said by the gateway or by a balancer before it.
_PASSING_STATUSES: Final = frozenset({429, 502, 503, 504})


def is_passing(error: ClientError) -> bool:
    """Tell whether the same request, signed anew, may go better.

    `replayed` may: every try has its own nonce, so something on the way sent this one twice.
    """
    if isinstance(error, ProblemError):
        return error.status in _PASSING_STATUSES or error.code == "replayed"
    return isinstance(error, TransportError) and error.code in _PASSING_CODES


@dataclass(frozen=True, slots=True)
class Backoff:
    """Growing delays, half of each jittered; in seconds."""

    first: float = 0.25
    longest: float = 10.0

    def delay(self, tries: int, told: float | None, jitter: float) -> float:
        """Give the delay after so many tries.

        Args:
            tries: at least 1.
            told: what the gateway asked for, which is never undercut.
            jitter: from 0 to below 1.
        """
        half = min(self.longest, self.first * 2.0 ** min(tries - 1, 32)) / 2
        return max(told or 0.0, half) + jitter * half
