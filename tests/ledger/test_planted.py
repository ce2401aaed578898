"""The walks can fail: each bug, planted in copies of the scripts, is found by them."""

import pytest
from hypothesis import settings
from hypothesis.errors import Flaky
from hypothesis.stateful import run_state_machine_as_test

from tests.ledger.actors import Actors
from tests.ledger.operated import OperatedLedger
from tests.ledger.planted import BUGS, Planted
from tests.ledger.quiet import QuietRedis
from tests.ledger.snapshot import LedgerBroken
from tests.ledger.test_walks import WALKS

pytestmark = pytest.mark.servers


@pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS.keys())
def test_the_walks_find_a_planted_bug(ledger_redis: QuietRedis, bug: Planted) -> None:
    scripts = bug.scripts()
    found: list[str] = []

    class Walk(OperatedLedger):
        def __init__(self) -> None:
            super().__init__(Actors(ledger_redis, scripts))

        def _hold(self, condition: bool, said: str) -> None:
            if not condition:
                found.append(said)
            super()._hold(condition, said)

    # A walk depends on real time: repeated for the report, it may not fail a second time.
    with pytest.raises((LedgerBroken, Flaky)):
        run_state_machine_as_test(Walk, settings=settings(WALKS, max_examples=400))
    assert found
