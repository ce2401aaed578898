"""Keys are rotated while jobs are under way: Vault signs with a new version at once."""

import time

import pytest

from backends.refreshed import SOON_EVERY_S
from backends.transit import JOB_KEY, RESULT_KEY
from tests.servers.stack import Producer, Stack

ROUNDS = 3
Seen = tuple[str, object, object, int]
FINE: Seen = ("succeeded", "new", None, 0)


@pytest.mark.parametrize("_again", range(2))
def test_a_job_right_after_a_rotation_is_run_and_its_result_told(
    stack: Stack, acme: Producer, _again: int
) -> None:
    rounds: list[Seen] = []
    while FINE not in rounds and len(rounds) < ROUNDS:
        rounds.append(_run_after_a_rotation(stack, acme))
        time.sleep(SOON_EVERY_S)
    # One round is enough: who needs a key waits a second for it, and a machine may stand still.
    assert rounds[-1] == FINE


def _run_after_a_rotation(stack: Stack, acme: Producer) -> Seen:
    """Give the job's status, its result, its error, and what went to the quarantine."""
    before = len(stack.quarantined())
    transit = stack.servers.vault("security").secrets.transit
    for key in (JOB_KEY, RESULT_KEY):
        transit.rotate_key(name=key)
    status = acme.run("demo.echo", {"value": "new"})
    quarantined = len(stack.quarantined()) - before
    return status["status"], status["result"], status["error"], quarantined
