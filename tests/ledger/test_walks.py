"""The ledger's scripts against the real Redis, walked at random by everyone who may change it."""

from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.ledger.actors import Actors
from tests.ledger.operated import OperatedLedger
from tests.ledger.quiet import QuietRedis

pytestmark = pytest.mark.servers

WALKS: Final = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    database=None,
    report_multiple_bugs=False,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_no_walk_breaks_a_rule(ledger_redis: QuietRedis) -> None:
    class Walk(OperatedLedger):
        def __init__(self) -> None:
            super().__init__(Actors(ledger_redis))

    run_state_machine_as_test(Walk, settings=WALKS)
