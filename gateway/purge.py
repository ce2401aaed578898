"""Deleting the secrets of settled jobs that their worker did not get to delete."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.ledger import GatewayLedger
from gateway.strip import SecretStore
from signing.errors import CountersignError
from signing.references import is_job_secret_path

EVERY_S: Final = 5.0
#: A worker deletes its own jobs' secrets right after settling; this is for what is left.
GRACE_MS: Final = 10_000
BATCH: Final = 100

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Purged:
    """What became of one batch."""

    deleted: int
    failed: int


async def purge_forever(
    ledger: GatewayLedger, store: SecretStore, clock: Callable[[], int]
) -> None:
    """Delete what is left, every few seconds, until cancelled.

    What fails is passed over until the list's end was reached: it holds nothing else up.
    """
    passed = 0
    while True:
        try:
            batch = await purge_once(ledger, store, clock(), passed)
        except CountersignError as error:
            _log.warning("secrets of settled jobs wait for deletion: %s", error.code)
            batch = Purged(0, 0)
        is_full = batch.deleted + batch.failed == BATCH
        passed = passed + batch.failed if is_full else 0
        if not (is_full and batch.deleted):
            await asyncio.sleep(EVERY_S)


async def purge_once(
    ledger: GatewayLedger, store: SecretStore, now: int, passed: int = 0
) -> Purged:
    """Delete one batch, from the place after those that are passed over.

    What was not deleted stays listed.

    Raises:
        LedgerUnavailable: where Redis does not answer.
    """
    paths = await ledger.purgeable(now - GRACE_MS, BATCH, passed)
    # Workers may write to the list: what is no such path is struck off, and Vault not asked.
    planted = [path for path in paths if not is_job_secret_path(path)]
    if planted:
        _log.error("%d entries of the list of secrets to delete were none", len(planted))
        await ledger.purged(planted)
        paths = [path for path in paths if path not in planted]
    deleted, codes = [], set()
    for path in paths:
        try:
            await store.delete(path)
        except CountersignError as error:
            codes.add(error.code)
        else:
            deleted.append(path)
    if deleted:
        await ledger.purged(deleted)
    failed = len(paths) - len(deleted)
    if failed:
        _log.warning(
            "secrets of %d settled jobs wait for deletion: %s", failed, ", ".join(sorted(codes))
        )
    return Purged(len(deleted), failed)
