"""Attack: mutations of a genuine message. Either the same claims come out, or `SealInvalid`."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signing.errors import SealInvalid
from tests.signing.builders import AUDIENCE, NOW, job_claims
from tests.workers.builders import KEYRING, sealed_job
from workers.types import Delivered
from workers.verify import verify
from workers.wire import CONTENT_TYPE

GENUINE: dict[str, Any] = {
    "body": sealed_job().decode(),
    "content-type": CONTENT_TYPE,
    "content-encoding": "utf-8",
    "headers": {"task": "payments.capture", "id": "x"},
    "properties": {"delivery_tag": "1", "delivery_info": {"exchange": "", "routing_key": "fast"}},
}
RAW = json.dumps(GENUINE).encode()
CLAIMS = job_claims()

bounded = settings(
    deadline=None, max_examples=400, suppress_health_check=list(HealthCheck), derandomize=True
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.just("__type__")
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


def is_same_or_refused(raw: bytes, queue: str = "fast") -> None:
    try:
        verified = verify(
            Delivered(queue, raw),
            KEYRING,
            audience=AUDIENCE,
            tasks=("payments.capture",),
            now=NOW,
        )
    except SealInvalid:
        return
    assert verified.job.claims == CLAIMS
    assert queue == "fast"


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all nodes."""
    found = [path]
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, item in items:
        found += places(item, (*path, key))
    return found


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


def removed(value: Any, path: tuple[Any, ...]) -> Any:
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(path) == 1:
        del copy[path[0]]
    else:
        copy[path[0]] = removed(value[path[0]], path[1:])
    return copy


def in_message(envelope: Any) -> bytes:
    return json.dumps(GENUINE | {"body": json.dumps(envelope)}).encode()


MESSAGE_PLACES = places(GENUINE)
ENVELOPE = json.loads(GENUINE["body"])
ENVELOPE_PLACES = places(ENVELOPE)


def test_the_genuine_one_is_itself() -> None:
    is_same_or_refused(RAW)
    is_same_or_refused(in_message(ENVELOPE))


@bounded
@given(st.binary(max_size=300))
def test_any_bytes(raw: bytes) -> None:
    is_same_or_refused(raw)


@bounded
@given(values)
def test_any_json(value: Any) -> None:
    is_same_or_refused(json.dumps(value).encode())


@bounded
@given(
    st.lists(st.tuples(st.integers(0, len(RAW) - 1), st.integers(0, 255)), min_size=1, max_size=4)
)
def test_bytes_changed(changes: list[tuple[int, int]]) -> None:
    raw = bytearray(RAW)
    for index, value in changes:
        raw[index] = value
    is_same_or_refused(bytes(raw))


@bounded
@given(
    st.integers(0, len(RAW)), st.integers(0, len(RAW)), st.binary(max_size=20), st.integers(1, 3)
)
def test_pieces_cut_out_doubled_and_put_in(first: int, second: int, new: bytes, times: int) -> None:
    start, end = sorted((first, second))
    is_same_or_refused(RAW[:start] + new + RAW[end:])
    is_same_or_refused(RAW[:end] + new + RAW[start:end] * times + RAW[end:])


@bounded
@given(st.sampled_from(MESSAGE_PLACES), values)
def test_any_value_at_any_place_of_the_message(path: tuple[Any, ...], value: Any) -> None:
    is_same_or_refused(json.dumps(replaced(GENUINE, path, value)).encode())


@bounded
@given(st.sampled_from(ENVELOPE_PLACES), values)
def test_any_value_at_any_place_of_the_envelope(path: tuple[Any, ...], value: Any) -> None:
    is_same_or_refused(in_message(replaced(ENVELOPE, path, value)))


@bounded
@given(st.text(max_size=8), values)
def test_any_member_more(name: str, value: Any) -> None:
    is_same_or_refused(json.dumps(GENUINE | {name: value}).encode())
    is_same_or_refused(in_message(ENVELOPE | {name: value}))


def test_any_member_less() -> None:
    for path in MESSAGE_PLACES[1:]:
        is_same_or_refused(json.dumps(removed(GENUINE, path)).encode())
    for path in ENVELOPE_PLACES[1:]:
        is_same_or_refused(in_message(removed(ENVELOPE, path)))


@bounded
@given(st.text(max_size=12))
def test_any_queue(queue: str) -> None:
    is_same_or_refused(RAW, queue)
