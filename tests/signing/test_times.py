from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing.times import TimeInvalid, from_rfc3339, to_rfc3339

FIRST = -62_135_596_800_000  # 0001-01-01T00:00:00.000Z
LAST = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z
DAY = 86_400_000
TEN_O_CLOCK = 1_795_341_600_000


def test_times_are_written_in_utc_with_milliseconds() -> None:
    assert to_rfc3339(TEN_O_CLOCK) == "2026-11-22T10:00:00.000Z"
    assert to_rfc3339(TEN_O_CLOCK + 7) == "2026-11-22T10:00:00.007Z"


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (FIRST, "0001-01-01T00:00:00.000Z"),
        (LAST, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_the_ends_of_the_range_are_written_in_full(milliseconds: int, text: str) -> None:
    assert to_rfc3339(milliseconds) == text
    assert from_rfc3339(text) == milliseconds


@given(st.integers(FIRST, LAST))
def test_what_is_written_is_read_back(milliseconds: int) -> None:
    assert from_rfc3339(to_rfc3339(milliseconds)) == milliseconds


@given(st.integers(FIRST + DAY, LAST - DAY), st.integers(-1439, 1439))
def test_the_offset_does_not_change_the_moment(milliseconds: int, minutes: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    local = moment.astimezone(timezone(timedelta(minutes=minutes)))
    assert from_rfc3339(local.isoformat()) == milliseconds


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T10:00:00Z",
        "2026-11-22t10:00:00z",
        "2026-11-22T10:00:00.0Z",
        "2026-11-22T10:00:00.000999999Z",
        "2026-11-22T11:30:00+01:30",
        "2026-11-21T23:00:00-11:00",
        "2026-11-22T10:00:00-00:00",
        "2026-11-23T09:59:00+23:59",
    ],
)
def test_every_form_of_one_moment_is_read_as_it(text: str) -> None:
    assert from_rfc3339(text) == TEN_O_CLOCK


def test_a_fraction_is_cut_to_milliseconds() -> None:
    assert from_rfc3339("2026-11-22T10:00:00.9Z") == TEN_O_CLOCK + 900
    assert from_rfc3339("2026-11-22T10:00:00.9999Z") == TEN_O_CLOCK + 999


@pytest.mark.parametrize(
    ("leap", "before"),
    [
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
        ("2016-12-31T23:59:60.25Z", "2016-12-31T23:59:59.25Z"),
        ("2016-12-31T15:59:60-08:00", "2016-12-31T23:59:59Z"),
    ],
)
def test_a_leap_second_is_read_as_the_second_before_it(leap: str, before: str) -> None:
    assert from_rfc3339(leap) == from_rfc3339(before)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T10:00:00",
        "2026-11-22T10:00:00.123",
        "2026-11-22",
        "2026-11-22T10:00Z",
        "2026-11-22 10:00:00Z",
        "20261122T100000Z",
        "2026-W47-7T10:00:00Z",
        "2026-11-22T10:00:00,5Z",
        "2026-11-22T10:00:00.Z",
        "2026-11-22T10:00:00.0000000000Z",
        "2026-11-22T10:00:00+01",
        "2026-11-22T10:00:00+0100",
        "2026-11-22T10:00:00+01:60",
        "2026-11-22T10:00:00+24:00",
        "2026-11-22T10:00:00 Z",
        "2026-11-22T10:00:00Z\n",
        " 2026-11-22T10:00:00Z",
        "2026-11-22T10:60:00Z",
        "2026-11-22T10:60:60Z",
        "2026-11-22T10:00:61Z",
        "2026-11-22T24:00:00Z",
        "2026-02-30T10:00:00Z",
        "2026-13-01T10:00:00Z",
        "2026-00-01T10:00:00Z",
        "0000-01-01T00:00:00Z",
        "\N{ARABIC-INDIC DIGIT TWO}026-11-22T10:00:00Z",
        "12026-11-22T10:00:00Z",
        "1795341600",
        "now",
        "",
    ],
)
def test_what_is_no_rfc_3339_time_with_an_offset_is_refused(text: str) -> None:
    with pytest.raises(TimeInvalid) as refused:
        from_rfc3339(text)
    assert refused.value.code == "time_invalid"
    assert not text or text not in str(refused.value)


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-00:01", "0001-01-01T00:00:00+00:01"])
def test_a_moment_that_utc_cannot_write_is_refused(text: str) -> None:
    with pytest.raises(TimeInvalid):
        from_rfc3339(text)


@given(
    st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", fullmatch=True)
)
def test_whatever_is_read_can_be_written(text: str) -> None:
    try:
        milliseconds = from_rfc3339(text)
    except TimeInvalid:
        return
    assert from_rfc3339(to_rfc3339(milliseconds)) == milliseconds
