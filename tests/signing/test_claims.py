import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing.claims import JobClaims, RequestBinding, ResultClaims
from signing.errors import SealInvalid
from signing.ids import uuid7
from signing.strict_json import MAX_SAFE_INTEGER, JsonObject, JsonValue
from tests.signing.builders import job_claims, result_claims

Reader = Callable[[bytes], Any]

CHARACTERS = st.characters(exclude_categories=["Cs"])
TEXTS = st.text(CHARACTERS, min_size=1, max_size=20)
OPTIONAL_TEXTS = st.none() | st.text(CHARACTERS, max_size=20)
TIMES = st.integers(0, 253_402_300_799_999)
COUNTS = st.integers(1, MAX_SAFE_INTEGER)
JOB_IDS = st.builds(uuid7, st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
SCALARS: st.SearchStrategy[JsonValue] = st.none() | st.booleans() | COUNTS | TEXTS
VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3).map(list), max_leaves=5
)
ARGS: st.SearchStrategy[JsonObject] = st.dictionaries(TEXTS, VALUES, max_size=3)

JOBS = st.builds(
    JobClaims,
    id=JOB_IDS,
    producer=TEXTS,
    task=TEXTS,
    queue=TEXTS,
    args=ARGS,
    issued_at=TIMES,
    not_before=TIMES,
    expires_at=TIMES,
    time_limit=COUNTS,
    soft_time_limit=COUNTS,
    max_attempts=COUNTS,
    priority=st.integers(0, 9),
    audience=TEXTS,
    request=st.builds(RequestBinding, digest=TEXTS, keyid=TEXTS, nonce=TEXTS),
    trace=OPTIONAL_TEXTS,
)
RESULTS = st.builds(
    ResultClaims,
    id=JOB_IDS,
    job_seal=TEXTS,
    audience=TEXTS,
    state=st.sampled_from(["succeeded", "failed"]),
    result=VALUES,
    error=OPTIONAL_TEXTS,
    error_type=OPTIONAL_TEXTS,
    attempt=COUNTS,
    worker=TEXTS,
    started_at=TIMES,
    finished_at=TIMES,
)

# Field -> values of other types, or out of range; `hunter2` must not come back in a message.
WRONG_TEXT: list[Any] = ["", None, 1, True, ["hunter2"], {"hunter2": 1}]
WRONG_OPTIONAL: list[Any] = [1, False, ["hunter2"], {"hunter2": 1}]
WRONG_TIME: list[Any] = ["", "hunter2", None, 1_795_341_600_000, "2026-11-22T10:00:00"]
WRONG_COUNT: list[Any] = [0, -1, 1.0, True, "hunter2", None, ["hunter2"]]
WRONG_ID: list[Any] = ["", "hunter2", None, 7, "017F22E2-79B0-7CC3-98C4-DC0C0C07398F"]
WRONG_VERSION: list[Any] = [0, 2, 1.0, True, "1", None]

WRONG_JOB: dict[str, list[Any]] = {
    "v": WRONG_VERSION,
    "id": WRONG_ID,
    "producer": WRONG_TEXT,
    "task": WRONG_TEXT,
    "queue": WRONG_TEXT,
    "args": [None, "hunter2", ["hunter2"], 1],
    "issued_at": WRONG_TIME,
    "not_before": WRONG_TIME,
    "expires_at": WRONG_TIME,
    "time_limit": WRONG_COUNT,
    "soft_time_limit": WRONG_COUNT,
    "max_attempts": WRONG_COUNT,
    "priority": [-1, 1.0, True, "hunter2", None],
    "audience": WRONG_TEXT,
    "request": [
        None,
        "hunter2",
        [],
        {},
        {"digest": "d", "keyid": "k"},
        {"digest": "d", "keyid": "k", "nonce": ""},
        {"digest": "d", "keyid": "k", "nonce": 1},
        {"digest": "d", "keyid": None, "nonce": "n"},
        {"digest": ["hunter2"], "keyid": "k", "nonce": "n"},
        {"digest": "d", "keyid": "k", "nonce": "n", "hunter2": 1},
    ],
    "trace": WRONG_OPTIONAL,
}
WRONG_RESULT: dict[str, list[Any]] = {
    "v": WRONG_VERSION,
    "id": WRONG_ID,
    "job_seal": WRONG_TEXT,
    "audience": WRONG_TEXT,
    "state": ["hunter2", "running", "SUCCEEDED", *WRONG_TEXT],
    "error": WRONG_OPTIONAL,
    "error_type": WRONG_OPTIONAL,
    "attempt": WRONG_COUNT,
    "worker": WRONG_TEXT,
    "started_at": WRONG_TIME,
    "finished_at": WRONG_TIME,
}

