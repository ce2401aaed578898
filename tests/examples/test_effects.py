"""The sample effects: once for a job, and never by an attempt that is no longer its newest."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from examples import effects
from workers import JobContext
from workers.context import entered
from workers.job import REGISTRY

ONE, TWO = (f"0193a1b2-0000-7000-8000-00000000000{number}" for number in (1, 2))


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "effects.sqlite3"
    monkeypatch.setenv("EFFECTS_DATABASE", str(path))
    return path


def run(task: str, job_id: str, attempt: int = 1, **args: Any) -> Any:
    """Run a task as this attempt of a job."""
    definition = REGISTRY[task]
    context = JobContext(
        id=job_id,
        attempt=attempt,
        max_attempts=5,
        producer="acme",
        task=task,
        queue=definition.spec.queue,
        expires_at=datetime(2026, 11, 22, tzinfo=UTC),
        trace=None,
    )
    with entered(context):
        return definition.function(**definition.bind(args))


def rows(path: Path, table: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"SELECT * FROM {table} ORDER BY job").fetchall()  # noqa: S608


def test_a_job_that_runs_twice_books_once(database: Path) -> None:
    first = run("effects.book", ONE, 1, account="a-1", amount=5)
    again = run("effects.book", ONE, 2, account="a-1", amount=5)
    assert first == again == {"account": "a-1", "balance": 5}
    assert rows(database, "bookings") == [(ONE, "a-1", 5)]


def test_another_job_books_again(database: Path) -> None:
    run("effects.book", ONE, account="a-1", amount=5)
    assert run("effects.book", TWO, account="a-1", amount=5)["balance"] == 10
    assert len(rows(database, "bookings")) == 2


def test_attempts_at_the_same_time_book_once(database: Path) -> None:
    run("effects.book", TWO, account="a-2", amount=1)

    def attempt(number: int) -> Any:
        return run("effects.book", ONE, number, account="a-1", amount=5)

    with ThreadPoolExecutor(8) as pool:
        balances = {each["balance"] for each in pool.map(attempt, range(1, 17))}
    assert balances == {5}
    assert (ONE, "a-1", 5) in rows(database, "bookings")


def test_a_stale_attempt_is_refused(database: Path) -> None:
    assert run("effects.report", ONE, 1, text="first") == 1
    assert run("effects.report", ONE, 3, text="third") == 3
    with pytest.raises(effects.StaleAttempt):
        run("effects.report", ONE, 2, text="late")
    assert rows(database, "reports") == [(ONE, 3, "third")]


def test_what_fails_in_the_middle_leaves_nothing(database: Path) -> None:
    def fails() -> None:
        with effects._transaction() as connection:
            connection.execute("INSERT INTO bookings VALUES ('x', 'a', 1)")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    assert rows(database, "bookings") == []
