"""Work beside the requests: it is ended with the gateway, and ends it where it fails."""

import asyncio
import logging

import pytest

from gateway.background import running


def told_in(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What the module logged; threads of earlier tests may still log."""
    return [record for record in caplog.records if record.name == "gateway.background"]


def test_what_runs_is_ended_on_leaving_and_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    faults: list[str] = []
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("work")

    async def serve() -> None:
        async with running("work", work(), lambda: faults.append("work")):
            await asyncio.sleep(0)

    asyncio.run(serve())
    assert (ended, faults, told_in(caplog)) == (["work"], [], [])


@pytest.mark.parametrize("fails", [True, False])
def test_what_ends_by_itself_is_told(caplog: pytest.LogCaptureFixture, fails: bool) -> None:
    async def work() -> None:
        if fails:
            raise KeyError("hunter2")

    async def serve() -> None:
        told = asyncio.Event()
        async with running("the purge", work(), told.set):
            await asyncio.wait_for(told.wait(), 10)

    asyncio.run(serve())
    [record] = told_in(caplog)
    assert record.levelname == "CRITICAL"
    assert record.message.startswith("the purge ended: ")
    assert "hunter2" not in record.message
