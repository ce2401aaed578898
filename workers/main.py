"""The composition of a worker: real adapters are built here and nowhere else."""

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from backends.errors import LedgerUnavailable, VaultDenied, VaultUnavailable
from backends.keyring_source import load_keyring
from backends.redis_clients import TIMEOUT_S, check_server, connect
from backends.refreshed import Refreshed
from backends.transit import JOB_KEY, RESULT_KEY, names_version
from backends.vault_http import TransitSigner, VaultHttp
from backends.vault_login import VaultLogin
from signing.errors import CountersignError, SealInvalid, SettingError
from signing.keyring import Keyring, KeyUnknown
from signing.references import SECRETS_MOUNT
from workers.catalog import check_serves, load_tasks
from workers.celery_app import celery_app, start_worker
from workers.child import Runtime, install
from workers.consumer import VerifyingConsumer
from workers.ledger import WorkerLedger
from workers.pipeline import Pipeline
from workers.quarantine import quarantined
from workers.secret_reader import VaultSecretReader
from workers.settings import WorkerSettings
from workers.settling import Sealer
from workers.types import Delivered, Verified
from workers.verify import verify
from workers.window import Window

MAX_NAME: Final = 64
#: A call that hangs ends while the lease goes on, with time left to renew it on a new connection.
CALLS_TO_A_LEASE: Final = 3

_MENDS: Final[Mapping[type[CountersignError], str]] = {
    LedgerUnavailable: (
        "start it, or correct COUNTERSIGN_REDIS_LEDGER_URL, COUNTERSIGN_TLS_CA, "
        "COUNTERSIGN_TLS_CERT and COUNTERSIGN_TLS_KEY"
    ),
    VaultUnavailable: "start it, or correct COUNTERSIGN_VAULT_ADDR and COUNTERSIGN_TLS_CA",
    VaultDenied: "correct COUNTERSIGN_VAULT_AUTH and the credentials that go with it",
}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Gate:
    """Step 1 as the channel calls it."""

    keyring: Refreshed[Keyring]
    pipeline: Pipeline
    settings: WorkerSettings

    def inspect(self, delivered: Delivered) -> Verified | None:
        """Verify a message; one that does not verify goes to the quarantine."""
        try:
            try:
                return self._verify(delivered)
            except KeyUnknown as error:
                if not names_version(error.keyids, JOB_KEY):
                    raise
                return self._verify_anew(delivered)
        except SealInvalid as error:
            self.pipeline.refuse(quarantined(delivered, error.code))
        except CountersignError as error:
            # No keyring to judge by, or none that is new enough: the hint is let go, and the
            # ledger gives it again.
            _log.warning("a message was let go: %s", error.message)
        return None

    def _verify_anew(self, delivered: Delivered) -> Verified:
        """Verify with newer keys: Vault signs with a new version from its first moment.

        Raises:
            SealInvalid: it does not verify.
            VaultUnavailable: its key is not known, and whether there is one could not be asked.
        """
        asked = self.keyring.refresh_soon()
        try:
            return self._verify(delivered)
        except KeyUnknown:
            if asked:
                raise
            raise VaultUnavailable(
                "its key is not known, and no newer keyring is at hand"
            ) from None

    def _verify(self, delivered: Delivered) -> Verified:
        return verify(
            delivered,
            self.keyring.current(),
            audience=self.settings.audience,
            tasks=self.settings.catalog,
            now=clock_ms(),
        )


def clock_ms() -> int:
    """Milliseconds since the epoch, by this machine's clock."""
    return time.time_ns() // 1_000_000


def work(settings: WorkerSettings) -> int:
    """Work until SIGTERM or SIGINT; running jobs are finished first. Gives the exit status.

    Raises:
        CountersignError: at start, naming what to mend.
    """
    registry = load_tasks(settings.tasks, app_dir=settings.app_dir)
    check_serves(settings.catalog, registry, settings.queues)
    client = connect(settings.ledger, timeout=min(TIMEOUT_S, settings.lease_s / CALLS_TO_A_LEASE))
    login = VaultLogin(settings.vault, time.monotonic)
    with _starting():
        check_server(client, settings.ledger)
        keyring = Refreshed(
            "the keyring",
            lambda: load_keyring(login),
            monotonic=time.monotonic,
            on_error=_not_refreshed,
        )
    install(Runtime(registry, VaultSecretReader(lambda: _vault_of_child(settings))))
    hostname = socket.gethostname()
    name = f"{hostname[:48]}:{os.getpid()}"[:MAX_NAME]
    vault = VaultHttp(settings.vault, login)
    window = Window(settings.concurrency)
    fault = threading.Event()

    def end() -> None:
        fault.set()
        os.kill(os.getpid(), signal.SIGTERM)

    pipeline = Pipeline(
        WorkerLedger(client, name, settings.lease_s * 1000),
        Sealer(TransitSigner(vault, RESULT_KEY), name, clock_ms),
        lambda path: vault.call("DELETE", f"{SECRETS_MOUNT}/metadata/{path}"),
        lease_s=settings.lease_s,
        window=window,
        on_fault=end,
    )
    VerifyingConsumer.pipeline = pipeline
    app = celery_app(settings, Gate(keyring, pipeline, settings).inspect, window)
    try:
        status = start_worker(app, settings, f"countersign@{hostname}", keyring.start)
    finally:
        pipeline.stop()
        keyring.stop()
    return 1 if fault.is_set() else status  # so that a supervisor starts it again


@contextmanager
def _starting() -> Iterator[None]:
    """Say of a server that does not let this worker in which settings lead there."""
    try:
        yield
    except (LedgerUnavailable, VaultUnavailable, VaultDenied) as error:
        raise SettingError(f"{error.message}; {_MENDS[type(error)]}") from None


def _vault_of_child(settings: WorkerSettings) -> VaultHttp:
    """Make a client with a login of its own: the main process's has locks that a fork copies."""
    return VaultHttp(settings.vault, VaultLogin(settings.vault, time.monotonic))


def _not_refreshed(name: str, error: CountersignError) -> None:
    _log.warning("%s could not be refreshed: %s", name, error.message)
