"""Which key ids can be versions of a Transit key, and how messages are cut into calls."""

import pytest

from backends.transit import JOB_KEY, MAX_CALL_BYTES, RESULT_KEY, names_version, to_calls
from backends.vault_http import TransitSigner
from tests.backends.fake_transit import LARGE, FakeTransit, signature


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


HALF = MAX_CALL_BYTES // 2


@pytest.mark.parametrize(
    ("sizes", "calls"),
    [
        ([], []),
        ([0], [[0]]),
        ([HALF, HALF, 1], [[HALF, HALF], [1]]),
        ([HALF, HALF + 1, 0], [[HALF], [HALF + 1, 0]]),
        ([1, MAX_CALL_BYTES + 1, 2], [[1], [MAX_CALL_BYTES + 1], [2]]),
        ([MAX_CALL_BYTES + 1], [[MAX_CALL_BYTES + 1]]),
    ],
)
def test_messages_are_cut_by_their_size(sizes: list[int], calls: list[list[int]]) -> None:
    cut = to_calls([bytes(size) for size in sizes])
    assert [[len(message) for message in call] for call in cut] == calls


def test_a_batch_that_is_too_large_for_vault_is_signed_in_several_calls() -> None:
    vault = FakeTransit()
    assert TransitSigner(vault.blocking(), RESULT_KEY).sign(LARGE) == [
        signature(RESULT_KEY, message) for message in LARGE
    ]
    assert vault.calls == 4
