"""A value that Vault holds and that is loaded anew every few seconds, in a thread of its own."""

import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from backends.errors import VaultUnavailable
from signing.errors import CountersignError

T = TypeVar("T")

#: A revoked key stops counting within 10 s: one refresh, and one more that failed, fit into that.
REFRESH_S: Final = 4.0
#: What could not be refreshed for so long is not trusted: a revocation may be missed by then.
MAX_AGE_S: Final = 300.0


class Refreshed(Generic[T]):
    """The newest value; loaded once when made, so that what cannot start does not."""

    def __init__(
        self,
        name: str,
        load: Callable[[], T],
        *,
        monotonic: Callable[[], float],
        on_error: Callable[[str, CountersignError], None],
    ) -> None:
        """Load the first value; `on_error` hears of later loads that failed."""
        self._name = name
        self._load = load
        self._monotonic = monotonic
        self._on_error = on_error
        self._stop = threading.Event()
        self._loaded_at = monotonic()
        self._value = load()

    def start(self) -> None:
        """Begin refreshing."""
        threading.Thread(target=self._run, name=f"refresh-{self._name}", daemon=True).start()

    def stop(self) -> None:
        """End refreshing."""
        self._stop.set()

    def current(self) -> T:
        """Give the value.

        Raises:
            VaultUnavailable: where it is too old to be trusted.
        """
        if self._monotonic() - self._loaded_at > MAX_AGE_S:
            raise VaultUnavailable(f"what is known of {self._name} is too old")
        return self._value

    def refresh(self) -> None:
        """Load it now; on failure the old value stays and the error is reported."""
        asked_at = self._monotonic()
        try:
            self._value = self._load()
        except CountersignError as error:
            self._on_error(self._name, error)
        else:
            self._loaded_at = asked_at

    def _run(self) -> None:
        while not self._stop.wait(REFRESH_S):
            self.refresh()
