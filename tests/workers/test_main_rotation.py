"""Keys are rotated while jobs are under way: Vault signs with a new version at once."""

import time

import pytest

from backends.refreshed import SOON_EVERY_S
from backends.transit import JOB_KEY, RESULT_KEY
from tests.servers.stack import Producer, Stack


@pytest.mark.parametrize("_again", range(2))
def test_a_job_right_after_a_rotation_is_run_and_its_result_told(
    stack: Stack, acme: Producer, _again: int
) -> None:
    before = len(stack.quarantined())
    transit = stack.servers.vault("security").secrets.transit
    for key in (JOB_KEY, RESULT_KEY):
        transit.rotate_key(name=key)
    status = acme.run("demo.echo", {"value": "new"})
    assert (status["status"], status["result"], status["error"]) == ("succeeded", "new", None)
    assert len(stack.quarantined()) == before
    time.sleep(SOON_EVERY_S)
