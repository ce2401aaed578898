"""The broker as a dispatcher sees it: publish a batch of hints; count what lies in a queue."""

from collections.abc import Sequence
from typing import Protocol

from backends.errors import BrokerUnavailable
from signing.ledger.record import Hint


class Broker(Protocol):
    """Where hints go."""

    def publish(self, hints: Sequence[Hint]) -> None:
        """Publish hints in order.

        Raises:
            BrokerUnavailable: some may have been delivered, some not.
        """

    def length(self, queue: str) -> int:
        """Count the hints in a queue.

        Raises:
            BrokerUnavailable: where the broker does not tell.
        """

    def close(self) -> None:
        """Close the connection."""


def unavailable(error: Exception) -> BrokerUnavailable:
    """Convert a client's exception; only its type is told."""
    return BrokerUnavailable(f"the broker does not serve: {type(error).__name__}")
