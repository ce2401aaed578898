"""Whether the ledger still keeps what it acknowledges: asked every second, beside the requests."""

import asyncio
import logging
from typing import Final, Protocol

from backends.redis_clients import WANTED
from signing.errors import CountersignError

#: Redis may be restarted with another configuration, or be set otherwise while it runs.
EVERY_S: Final = 1.0

_log = logging.getLogger(__name__)


class WatchedLedger(Protocol):
    """A ledger that accepts nothing while its last look found a setting wrong."""

    async def look(self) -> str | None:
        """Name a setting that is wrong; `None` where none is.

        Raises:
            LedgerUnavailable: where Redis does not answer; what was found before still counts.
        """


async def watch_forever(ledger: WatchedLedger) -> None:
    """Look every second until cancelled; tell when a setting begins to be wrong, and when it ends.

    A look that failed says nothing: requests notice by themselves that Redis is away.
    """
    before: str | None = None
    while True:
        wrong = before
        try:
            wrong = await ledger.look()
        except CountersignError as error:
            _log.debug("the ledger's settings could not be asked for: %s", error.code)
        if wrong is not None and wrong != before:
            _log.error(
                "nothing is accepted: the ledger's Redis has %s not set to %s", wrong, WANTED[wrong]
            )
        elif wrong is None and before is not None:
            _log.warning("the ledger's Redis is set as it has to be again")
        before = wrong
        await asyncio.sleep(EVERY_S)
