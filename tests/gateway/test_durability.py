"""The watch over the ledger's settings: told once each, and ended by nothing."""

import asyncio
import logging
from collections.abc import Sequence

import pytest

from backends.errors import LedgerUnavailable
from gateway import durability
from gateway.durability import watch_forever


class Looked:
    """A ledger with what its looks find, one after the other; says when that is used up."""

    def __init__(self, found: Sequence[str | LedgerUnavailable | None]) -> None:
        self.found = list(found)
        self.done = asyncio.Event()

    async def look(self) -> str | None:
        if len(self.found) == 1:
            self.done.set()
        found = self.found.pop(0) if len(self.found) > 1 else self.found[0]
        if isinstance(found, LedgerUnavailable):
            raise found
        return found


def told(
    found: Sequence[str | LedgerUnavailable | None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> list[str]:
    """Watch until everything was looked at; give the levels and settings that were logged."""
    monkeypatch.setattr(durability, "EVERY_S", 0)

    async def run() -> None:
        ledger = Looked(found)
        work = asyncio.create_task(watch_forever(ledger))
        await asyncio.wait_for(ledger.done.wait(), 5)
        await asyncio.sleep(0)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(run())
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == "gateway.durability" and record.levelno >= logging.WARNING
    ]


AWAY = LedgerUnavailable("away")
BEGUN = "nothing is accepted: the ledger's Redis has {} not set to {}"
OVER = "the ledger's Redis is set as it has to be again"


def test_what_begins_and_ends_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = "appendfsync"
    found = [None, wrong, wrong, AWAY, wrong, None, AWAY, None, wrong, wrong]
    begun = BEGUN.format("appendfsync", "always")
    assert told(found, monkeypatch, caplog) == [begun, OVER, begun]


def test_another_setting_is_told_too(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    found = ["appendonly", "appendfsync", "appendfsync"]
    assert told(found, monkeypatch, caplog) == [
        BEGUN.format("appendonly", "yes"),
        BEGUN.format("appendfsync", "always"),
    ]


def test_a_redis_that_is_away_says_nothing_and_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert told([AWAY, AWAY, AWAY], monkeypatch, caplog) == []
