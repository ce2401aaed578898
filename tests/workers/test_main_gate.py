"""The gate asks for newer keys where a message names one of ours, and for nothing else.

Where they could not be had, a key that is not known refuses no message.
"""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from backends import refreshed
from backends.errors import VaultUnavailable
from backends.refreshed import Refreshed
from backends.transit import JOB_KEY, RESULT_KEY
from signing.keyring import Keyring
from signing.seals import unsigned_job
from tests.signing.builders import AUDIENCE, job_claims, seal_key, sealed
from tests.workers.test_verify import TASKS, message
from workers.main import Gate
from workers.types import Delivered, Verified

NEW = f"{JOB_KEY}:2"


@dataclass
class Keys:
    """A source that learns of the new version when it is asked to look, and may fail at that."""

    learns: bool
    fails: bool = False
    asked: int = 0
    known: list[str] = field(default_factory=lambda: [f"{JOB_KEY}:1"])

    def current(self) -> Keyring:
        return Keyring([seal_key(kid, 1) for kid in self.known])

    def refresh_soon(self) -> bool:
        self.asked += 1
        if self.learns:
            self.known.append(NEW)
        return not self.fails


@pytest.mark.parametrize(
    ("kid", "learns", "asked", "reasons"),
    [
        (NEW, True, 1, []),
        (NEW, False, 1, ["key_unknown"]),
        (f"{JOB_KEY}:1", True, 0, []),
        ("made-up:2", True, 0, ["key_unknown"]),
        (f"{RESULT_KEY}:2", True, 0, ["key_unknown"]),
    ],
)
def test_a_key_that_is_not_known(kid: str, learns: bool, asked: int, reasons: list[str]) -> None:
    keys = Keys(learns)
    given, refused = inspected(keys, kid)
    assert refused == reasons
    assert (given is None) == bool(reasons)
    assert keys.asked == asked


def test_where_newer_keys_could_not_be_loaded_a_message_is_let_go(
    caplog: pytest.LogCaptureFixture,
) -> None:
    keys = Keys(learns=False, fails=True)
    assert inspected(keys, NEW) == (None, [])
    assert keys.asked == 1
    assert "a message was let go: its key is not known" in caplog.text
    # What no Vault could make known is refused all the same.
    assert inspected(keys, "made-up:2") == (None, ["key_unknown"])


def test_a_key_that_came_with_another_load_counts() -> None:
    given, refused = inspected(Keys(learns=True, fails=True), NEW)
    assert (given is not None, refused) == (True, [])


def test_with_the_keyring_as_it_is_in_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refreshed, "SOON_WAIT_S", 10.0)
    keyring, away = Keyring([seal_key(f"{JOB_KEY}:1", 1)]), [False]

    def load() -> Keyring:
        if away[0]:
            raise VaultUnavailable("away")
        return keyring

    now = [0.0]
    keys = Refreshed(
        "the keyring", load, monotonic=lambda: now[0], on_error=lambda _name, _error: None
    )
    now[0], away[0] = 10.0, True
    keys.start()
    try:
        assert inspected(keys, NEW) == (None, [])
        now[0], away[0] = 20.0, False
        assert inspected(keys, NEW) == (None, ["key_unknown"])
    finally:
        keys.stop()


def inspected(keys: Any, kid: str) -> tuple[Verified | None, list[str]]:
    """What a gate gives for a message by a key, and the reasons of what it quarantined."""
    refused: list[Any] = []
    pipeline, settings = (
        SimpleNamespace(refuse=refused.append),
        SimpleNamespace(audience=AUDIENCE, catalog=TASKS),
    )
    gate = Gate(keys, cast(Any, pipeline), cast(Any, settings))
    given = gate.inspect(Delivered("fast", message(sealed(unsigned_job(job_claims()), kid, 1))))
    return given, [item.reason for item in refused]
