"""A pipeline's surroundings: a ledger and a signer that can be away, and a pool that is a list."""

from collections.abc import Sequence
from typing import cast

from backends.errors import LedgerUnavailable
from signing.ledger.record import Claim
from signing.ledger.states import State
from tests.servers.marks import wait_until
from tests.signing.builders import NOW
from tests.workers.test_settling import Signer
from workers.ledger import Quarantined, Settlement, WorkerLedger
from workers.pipeline import Arrived, Pipeline
from workers.settling import Sealer
from workers.types import Claimed, Outcome, Verified
from workers.window import Window

DONE = Outcome("succeeded", result=1)


class Ledger:
    """Claims what it is asked for, and writes down what it hears."""

    def __init__(self) -> None:
        self.claim_as: dict[str, Claim] = {}
        self.settle_as: State | None = "succeeded"
        self.renew_as = True
        self.away = 0
        self.settled: list[Settlement] = []
        self.renewed: list[tuple[str, int]] = []
        self.quarantined: list[Quarantined] = []
        self.purged_paths: list[str] = []

    def claim(self, deliveries: Sequence[tuple[str, str]]) -> list[Claim]:
        self._serve()
        granted = Claim("claimed", 1, False, NOW, 5)
        return [self.claim_as.get(job, granted) for job, _ in deliveries]

    def renew(self, held: Sequence[tuple[str, int]]) -> list[bool]:
        self.renewed += held
        return [self.renew_as] * len(held)

    def settle(self, settlements: Sequence[Settlement]) -> list[State | None]:
        self._serve()
        self.settled += settlements
        return [self.settle_as] * len(settlements)

    def quarantine(self, items: Sequence[Quarantined]) -> None:
        self.quarantined += items

    def purged(self, paths: Sequence[str]) -> None:
        self.purged_paths += paths

    def _serve(self) -> None:
        if self.away > 0:
            self.away -= 1
            raise LedgerUnavailable("away")


class Setting:
    """A pipeline with its fakes; the pool is a list."""

    def __init__(self, *, lease_s: float = 30.0) -> None:
        self.ledger = Ledger()
        self.signer = Signer()
        self.deleted: list[str] = []
        self.pool: list[Claimed] = []
        self.released: list[str] = []
        self.faults: list[str] = []
        self.pipeline = Pipeline(
            cast(WorkerLedger, self.ledger),
            Sealer(self.signer, "worker-1", lambda: NOW),
            self.delete,
            lease_s=lease_s,
            window=Window(2),
            on_fault=lambda: self.faults.append("fault"),
        )

    def delete(self, path: str) -> None:
        self.deleted.append(path)

    def arrive(self, given: Verified) -> None:
        name = given.job.claims.id
        self.pipeline.arrived(Arrived(given, lambda: self.released.append(name), f"tag-{name}"))

    def in_pool(self, count: int = 1) -> list[Claimed]:
        wait_until(lambda: len(self.pool) >= count)
        return self.pool
