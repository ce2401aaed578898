from collections.abc import Callable
from typing import Any

import pytest

from signing.claim_fields import Fields
from signing.errors import SealInvalid
from tests.signing.builders import JOB_ID, NOW

Take = Callable[[Fields], Any]

TAKEN: list[tuple[Take, Any, Any]] = [
    (lambda fields: fields.value("f"), None, None),
    (lambda fields: fields.value("f"), [1], [1]),
    (lambda fields: fields.text("f"), "a", "a"),
    (lambda fields: fields.optional_text("f"), "a", "a"),
    (lambda fields: fields.optional_text("f"), "", ""),
    (lambda fields: fields.optional_text("f"), None, None),
    (lambda fields: fields.integer("f", 3), 3, 3),
    (lambda fields: fields.object("f"), {}, {}),
    (lambda fields: fields.time("f"), "2026-11-22T10:00:00Z", NOW),
    (lambda fields: fields.job_id("f"), JOB_ID, JOB_ID),
]
WRONG: list[tuple[Take, list[Any]]] = [
    (lambda fields: fields.text("f"), ["", None, 1, True, [], {}]),
    (lambda fields: fields.optional_text("f"), [1, False, [], {}]),
    (lambda fields: fields.integer("f", 3), [2, -3, True, False, 3.0, "3", None, [], {}]),
    (lambda fields: fields.object("f"), [None, [], "{}", 1]),
    (lambda fields: fields.time("f"), ["", "hunter2", "2026-11-22", NOW, None]),
    (lambda fields: fields.job_id("f"), ["", "hunter2", 1, None]),
]
REFUSED = [(take, value) for take, values in WRONG for value in values]


@pytest.mark.parametrize(("take", "value", "expected"), TAKEN)
def test_a_field_of_its_type_is_taken(take: Take, value: Any, expected: Any) -> None:
    fields = Fields({"f": value})
    assert take(fields) == expected
    fields.done()


@pytest.mark.parametrize(("take", "value"), REFUSED)
def test_a_field_of_another_type_is_refused_by_name(take: Take, value: Any) -> None:
    with pytest.raises(SealInvalid, match="claim f: not") as refused:
        take(Fields({"f": value}))
    assert refused.value.code == "claims_invalid"
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("take", [take for take, _, _ in TAKEN])
def test_a_field_that_is_not_there_is_refused_by_name(take: Take) -> None:
    with pytest.raises(SealInvalid, match="claim f: missing"):
        take(Fields({"other": 1}))


def test_a_field_can_be_taken_once() -> None:
    fields = Fields({"f": 1})
    fields.value("f")
    with pytest.raises(SealInvalid, match="missing"):
        fields.value("f")


def test_a_field_left_over_is_refused_without_its_name() -> None:
    with pytest.raises(SealInvalid) as refused:
        Fields({"hunter2": 1}).done()
    assert refused.value.code == "claims_invalid"
    assert "hunter2" not in str(refused.value)


def test_the_callers_object_is_left_as_it_was() -> None:
    document: dict[str, Any] = {"f": 1}
    Fields(document).value("f")
    assert document == {"f": 1}
