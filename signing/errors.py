"""Errors that every package raises: a stable code, a sentence, never a value from outside."""


class CountersignError(Exception):
    """Base of all errors raised on purpose here.

    Attributes:
        code: stable, machine-readable; the contract's names where the contract has one.
        message: one sentence for people; never holds an untrusted or secret value.
    """

    code = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


class MalformedJSON(CountersignError):
    """The bytes are not the one JSON document that the strict reader accepts."""

    code = "malformed_json"


class SealInvalid(CountersignError):
    """An envelope or its claims cannot be trusted; the code says which check refused it."""

    code = "seal_invalid"


class SignatureInvalid(CountersignError):
    """An HTTP request's signature was refused; the code is the contract's 401 or 400 code."""

    code = "signature_invalid"


class KeyInvalid(CountersignError):
    """Key material cannot be read, or is of another kind than its registered algorithm."""

    code = "key_invalid"


class ReferenceInvalid(CountersignError):
    """A secret reference is not of the form `vault:<mount>/<path>#<field>@<version>`."""

    code = "reference_invalid"


class CatalogError(CountersignError):
    """A task catalog cannot be used; the message names the task and the field."""

    code = "catalog_invalid"


class SettingError(CountersignError):
    """A setting is missing or wrong; the message names the setting and the mend."""

    code = "setting_invalid"
