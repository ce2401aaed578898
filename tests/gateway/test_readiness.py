"""Readiness says of each part whether it serves, in a word."""

import asyncio

import pytest

from backends.errors import LedgerUnavailable
from gateway.readiness import Readiness


async def serves() -> None:
    return


async def does_not() -> None:
    raise LedgerUnavailable("connection refused by 10.0.0.1")


async def breaks() -> None:
    raise ZeroDivisionError


def test_each_part_is_ok_or_its_code() -> None:
    parts = asyncio.run(Readiness({"vault": serves, "ledger": does_not}).parts())
    assert parts == {"vault": "ok", "ledger": "ledger_unavailable"}


def test_a_programming_error_is_not_taken_for_a_part_that_is_away() -> None:
    with pytest.raises(ZeroDivisionError):
        asyncio.run(Readiness({"vault": breaks}).parts())
