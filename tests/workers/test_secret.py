"""A Secret's value comes out of `reveal` and of nothing else."""

import copy
import dataclasses
import inspect
import json
import logging
import pickle
import pprint
import traceback
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, PydanticUserError, TypeAdapter, ValidationError

from workers.secret import Secret

CANARY = "canary-7f3a"


@dataclasses.dataclass
class Holder:
    token: Secret[str]


class Model(BaseModel):
    model_config = ConfigDict(strict=True)

    token: Secret[str]
    extra: Secret[int] | None = None


@pytest.fixture
def secret() -> Secret[str]:
    return Secret(CANARY)


def test_reveal_gives_the_value(secret: Secret[str]) -> None:
    assert secret.reveal() == CANARY


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        ascii,
        pprint.pformat,
        "{}".format,
        "{:>40}".format,
        "{!r:.3}".format,
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031  # the old way is the test
        lambda secret: str([secret, {"k": secret}]),
        lambda secret: repr(Holder(secret)),
        lambda secret: repr(Model(token=secret)),
        lambda secret: json.dumps(dataclasses.asdict(Holder(secret)), default=str),
        lambda secret: json.dumps(secret, default=repr),
        lambda secret: Model(token=secret).model_dump_json(),
        lambda secret: repr(Model(token=secret).model_dump()),
        lambda secret: str(inspect.getmembers(secret)),
        lambda secret: str([getattr(secret, name) for name in dir(secret)]),
    ],
)
def test_nothing_that_shows_it_shows_the_value(show: Any, secret: Secret[str]) -> None:
    shown = show(secret)
    assert CANARY not in shown
    assert "*" in shown


def test_logs_show_the_mask(secret: Secret[str], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        logging.getLogger("tasks").info("with %s and %r", secret, secret)
    assert caplog.messages == ["with **** and ****"]


def test_a_traceback_with_local_variables_shows_the_mask(secret: Secret[str]) -> None:
    def failing(token: Secret[str]) -> None:
        raise ValueError(token)

    with pytest.raises(ValueError, match=r"\*{4}") as caught:
        failing(secret)
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert CANARY not in "".join(shown.format())


def test_json_refuses_it(secret: Secret[str]) -> None:
    with pytest.raises(TypeError) as caught:
        json.dumps({"token": secret})
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_cannot_be_pickled(secret: Secret[str], protocol: int) -> None:
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps([secret], protocol)


def test_it_has_no_dictionary(secret: Secret[str]) -> None:
    with pytest.raises(TypeError):
        vars(secret)
    with pytest.raises(AttributeError):
        secret.note = "x"  # type: ignore[attr-defined]


def test_it_cannot_be_hashed(secret: Secret[str]) -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(secret)


def test_a_copy_is_the_same_object(secret: Secret[str]) -> None:
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret
    assert dataclasses.asdict(Holder(secret))["token"] is secret


def test_text_and_bytes_compare_by_value_and_the_rest_by_identity() -> None:
    assert Secret("é") == Secret("é")
    assert Secret("a") != Secret("b")
    assert Secret(b"a") == Secret(b"a")
    assert Secret(b"a") != Secret(b"b")
    assert Secret[object]("a") != Secret[object](b"a")
    assert Secret("a") != "a"
    number = Secret(1)
    assert number == number  # the same object is the point
    assert number != Secret(1)
    assert Secret("\ud800") == Secret("\ud800")


def test_pydantic_checks_the_inner_type_and_wraps() -> None:
    model = Model.model_validate_json('{"token": "t0ken", "extra": 4}')
    assert model.token.reveal() == "t0ken"
    assert model.extra is not None
    assert model.extra.reveal() == 4
    assert Model(token=Secret("x")).token.reveal() == "x"
    assert Model.model_validate({"token": "x"}).token.reveal() == "x"
    with pytest.raises(ValidationError):
        Model.model_validate_json('{"token": 4}')


def test_pydantic_writes_the_mask_for_a_secret_alone() -> None:
    assert Model(token=Secret("x")).model_dump() == {"token": "****", "extra": None}
    assert Model(token=Secret("x"), extra=Secret(1)).model_dump_json() == (
        '{"token":"****","extra":"****"}'
    )


def test_a_value_that_was_never_wrapped_is_not_shown_by_pydantic_either() -> None:
    bare = Model.model_construct(token=CANARY)
    with pytest.warns(UserWarning, match="serializer") as caught:
        bare.model_dump_json()
    assert "not a Secret" in str(caught[0].message)


def test_the_json_schema_declares_the_place_of_a_secret() -> None:
    assert TypeAdapter(Secret[str]).json_schema() == {
        "x-secret": True,
        "writeOnly": True,
        "anyOf": [
            {"type": "string"},
            {
                "type": "object",
                "properties": {"$secret": {"type": "string"}},
                "required": ["$secret"],
                "additionalProperties": False,
            },
        ],
    }
    assert TypeAdapter(Secret[int]).json_schema(mode="serialization") == {"type": "string"}


def test_a_secret_of_no_type_is_refused_as_a_type() -> None:
    with pytest.raises(PydanticUserError, match=r"Secret\[str\]"):
        TypeAdapter(Secret)
