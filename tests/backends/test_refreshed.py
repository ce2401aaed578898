"""A value that is loaded anew: the old one serves while loading fails, but not for ever."""

import threading
import time
from collections import deque
from typing import Any

import pytest

from backends import refreshed
from backends.errors import VaultDenied, VaultUnavailable
from backends.refreshed import MAX_AGE_S, REFRESH_S, SOON_EVERY_S, Refreshed
from signing.errors import CountersignError


class Source:
    """Loads what a test has put in, or raises it."""

    def __init__(self, *values: Any) -> None:
        self.values = deque(values)
        self.now = 50.0
        self.heard: list[tuple[str, CountersignError]] = []

    def load(self) -> str:
        value = self.values.popleft() if len(self.values) > 1 else self.values[0]
        if isinstance(value, Exception):
            raise value
        self.now += 0.5  # loading takes its time
        return str(value)

    def refreshed(self) -> Refreshed[str]:
        return Refreshed(
            "the keyring",
            self.load,
            monotonic=lambda: self.now,
            on_error=lambda name, error: self.heard.append((name, error)),
        )


def test_it_gives_what_was_loaded_last() -> None:
    source = Source("one", "two")
    value = source.refreshed()
    assert value.current() == "one"
    value.refresh()
    assert value.current() == "two"
    assert source.heard == []


def test_what_cannot_be_loaded_at_first_is_told_at_once() -> None:
    with pytest.raises(VaultDenied):
        Source(VaultDenied("no")).refreshed()


def test_where_loading_fails_the_old_value_stays_and_the_error_is_told() -> None:
    away = VaultUnavailable("away")
    source = Source("one", away, "two")
    value = source.refreshed()
    value.refresh()
    assert value.current() == "one"
    assert source.heard == [("the keyring", away)]
    value.refresh()
    assert value.current() == "two"


def test_what_is_too_old_is_not_given() -> None:
    source = Source("one", VaultUnavailable("away"), "two")
    value = source.refreshed()
    # Its age counts from before it was asked for.
    source.now = 50.0 + MAX_AGE_S
    assert value.current() == "one"
    source.now += 0.01
    value.refresh()
    with pytest.raises(VaultUnavailable) as caught:
        value.current()
    assert caught.value.message == "what is known of the keyring is too old"
    value.refresh()
    assert value.current() == "two"


def test_a_revocation_is_heard_within_ten_seconds_even_if_one_refresh_fails() -> None:
    assert 2 * REFRESH_S < 10


def test_it_refreshes_in_a_thread_of_its_own_until_it_is_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(refreshed, "REFRESH_S", 0.001)
    source = Source("one", VaultUnavailable("away"), "two", "three")
    value = source.refreshed()
    value.start()
    [thread] = [each for each in threading.enumerate() if each.name == "refresh-the keyring"]
    deadline = time.monotonic() + 10
    while value.current() != "three" and time.monotonic() < deadline:
        continue
    value.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert value.current() == "three"
    assert len(source.heard) == 1


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks waits longer than a machine stands still."""
    monkeypatch.setattr(refreshed, "SOON_WAIT_S", 10.0)


def started(source: Source) -> Refreshed[str]:
    value = source.refreshed()
    value.start()
    return value


def test_what_is_asked_for_is_loaded_at_once_but_not_all_the_time(patient: None) -> None:
    source = Source("one", "two", "three", "four")
    value = started(source)
    assert value.refresh_soon()
    assert value.current() == "two"
    assert not value.refresh_soon()
    assert value.current() == "two"
    source.now += SOON_EVERY_S
    assert value.refresh_soon()
    assert value.current() == "three"
    value.stop()


def held_up(value: Refreshed[str]) -> tuple[threading.Event, threading.Event]:
    """Let each load wait; give what tells that one has begun, and what lets them go on."""
    loading, go, load = threading.Event(), threading.Event(), value._load

    def slow() -> str:
        loading.set()
        assert go.wait(10)
        return load()

    value._load = slow
    return loading, go


def test_who_asks_is_told_of_a_load_that_failed(patient: None) -> None:
    source = Source("one", VaultUnavailable("away"), RuntimeError("canary"), "two")
    value = started(source)
    for _ in range(2):
        source.now += SOON_EVERY_S
        assert not value.refresh_soon()
        assert value.current() == "one"
    source.now += SOON_EVERY_S
    assert value.refresh_soon()
    value.stop()


def test_a_load_that_began_before_somebody_asked_tells_nothing(patient: None) -> None:
    source = Source("one", "two")
    value, told = started(source), list[bool]()
    loading, go = held_up(value)
    threads = [threading.Thread(target=lambda: told.append(value.refresh_soon()))]
    threads[0].start()
    assert loading.wait(10)
    source.now += 0.1  # a key may be rotated now
    threads.append(threading.Thread(target=lambda: told.append(value.refresh_soon())))
    threads[1].start()
    time.sleep(0.05)
    go.set()
    for thread in threads:
        thread.join(10)
    assert sorted(told) == [False, True]
    value.stop()


def test_many_that_ask_at_once_share_one_load(patient: None) -> None:
    source = Source("one", "two", "three")
    value = started(source)
    loading, go = held_up(value)
    told: list[str] = []

    def ask() -> None:
        value.refresh_soon()
        told.append(value.current())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert loading.wait(10)
    time.sleep(0.05)
    go.set()
    for thread in threads:
        thread.join(10)
    assert told == ["two"] * 8
    value.stop()


def test_nobody_waits_long_for_a_vault_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refreshed, "SOON_WAIT_S", 0.01)
    value, go = started(Source("one", "two")), threading.Event()
    value._load = lambda: str(go.wait(10))
    assert not value.refresh_soon()
    assert value.current() == "one"
    go.set()
    value.stop()


def test_an_error_that_nobody_expected_is_logged_by_its_type_and_loading_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(refreshed, "REFRESH_S", 0.001)
    value = started(Source("one", RuntimeError("canary"), "two"))
    deadline = time.monotonic() + 10
    while value.current() != "two" and time.monotonic() < deadline:
        time.sleep(0.001)
    value.stop()
    assert value.current() == "two"
    assert "the keyring could not be refreshed: RuntimeError" in caplog.text
    assert "canary" not in caplog.text
