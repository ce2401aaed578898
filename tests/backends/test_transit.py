"""Which key ids can be versions of a Transit key."""

import pytest

from backends.transit import JOB_KEY, RESULT_KEY, names_version


@pytest.mark.parametrize(
    ("keyids", "can"),
    [
        ([f"{JOB_KEY}:2"], True),
        (["other:1", f"{JOB_KEY}:999999999"], True),
        ([], False),
        ([f"{RESULT_KEY}:2"], False),
        ([f"{JOB_KEY}:0"], False),
        ([f"{JOB_KEY}:02"], False),
        ([f"{JOB_KEY}:1\n"], False),
        ([f"{JOB_KEY}:1:2"], False),
        ([f"{JOB_KEY}:\u0661"], False),
        ([f"{JOB_KEY}:" + "9" * 10], False),
        ([JOB_KEY, f"x{JOB_KEY}:1"], False),
    ],
)
def test_a_version_of_the_job_key(keyids: list[str], can: bool) -> None:
    assert names_version(keyids, JOB_KEY) is can
