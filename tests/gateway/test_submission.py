"""The body of a submission: members, times, priority, idempotency key, trace."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.local.vault_provision import SECRETS_LIVE
from gateway.errors import Refused
from gateway.submission import (
    DAY_MS,
    DEFAULT_LIFE_MS,
    DEFAULT_PRIORITY,
    MAX_AHEAD_MS,
    Submission,
    read_idempotency_key,
    read_submission,
    read_trace,
)
from signing.errors import CountersignError, MalformedJSON
from signing.times import to_rfc3339
from tests.gateway.fakes import NOW

CANARY = "hunter2"


def read(**members: Any) -> Submission:
    body = json.dumps({"task": "demo.echo", "args": {}, **members}).encode()
    return read_submission(body, now=NOW, max_bytes=10_000)


def refusal(**members: Any) -> str:
    with pytest.raises(Refused) as refused:
        read(**members)
    assert refused.value.code == "malformed_request"
    assert CANARY not in refused.value.message
    return refused.value.message


def test_a_job_is_due_at_once_and_lives_seven_days_where_nothing_is_said() -> None:
    assert read() == Submission("demo.echo", {}, NOW, NOW + DEFAULT_LIFE_MS, DEFAULT_PRIORITY)


def test_arguments_may_be_left_out_where_a_task_takes_none() -> None:
    body = b'{"task": "demo.noop"}'
    assert read_submission(body, now=NOW, max_bytes=100).args == {}


def test_what_is_not_strict_json_is_malformed_json() -> None:
    for body in (b"", b"[]", b'{"task": "a", "task": "b"}', b"{" + b" " * 100 + b"}"):
        with pytest.raises(MalformedJSON) as refused:
            read_submission(body, now=NOW, max_bytes=100)
        assert refused.value.code == "malformed_json"


@pytest.mark.parametrize(
    ("members", "names"),
    [
        ({CANARY: 1}, "member"),
        ({"task": None}, "task"),
        ({"task": [CANARY]}, "task"),
        ({"args": [CANARY]}, "args"),
        ({"args": None}, "args"),
        ({"not_before": CANARY}, "not_before"),
        ({"not_before": 5}, "not_before"),
        ({"not_before": "2026-11-22T10:00:00"}, "not_before"),
        ({"delay": CANARY}, "delay"),
        ({"delay": True}, "delay"),
        ({"delay": -1}, "delay"),
        ({"expires": CANARY}, "expires"),
        ({"expires": False}, "expires"),
        ({"expires": [CANARY]}, "expires"),
        ({"expires": -0.5}, "expires"),
        ({"priority": CANARY}, "priority"),
        ({"priority": 10}, "priority"),
        ({"priority": -1}, "priority"),
        ({"priority": 5.0}, "priority"),
        ({"priority": True}, "priority"),
        ({"priority": None}, "priority"),
    ],
)
def test_a_member_of_another_form_is_named_and_not_quoted(
    members: dict[str, Any], names: str
) -> None:
    assert names in refusal(**members)


def test_a_delay_counts_from_now_also_in_parts_of_a_second() -> None:
    assert read(delay=1.5).not_before == NOW + 1500
    assert read(delay=0).not_before == NOW
    assert read(delay=None).not_before == NOW


def test_not_before_in_the_past_is_now() -> None:
    assert read(not_before=to_rfc3339(NOW + DAY_MS)).not_before == NOW + DAY_MS
    assert read(not_before=to_rfc3339(NOW - DAY_MS)).not_before == NOW


def test_not_before_and_delay_exclude_each_other() -> None:
    assert "give one" in refusal(not_before=to_rfc3339(NOW), delay=1)


def test_a_job_may_wait_a_year_and_no_longer() -> None:
    assert read(delay=MAX_AHEAD_MS // 1000).not_before == NOW + MAX_AHEAD_MS
    assert "366 days" in refusal(delay=MAX_AHEAD_MS // 1000 + 1)
    assert "366 days" in refusal(not_before=to_rfc3339(NOW + MAX_AHEAD_MS + 1))


@pytest.mark.parametrize("member", ["delay", "expires"])
@pytest.mark.parametrize("seconds", [1e300, 1e306, 1.7e308, 2**53 - 1])
def test_seconds_beyond_any_time_are_refused(member: str, seconds: float) -> None:
    assert member in refusal(**{member: seconds})


def test_expires_is_a_time_or_seconds_and_counts_from_now() -> None:
    assert read(expires=60).expires_at == NOW + 60_000
    assert read(expires=to_rfc3339(NOW + 5_000)).expires_at == NOW + 5_000
    assert read(delay=10).expires_at == NOW + 10_000 + DEFAULT_LIFE_MS
    assert read(delay=10, expires=11).expires_at == NOW + 11_000


def test_a_job_may_not_expire_before_it_is_due_nor_live_longer_than_a_year() -> None:
    assert "expires" in refusal(expires=0)
    assert "expires" in refusal(delay=10, expires=10)
    assert "expires" in refusal(expires=to_rfc3339(NOW - 1))
    assert read(expires=MAX_AHEAD_MS // 1000).expires_at == NOW + MAX_AHEAD_MS
    assert "expires" in refusal(expires=MAX_AHEAD_MS // 1000 + 1)


def test_no_job_outlives_its_secrets() -> None:
    """The secrets' mount ends what nobody deleted; a job whose secret is gone could never run."""
    longest = MAX_AHEAD_MS // 1000
    latest = read(delay=longest, expires=2 * longest).expires_at
    assert latest == NOW + 2 * MAX_AHEAD_MS
    assert "expires" in refusal(delay=longest, expires=2 * longest + 1)
    hours = int(SECRETS_LIVE.removesuffix("h"))
    assert latest - NOW < hours * 3_600_000


def test_priorities_are_the_ten_of_the_contract() -> None:
    assert [read(priority=value).priority for value in range(10)] == list(range(10))


@given(
    st.dictionaries(
        st.sampled_from(["task", "args", "not_before", "delay", "expires", "priority", "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
            lambda inner: (
                st.lists(inner, max_size=2)
                | st.dictionaries(st.text(max_size=3), inner, max_size=2)
            ),
            max_leaves=4,
        ),
    )
)
def test_any_document_is_read_or_refused_with_a_code_of_the_contract(
    document: dict[str, Any],
) -> None:
    try:
        submission = read_submission(json.dumps(document).encode(), now=NOW, max_bytes=10_000)
    except CountersignError as error:
        assert error.code in {"malformed_json", "malformed_request"}  # noqa: PT017
    else:
        assert NOW <= submission.not_before < submission.expires_at
        assert 0 <= submission.priority <= 9


def test_an_idempotency_key_has_1_to_255_characters() -> None:
    assert read_idempotency_key({}) is None
    assert read_idempotency_key({"idempotency-key": "k" * 255}) == "k" * 255
    for key in ("", "k" * 256):
        with pytest.raises(Refused) as refused:
            read_idempotency_key({"idempotency-key": key})
        assert refused.value.code == "malformed_request"


def test_a_trace_parent_is_passed_on_where_it_is_one() -> None:
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    assert read_trace({"traceparent": trace}, {"traceparent"}) == trace
    for other in ("", CANARY, trace + "-x", trace.upper(), f"01{trace[2:]}"):
        assert read_trace({"traceparent": other}, {"traceparent"}) is None
    assert read_trace({}, {"traceparent"}) is None


def test_a_trace_parent_that_is_not_signed_is_none() -> None:
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    assert read_trace({"traceparent": trace}, {"@method", "content-type"}) is None
