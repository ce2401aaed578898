"""Two effects that stay right however often their job runs: one by a key, one by a fencing token.

countersign catalog build --tasks examples.effects --output catalog.json

They write to a table; `EFFECTS_DATABASE` names its file.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Annotated, TypeAlias, TypedDict

from pydantic import Field

from workers import current_job, job

Name: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]

_TABLES = """
CREATE TABLE IF NOT EXISTS bookings (job TEXT PRIMARY KEY, account TEXT, amount INTEGER);
CREATE TABLE IF NOT EXISTS reports (job TEXT PRIMARY KEY, token INTEGER, text TEXT);
"""


class Booking(TypedDict):
    """What a booking gives back."""

    account: str
    balance: int


class StaleAttempt(Exception):
    """A later attempt of this job has written already."""


@job("effects.book", queue="fast", retry_on=(sqlite3.OperationalError,))
def book(account: Name, amount: int) -> Booking:
    """Book an amount once for a job, however many attempts it takes.

    The job's id is the key. What else belongs to the effect goes into the same transaction.
    """
    with _transaction() as database:
        database.execute(
            "INSERT INTO bookings VALUES (?, ?, ?) ON CONFLICT (job) DO NOTHING",
            (current_job().id, account, amount),
        )
        query = "SELECT sum(amount) FROM bookings WHERE account = ?"
        (balance,) = database.execute(query, (account,)).fetchone()
    return {"account": account, "balance": balance}


@job("effects.report", queue="slow", retry_on=(sqlite3.OperationalError,))
def report(text: str) -> int:
    """Write a job's report, unless a later attempt of the same job has written it.

    An attempt that was paused for longer than its lease wakes up and goes on, while another has
    taken its place. Its number is smaller: the table compares, and refuses it.
    """
    current = current_job()
    with _transaction() as database:
        database.execute(
            "INSERT INTO reports VALUES (?, 0, '') ON CONFLICT (job) DO NOTHING", (current.id,)
        )
        written = database.execute(
            "UPDATE reports SET token = :attempt, text = :text"
            " WHERE job = :job AND token < :attempt",
            {"attempt": current.attempt, "text": text, "job": current.id},
        )
        if written.rowcount == 0:
            raise StaleAttempt
    return current.attempt


@contextmanager
def _transaction() -> Iterator[sqlite3.Connection]:
    """A connection whose changes are all made, or none."""
    path = os.environ.get("EFFECTS_DATABASE", "effects.sqlite3")
    with closing(sqlite3.connect(path)) as database:
        database.executescript(_TABLES)
        with database:
            yield database
