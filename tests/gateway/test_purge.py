"""Secrets that a worker did not get to delete are deleted, and none is forgotten on the way."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import pytest

from backends.errors import LedgerUnavailable, VaultDenied, VaultUnavailable
from gateway import purge
from gateway.ledger import GatewayLedger
from gateway.purge import BATCH, GRACE_MS, Purged, purge_forever, purge_once
from tests.gateway.fakes import FakeStore

NOW = 1_000_000


@dataclass
class Listed:
    """The ledger's list of secrets to delete; says `empty` when it is asked and has none."""

    paths: list[str]
    error: LedgerUnavailable | None = None
    asked: list[int] = field(default_factory=list)
    empty: asyncio.Event = field(default_factory=asyncio.Event)

    async def purgeable(self, before_ms: int, most: int, passed: int = 0) -> list[str]:
        self.asked.append(before_ms)
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        if not self.paths:
            self.empty.set()
        return self.paths[passed : passed + most]

    async def purged(self, paths: Sequence[str]) -> None:
        self.paths = [path for path in self.paths if path not in paths]


def as_ledger(listed: Listed) -> GatewayLedger:
    return cast(GatewayLedger, listed)


def test_what_settled_some_time_ago_is_deleted_and_struck_off() -> None:
    listed, store = Listed(["jobs/fast/a/1", "jobs/fast/a/2"]), FakeStore()
    assert asyncio.run(purge_once(as_ledger(listed), store, NOW)) == Purged(2, 0)
    assert store.deleted == ["jobs/fast/a/1", "jobs/fast/a/2"]
    assert listed.paths == []
    assert listed.asked == [NOW - GRACE_MS]
    assert asyncio.run(purge_once(as_ledger(listed), store, NOW)) == Purged(0, 0)


def test_what_is_no_path_of_a_jobs_secrets_is_struck_off_and_vault_not_asked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    planted = [
        "\udcff",
        "jobs/fast/a",
        "jobs/../producers/acme",
        "producers/acme/key",
        "jobs/a/b/../c",
    ]
    listed, store = Listed([*planted, "jobs/fast/a/1"]), FakeStore()
    assert asyncio.run(purge_once(as_ledger(listed), store, NOW)) == Purged(1, 0)
    assert (store.deleted, listed.paths) == (["jobs/fast/a/1"], [])
    assert "5 entries" in caplog.text


def test_what_vault_did_not_delete_stays_listed() -> None:
    listed = Listed(["jobs/fast/a/1"])
    store = FakeStore(delete_error=VaultUnavailable("down"))
    assert asyncio.run(purge_once(as_ledger(listed), store, NOW)) == Purged(0, 1)
    assert listed.paths == ["jobs/fast/a/1"]


def test_a_path_that_cannot_be_deleted_does_not_hold_up_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Refusing(FakeStore):
        async def delete(self, path: str) -> None:
            if path == "jobs/fast/a/1":
                raise error
            await super().delete(path)

    for error in (VaultDenied("no"), VaultUnavailable("down")):
        listed, store = Listed([f"jobs/fast/a/{number}" for number in range(3)]), Refusing()
        assert asyncio.run(purge_once(as_ledger(listed), store, NOW)) == Purged(2, 1)
        assert store.deleted == ["jobs/fast/a/0", "jobs/fast/a/2"]
        assert listed.paths == ["jobs/fast/a/1"]
        assert error.code in caplog.text
        assert "jobs/fast" not in caplog.text


def test_more_failing_paths_than_a_batch_do_not_hold_up_what_comes_after_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(purge, "EVERY_S", 0)
    done = asyncio.Event()

    class Refusing(FakeStore):
        async def delete(self, path: str) -> None:
            if path.startswith("jobs/fast/refused/"):
                raise VaultDenied("no")
            await super().delete(path)
            done.set()

    async def run() -> None:
        paths = [f"jobs/fast/refused/{number}" for number in range(2 * BATCH + 1)]
        listed = Listed([*paths, "jobs/fast/a/1"])
        work = asyncio.create_task(purge_forever(as_ledger(listed), Refusing(), lambda: NOW))
        await asyncio.wait_for(done.wait(), 5)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(run())


def test_it_goes_on_until_nothing_is_left_and_after_an_outage(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(purge, "EVERY_S", 0)

    async def run() -> None:
        paths = [f"jobs/fast/a/{number}" for number in range(2 * BATCH + 1)]
        listed, store = Listed(list(paths), error=LedgerUnavailable("down")), FakeStore()
        work = asyncio.create_task(purge_forever(as_ledger(listed), store, lambda: NOW))
        await asyncio.wait_for(listed.empty.wait(), 5)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert store.deleted == paths

    asyncio.run(run())
    assert "ledger_unavailable" in caplog.text
