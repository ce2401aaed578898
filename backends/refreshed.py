"""A value that Vault holds and that is loaded anew every few seconds, in a thread of its own."""

import logging
import math
import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from backends.errors import VaultUnavailable
from signing.errors import CountersignError

T = TypeVar("T")

_log = logging.getLogger(__name__)

#: A revoked key stops counting within 10 s: one refresh, and one more that failed, fit into that.
REFRESH_S: Final = 4.0
#: What could not be refreshed for so long is not trusted: a revocation may be missed by then.
MAX_AGE_S: Final = 300.0
#: Between two loads that were asked for: whoever can write to a server can make key ids up.
SOON_EVERY_S: Final = 1.0
#: Who asks for a load waits no longer for it, whatever Vault does.
SOON_WAIT_S: Final = 1.0


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
        self._changed = threading.Condition()
        self._stopped = False
        self._asked = False
        self._soon_at = -math.inf
        self._loaded_at = monotonic()
        self._value = load()

    def start(self) -> None:
        """Begin refreshing."""
        threading.Thread(target=self._run, name=f"refresh-{self._name}", daemon=True).start()

    def stop(self) -> None:
        """End refreshing."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

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

    def refresh_soon(self) -> bool:
        """Have it loaded right now and wait for that: something is named that is not known yet.

        From any thread, once started. Where the last such load has just ended, it does nothing;
        who comes while one is under way waits for that one. Tells whether a load that began since
        has succeeded: only then is what is not known now not there.
        """
        asked_at = self._monotonic()
        with self._changed:
            if not self._asked:
                if asked_at < self._soon_at:
                    return False
                self._asked = True
                self._changed.notify_all()
            self._changed.wait_for(lambda: self._stopped or not self._asked, SOON_WAIT_S)
        return self._loaded_at >= asked_at

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopped or self._asked, REFRESH_S)
                if self._stopped:
                    return
                asked = self._asked
            try:
                self.refresh()
            except Exception as error:  # noqa: BLE001 - without this thread all would grow too old
                _log.error("%s could not be refreshed: %s", self._name, type(error).__name__)
            if asked:
                with self._changed:
                    self._asked = False
                    self._soon_at = self._monotonic() + SOON_EVERY_S
                    self._changed.notify_all()
