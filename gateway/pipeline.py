"""The ingress's pipeline: five steps from bytes off the wire to a job that is never lost."""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from backends.errors import LedgerRefused
from gateway.accept import AcceptingLedger, accept
from gateway.admit import TaskBook, admit, admit_again
from gateway.authenticate import authenticate
from gateway.errors import Refused
from gateway.producers import ProducerDirectory
from gateway.recall import KeepingLedger, recall
from gateway.seal import JobSigner, check_verifiable, seal
from gateway.strip import SecretStore, secret_path, strip
from gateway.types import Admitted, Authenticated, RawRequest, Receipt, Sealed, Stripped
from signing.errors import CountersignError
from signing.ids import uuid7
from signing.keyring import Keyring

_log = logging.getLogger(__name__)


class IngressLedger(AcceptingLedger, KeepingLedger, Protocol):
    """The ledger as the pipeline uses it."""


@dataclass(frozen=True, slots=True)
class Ingress:
    """Takes jobs in. The threat model (docs/threat-model.md) refers to the numbers of its steps."""

    directory: Callable[[], ProducerDirectory]
    book: TaskBook
    store: SecretStore
    signer: JobSigner
    ledger: IngressLedger
    keyring: Callable[[], Keyring]
    audience: str
    max_bytes: int
    random: Callable[[int], bytes] = secrets.token_bytes

    def authenticate(self, raw: RawRequest) -> Authenticated:
        """Step 1 alone, for requests that submit nothing."""
        return authenticate(raw, self.directory())

    async def submit(self, raw: RawRequest) -> Receipt:
        """Take one job in.

        Raises:
            CountersignError: with a code of the contract's table; nothing was accepted then,
                except that `ledger_unavailable` may follow an acceptance whose reply was lost.
        """
        authenticated = self.authenticate(raw)  # 1
        admitted = admit(  # 2
            authenticated, self.book, job_id=self._new_id(raw), max_bytes=self.max_bytes
        )
        return await self._take_in(admitted)

    async def replay(self, raw: RawRequest, job_id: str) -> Receipt:
        """Take a failed or expired job in again, as a new one with an id and a seal of its own.

        Raises:
            CountersignError: as `submit`.
        """
        authenticated = self.authenticate(raw)  # 1
        kept = await self.ledger.kept(job_id)
        try:
            recalled = recall(authenticated, kept, self.keyring(), audience=self.audience)
            admitted = admit_again(recalled, self.book, job_id=self._new_id(raw))  # 2
        except Refused:
            # Later the job may have failed: whoever recorded the request must not start it then.
            if not await self.ledger.use_nonce(authenticated.keyid, authenticated.nonce):
                raise Refused("replayed", "sign each request with a nonce of its own") from None
            raise
        return await self._take_in(admitted)

    async def _take_in(self, admitted: Admitted) -> Receipt:
        stripped = await strip(admitted, self.store, self._check)  # 3
        sealed = await self._seal(stripped)  # 4
        return await self._accept(sealed)  # 5

    def _new_id(self, raw: RawRequest) -> str:
        return uuid7(raw.received_at, self.random(10))

    async def _seal(self, stripped: Stripped) -> Sealed:
        """Seal, and take the secrets of what could not be sealed back out of Vault."""
        try:
            return await seal(stripped, self.signer, self.audience)
        except BaseException:  # one that was cancelled leaves its secrets behind like any other
            await self._forget(stripped)
            raise

    def _check(self, stripped: Stripped) -> None:
        check_verifiable(stripped, self.audience)

    async def _accept(self, sealed: Sealed) -> Receipt:
        """Accept, and take a refused job's secrets back out of Vault.

        Where the ledger did not answer, they stay: the job may have been accepted.
        """
        try:
            receipt = await accept(sealed, self.ledger)
        except (Refused, LedgerRefused):
            await self._forget(sealed.stripped)
            raise
        if receipt.repeated:
            await self._forget(sealed.stripped)
        return receipt

    async def _forget(self, stripped: Stripped) -> None:
        if not stripped.stored:
            return
        try:
            await self.store.delete(secret_path(stripped.admitted))
        except CountersignError as error:
            # Nobody holds a reference to them, and the mount ends them (`delete_version_after`).
            _log.warning("secrets of a job that was not accepted stay: %s", error.code)
