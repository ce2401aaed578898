"""Deleting the secrets of settled jobs that their worker did not get to delete."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from gateway.ledger import GatewayLedger
from gateway.strip import SecretStore
from signing.errors import CountersignError

EVERY_S: Final = 5.0
#: A worker deletes its own jobs' secrets right after settling; this is for what is left.
GRACE_MS: Final = 10_000
BATCH: Final = 100

_log = logging.getLogger(__name__)


async def purge_forever(
    ledger: GatewayLedger, store: SecretStore, clock: Callable[[], int]
) -> None:
    """Delete what is left, every few seconds, until cancelled."""
    while True:
        try:
            while await purge_once(ledger, store, clock()) == BATCH:
                pass
        except CountersignError as error:
            _log.warning("secrets of settled jobs wait for deletion: %s", error.code)
        await asyncio.sleep(EVERY_S)


async def purge_once(ledger: GatewayLedger, store: SecretStore, now: int) -> int:
    """Delete one batch and give its size.

    Raises:
        LedgerUnavailable, VaultUnavailable: what was not deleted stays listed.
    """
    paths = await ledger.purgeable(now - GRACE_MS, BATCH)
    for path in paths:
        await store.delete(path)
    if paths:
        await ledger.purged(paths)
    return len(paths)
