import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing.ids import is_job_id, uuid7

MILLISECONDS = st.integers(0, 2**48 - 1)
RANDOM = st.binary(min_size=10, max_size=16)


def test_layout_is_that_of_rfc_9562_appendix_a6() -> None:
    # rand_a is 0xCC3, rand_b is 0x18C4DC0C0C07398F; the bits of version and variant are over them.
    random = bytes.fromhex("0cc318c4dc0c0c07398f")
    assert uuid7(0x017F22E279B0, random) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


@given(MILLISECONDS, RANDOM)
def test_version_variant_and_time_can_be_read_back(milliseconds: int, random: bytes) -> None:
    made = uuid.UUID(uuid7(milliseconds, random))
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert made.int >> 80 == milliseconds


@given(MILLISECONDS, RANDOM)
def test_what_is_made_is_a_job_id(milliseconds: int, random: bytes) -> None:
    assert is_job_id(uuid7(milliseconds, random))


@given(MILLISECONDS, MILLISECONDS, RANDOM, RANDOM)
def test_ids_sort_by_the_time_they_were_made(
    first: int, second: int, one: bytes, other: bytes
) -> None:
    early, late = sorted((first, second))
    if early != late:
        assert uuid7(early, one) < uuid7(late, other)


def test_bytes_after_the_tenth_are_not_used() -> None:
    assert uuid7(1, bytes(10) + b"\xff") == uuid7(1, bytes(10))


def test_too_little_randomness_is_refused() -> None:
    with pytest.raises(ValueError, match="10 random bytes"):
        uuid7(0, bytes(9))


@pytest.mark.parametrize("milliseconds", [-1, 2**48])
def test_a_time_outside_of_48_bits_is_refused(milliseconds: int) -> None:
    with pytest.raises(ValueError, match="48 bits"):
        uuid7(milliseconds, bytes(10))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "017F22E2-79B0-7CC3-98C4-DC0C0C07398F",
        "017f22e2-79b0-4cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-d8c4-dc0c0c07398f",
        "017f22e279b07cc398c4dc0c0c07398f",
        "{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}",
        "urn:uuid:017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f\n",
        " 017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
        "\N{ARABIC-INDIC DIGIT ZERO}17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "../../../../../../../../../../../../",
    ],
)
def test_any_other_form_is_no_job_id(text: str) -> None:
    assert not is_job_id(text)
