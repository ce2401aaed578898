"""Keys are rotated while jobs are under way: Vault signs with a new version at once."""

import time

import pytest

from backends.refreshed import SOON_EVERY_S
from backends.transit import JOB_KEY, RESULT_KEY
from tests.servers.stack import Producer, Stack

ROUNDS = 3


@pytest.mark.parametrize("_again", range(2))
def test_a_job_right_after_a_rotation_is_run_and_its_result_told(
    stack: Stack, acme: Producer, _again: int
) -> None:
    # Who needs a key waits a second for it, and a machine may stand still for longer: then a
    # message is refused first. One round of three has to be without that.
    refused: list[int] = []
    while 0 not in refused and len(refused) < ROUNDS:
        refused.append(_refused_after_a_rotation(stack, acme))
        time.sleep(SOON_EVERY_S)
    assert refused[-1] == 0


def _refused_after_a_rotation(stack: Stack, acme: Producer) -> int:
    """Rotate both keys and run a job; give how many messages and results were refused first."""
    before = len(stack.quarantined())
    transit = stack.servers.vault("security").secrets.transit
    for key in (JOB_KEY, RESULT_KEY):
        transit.rotate_key(name=key)
    told = acme.run("demo.echo", {"value": "new"})
    status = acme.settled(told["id"])  # asked again, where the gateway did not have the key yet
    assert (status["status"], status["result"], status["error"]) == ("succeeded", "new", None)
    return len(stack.quarantined()) - before + int(told != status)