JOB_DOCUMENT = cast(dict[str, Any], json.loads(job_claims().to_payload()))
RESULT_DOCUMENT = cast(dict[str, Any], json.loads(result_claims().to_payload()))
READERS: list[tuple[Reader, dict[str, Any], dict[str, list[Any]]]] = [
    (JobClaims.from_payload, JOB_DOCUMENT, WRONG_JOB),
    (ResultClaims.from_payload, RESULT_DOCUMENT, WRONG_RESULT),
]


def _refusal(reader: Reader, document: object) -> str:
    with pytest.raises(SealInvalid) as refused:
        reader(json.dumps(document).encode())
    assert refused.value.code == "claims_invalid"
    assert "hunter2" not in str(refused.value)
    return str(refused.value)


@given(JOBS)
def test_a_jobs_claims_are_read_as_they_were_written(claims: JobClaims) -> None:
    assert JobClaims.from_payload(claims.to_payload()) == claims


@given(RESULTS)
def test_a_results_claims_are_read_as_they_were_written(claims: ResultClaims) -> None:
    assert ResultClaims.from_payload(claims.to_payload()) == claims


@given(JOBS)
def test_one_job_is_always_written_with_the_same_bytes(claims: JobClaims) -> None:
    payload = claims.to_payload()
    assert JobClaims.from_payload(payload).to_payload() == payload


def test_the_payload_holds_the_contracts_fields() -> None:
    assert JOB_DOCUMENT.keys() == {
        *("v", "id", "producer", "task", "queue", "args", "issued_at", "not_before"),
        *("expires_at", "time_limit", "soft_time_limit", "max_attempts", "priority"),
        *("audience", "request", "trace"),
    }
    assert JOB_DOCUMENT["v"] == 1
    assert JOB_DOCUMENT["issued_at"] == "2026-11-22T10:00:00.000Z"
    assert JOB_DOCUMENT["request"].keys() == {"digest", "keyid", "nonce"}


@pytest.mark.parametrize(
    ("reader", "document", "field"),
    [(reader, document, field) for reader, document, _ in READERS for field in document],
)
def test_a_field_missing_is_refused_by_name(
    reader: Reader, document: dict[str, Any], field: str
) -> None:
    left = {name: value for name, value in document.items() if name != field}
    assert _refusal(reader, left) == f"claim {field}: missing"


@pytest.mark.parametrize(
    ("reader", "document", "field", "wrong"),
    [
        (reader, document, field, wrong)
        for reader, document, table in READERS
        for field, values in table.items()
        for wrong in values
    ],
)
def test_a_field_of_another_type_is_refused_without_its_value(
    reader: Reader, document: dict[str, Any], field: str, wrong: object
) -> None:
    _refusal(reader, document | {field: wrong})


@pytest.mark.parametrize(("reader", "document", "table"), READERS)
def test_the_tables_above_leave_out_no_field_that_has_a_type(
    reader: Reader, document: dict[str, Any], table: dict[str, list[Any]]
) -> None:
    reader(json.dumps(document).encode())
    assert document.keys() - table.keys() <= {"result"}


@pytest.mark.parametrize("more", ["hunter2", "V", "", " id", "args.card"])
@pytest.mark.parametrize(("reader", "document", "table"), READERS)
def test_a_field_more_is_refused(
    reader: Reader, document: dict[str, Any], table: dict[str, list[Any]], more: str
) -> None:
    del table
    assert "not known" in _refusal(reader, document | {more: 1})


@pytest.mark.parametrize(("reader", "document", "table"), READERS)
@pytest.mark.parametrize("payload", [b"", b"[]", b"null", b'{"v":1,"v":1}', b"\xff", b'"hunter2"'])
def test_a_payload_that_is_not_one_object_is_refused(
    reader: Reader, document: dict[str, Any], table: dict[str, list[Any]], payload: bytes
) -> None:
    del document, table
    with pytest.raises(SealInvalid) as refused:
        reader(payload)
    assert refused.value.code == "claims_invalid"
    assert "hunter2" not in str(refused.value)


def test_one_kinds_claims_are_not_the_others() -> None:
    _refusal(JobClaims.from_payload, RESULT_DOCUMENT)
    _refusal(ResultClaims.from_payload, JOB_DOCUMENT)
