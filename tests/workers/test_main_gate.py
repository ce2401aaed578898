"""The gate asks for newer keys where a message names one of ours, and for nothing else."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from backends.transit import JOB_KEY, RESULT_KEY
from signing.keyring import Keyring
from signing.seals import unsigned_job
from tests.signing.builders import AUDIENCE, job_claims, seal_key, sealed
from tests.workers.test_verify import TASKS, message
from workers.main import Gate
from workers.types import Delivered

NEW = f"{JOB_KEY}:2"


@dataclass
class Keys:
    """A source that learns of the new version when it is asked to look."""

    learns: bool
    asked: int = 0
    known: list[str] = field(default_factory=lambda: [f"{JOB_KEY}:1"])

    def current(self) -> Keyring:
        return Keyring([seal_key(kid, 1) for kid in self.known])

    def refresh_soon(self) -> None:
        self.asked += 1
        if self.learns:
            self.known.append(NEW)


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
    refused: list[Any] = []
    keys, settings = Keys(learns), SimpleNamespace(audience=AUDIENCE, catalog=TASKS)
    gate = Gate(
        cast(Any, keys), cast(Any, SimpleNamespace(refuse=refused.append)), cast(Any, settings)
    )
    given = gate.inspect(Delivered("fast", message(sealed(unsigned_job(job_claims()), kid, 1))))
    assert [item.reason for item in refused] == reasons
    assert (given is None) == bool(reasons)
    assert keys.asked == asked
