"""What goes into the scripts and what is read out of their replies."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing.ledger.packed import pack
from signing.ledger.record import (
    CLOCK_MARGIN_MS,
    Accepted,
    Claim,
    Hint,
    LedgerInvalid,
    Limits,
    Record,
    TakenJobs,
    accepted_from,
    claim_from,
    record_from,
    state_from,
    taken_from,
)
from signing.ledger.states import STATES
from tests.ledger.jobs import acceptance

words = st.text("abcdefghijklmnopqrstuvwxyz0123456789._-", min_size=1, max_size=20)
numbers = st.integers(0, 2**53)
# What a reply may hold where something else is expected.
ODD: list[Any] = [None, False, 7, b"x", b"\xff", "text", [], [b"x"], {}, 1.5]

RECORD = {
    b"state": b"queued",
    b"producer": b"acme",
    b"task": b"sample.task",
    b"queue": b"fast",
    b"priority": b"3",
    b"attempt": b"1",
    b"max_attempts": b"5",
    b"on_lost": b"hold",
    b"secret": b"1",
    b"seal": b"5" * 64,
    b"accepted": b"1000",
    b"due": b"1001",
    b"expires": b"2000",
}
OPTIONAL = {
    b"started": b"1002",
    b"finished": b"1003",
    b"worker": b"w-1",
    b"error": b"worker_lost",
}


def test_script_keys_name_the_nonce_and_the_idempotency_key() -> None:
    assert acceptance(0, idempotency_key=None).script_keys()[1] == ""
    with_key = acceptance(0, idempotency_key="k").script_keys()
    assert with_key[0].startswith("cs:nonce:")
    assert with_key[1].startswith("cs:idem:")


@given(task=words, queue=words, producer=words, priority=st.integers(0, 9), secret=st.booleans())
def test_script_args_hold_every_field_on_a_line(
    task: str, queue: str, producer: str, priority: int, secret: bool
) -> None:
    job = acceptance(
        5, task=task, queue=queue, producer=producer, priority=priority, has_secret=secret
    )
    job_id, seal, lines = job.script_args()
    assert (job_id, seal) == (job.job_id, pack(job.seal))
    assert isinstance(lines, str)
    assert lines.endswith("\n")
    listed = lines.split("\n")[:-1]
    assert listed[1:6:4] == [job.body_digest, producer]
    assert listed[9:11] == [str(5 - CLOCK_MARGIN_MS), str(5 + CLOCK_MARGIN_MS)]
    fields = dict(zip(listed[11::2], listed[12::2], strict=True))
    assert fields == {
        "producer": producer,
        "task": task,
        "queue": queue,
        "priority": str(priority),
        "max_attempts": "3",
        "on_lost": "rerun",
        "secret": str(int(secret)),
        "seal": "5" * 64,
    }


@pytest.mark.parametrize(
    "field", ["body_digest", "producer", "task", "queue", "on_lost", "seal_digest"]
)
def test_a_field_that_would_make_two_lines_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match="a field of a job holds a line break"):
        acceptance(0, **{field: "a\nb"}).script_args()


@pytest.mark.parametrize(
    ("limits", "interval"),
    [(Limits(), 0), (Limits(per_second=4), 250), (Limits(per_second=3000), 1 / 3)],
)
def test_the_interval_of_a_rate(limits: Limits, interval: float) -> None:
    assert limits.interval_ms == pytest.approx(interval)


@pytest.mark.parametrize(
    "outcome", ["accepted", "existing", "replayed", "mismatch", "limited", "full", "clock"]
)
def test_an_answer_of_accept(outcome: Any) -> None:
    assert accepted_from([outcome.encode(), b"id-1", 12]) == Accepted(outcome, "id-1", 12)


@pytest.mark.parametrize(
    "reply",
    [
        [b"other", b"id-1", 0],
        [None, b"id-1", 0],
        [[], b"id-1", 0],
        ["accepted", b"id-1", 0],
        [b"accepted", None, 0],
        [b"accepted", 7, 0],
        [b"accepted", b"\xff", 0],
        [b"accepted", b"id-1", b"0"],
        [b"accepted", b"id-1", None],
        [b"accepted", b"id-1"],
        [b"accepted", b"id-1", 0, 0],
    ],
    ids=repr,
)
def test_another_answer_of_accept_is_invalid(reply: Any) -> None:
    with pytest.raises(LedgerInvalid):
        accepted_from(reply)


@pytest.mark.parametrize("read", [accepted_from, taken_from, claim_from, state_from])
@pytest.mark.parametrize("odd", [odd for odd in ODD if odd != []], ids=repr)
def test_a_reply_that_is_nothing_of_the_kind_is_invalid(read: Any, odd: Any) -> None:
    with pytest.raises(LedgerInvalid) as caught:
        read(odd)
    assert caught.value.code == "ledger_invalid"
    assert caught.value.__cause__ is None


seals = st.text(max_size=30).map(str.encode)
hints = st.lists(st.builds(Hint, words, words, words, st.integers(0, 9), seals), max_size=4)


@given(hints)
def test_hints_come_back_as_they_were(listed: list[Hint]) -> None:
    reply = [
        part
        for each in listed
        for part in (
            each.job_id.encode(),
            each.queue.encode(),
            each.task.encode(),
            str(each.priority).encode(),
            pack(each.seal),
        )
    ]
    assert taken_from(reply) == TakenJobs(tuple(listed), ())


@pytest.mark.parametrize("seal", [b"{}", pack(b"\xff")], ids=["not packed", "not UTF-8"])
def test_a_seal_that_cannot_be_read_is_named_and_stops_no_other(seal: bytes) -> None:
    reply = [b"id-1", b"fast", b"sample.task", b"0", seal]
    reply += [b"id-2", b"fast", b"sample.task", b"0", pack(b"{}")]
    taken = taken_from(reply)
    assert taken.unreadable == ("id-1",)
    assert [hint.job_id for hint in taken.hints] == ["id-2"]


@pytest.mark.parametrize("place", range(1, 5))
@pytest.mark.parametrize("odd", [None, 7, "text", [], b"\xff"], ids=repr)
def test_a_hint_with_an_odd_part_is_named_and_stops_no_other(place: int, odd: Any) -> None:
    reply: list[Any] = [b"id-1", b"fast", b"sample.task", b"0", pack(b"{}")]
    reply[place] = odd
    reply += [b"id-2", b"fast", b"sample.task", b"0", pack(b"{}")]
    taken = taken_from(reply)
    assert taken.unreadable == ("id-1",)
    assert [hint.job_id for hint in taken.hints] == ["id-2"]


@pytest.mark.parametrize("odd", [None, 7, "text", []], ids=repr)
def test_a_hint_of_no_job_is_invalid(odd: Any) -> None:
    with pytest.raises(LedgerInvalid, match="take_due"):
        taken_from([odd, b"fast", b"sample.task", b"0", b"{}"])


@given(st.sampled_from([*STATES, "claimed", "early", "unknown"]), numbers, st.booleans(), numbers)
def test_a_claim_comes_back_as_it_was(status: Any, attempt: int, extra: bool, at: int) -> None:
    reply = [status.encode(), attempt, int(extra), at, 5]
    assert claim_from(reply) == Claim(status, attempt, extra, at, 5)


@pytest.mark.parametrize(
    "reply",
    [
        [b"other", 1, 0, 5, 5],
        [[], 1, 0, 5, 5],
        [b"claimed", b"1", 0, 5, 5],
        [b"claimed", 1, None, 5, 5],
        [b"claimed", 1, 0, 5],
        [b"claimed", 1, 0, None, 5],
        [b"claimed", 1, 0, 5, b"5"],
    ],
)
def test_another_answer_of_claim_is_invalid(reply: Any) -> None:
    with pytest.raises(LedgerInvalid):
        claim_from(reply)


def test_states_after_settling() -> None:
    assert [state_from(state.encode()) for state in STATES] == list(STATES)
    assert state_from(b"stale") is None


def test_a_record_is_read() -> None:
    assert record_from("id-1", RECORD) == Record(
        job_id="id-1",
        state="queued",
        producer="acme",
        task="sample.task",
        queue="fast",
        priority=3,
        attempt=1,
        max_attempts=5,
        on_lost="hold",
        has_secret=True,
        seal_digest="sha-256:" + "5" * 64,
        accepted=1000,
        due=1001,
        expires=2000,
        started=None,
        finished=None,
        worker=None,
        error=None,
    )
    record = record_from("id-1", RECORD | OPTIONAL)
    assert record is not None
    assert (record.started, record.finished, record.worker, record.error) == (
        1002,
        1003,
        "w-1",
        "worker_lost",
    )


def test_no_record_is_none() -> None:
    assert record_from("id-1", {}) is None


@pytest.mark.parametrize("name", RECORD)
def test_a_record_without_one_of_its_fields_is_invalid(name: bytes) -> None:
    fields = {key: value for key, value in RECORD.items() if key != name}
    with pytest.raises(LedgerInvalid) as caught:
        record_from("id-1", fields)
    assert caught.value.message == "a job's record is not of its form"


@pytest.mark.parametrize("name", [*RECORD, b"started", b"finished"])
def test_a_record_with_an_odd_field_is_invalid(name: bytes) -> None:
    with pytest.raises(LedgerInvalid):
        record_from("id-1", RECORD | {name: b"\xff"})
