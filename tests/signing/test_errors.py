import inspect

import pytest

from signing import errors, times
from signing.errors import CountersignError, SealInvalid, SignatureInvalid

CODES = {
    errors.CountersignError: "error",
    errors.MalformedJSON: "malformed_json",
    errors.SealInvalid: "seal_invalid",
    errors.SignatureInvalid: "signature_invalid",
    errors.KeyInvalid: "key_invalid",
    errors.ReferenceInvalid: "reference_invalid",
    errors.CatalogError: "catalog_invalid",
    errors.SettingError: "setting_invalid",
    times.TimeInvalid: "time_invalid",
}


def test_every_error_of_the_module_is_in_the_table() -> None:
    defined = {
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if kind.__module__ == errors.__name__
    }
    assert defined <= CODES.keys()


def test_no_two_errors_share_a_code() -> None:
    assert len(set(CODES.values())) == len(CODES)


@pytest.mark.parametrize(("kind", "code"), CODES.items())
def test_each_error_has_its_code_and_one_sentence(kind: type[CountersignError], code: str) -> None:
    error = kind("what is wrong")
    assert isinstance(error, CountersignError)
    assert (error.code, error.message, str(error)) == (code, "what is wrong", "what is wrong")


def test_a_code_given_is_the_code_of_that_error_alone() -> None:
    assert SealInvalid("why", code="key_revoked").code == "key_revoked"
    assert SealInvalid("why").code == "seal_invalid"


def test_errors_can_be_told_apart_by_type() -> None:
    assert not issubclass(SignatureInvalid, SealInvalid)
