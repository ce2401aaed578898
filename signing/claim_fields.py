"""Typed reading of a claims object, field by field, with nothing left over at the end."""

from signing.errors import SealInvalid
from signing.ids import is_job_id
from signing.strict_json import JsonObject, JsonValue
from signing.times import TimeInvalid, from_rfc3339


class Fields:
    """Takes fields out of an object; every error names the field and never the value."""

    def __init__(self, document: JsonObject) -> None:
        self._left = dict(document)

    def value(self, name: str) -> JsonValue:
        """Take a field of any type."""
        if name not in self._left:
            raise SealInvalid(f"claim {name}: missing", code="claims_invalid")
        return self._left.pop(name)

    def text(self, name: str) -> str:
        """Take a string that is not empty."""
        value = self.value(name)
        if not isinstance(value, str) or not value:
            raise SealInvalid(f"claim {name}: not a text", code="claims_invalid")
        return value

    def optional_text(self, name: str) -> str | None:
        """Take a string or null."""
        value = self.value(name)
        if value is not None and not isinstance(value, str):
            raise SealInvalid(f"claim {name}: not a text or null", code="claims_invalid")
        return value

    def integer(self, name: str, least: int) -> int:
        """Take a whole number of at least `least`; a boolean is none."""
        value = self.value(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise SealInvalid(f"claim {name}: not a whole number in range", code="claims_invalid")
        return value

    def object(self, name: str) -> JsonObject:
        """Take an object."""
        value = self.value(name)
        if not isinstance(value, dict):
            raise SealInvalid(f"claim {name}: not an object", code="claims_invalid")
        return value

    def time(self, name: str) -> int:
        """Take an RFC 3339 time, as milliseconds since the epoch."""
        try:
            return from_rfc3339(self.text(name))
        except TimeInvalid:
            raise SealInvalid(f"claim {name}: not a time", code="claims_invalid") from None

    def job_id(self, name: str) -> str:
        """Take a job id."""
        value = self.text(name)
        if not is_job_id(value):
            raise SealInvalid(f"claim {name}: not a job id", code="claims_invalid")
        return value

    def done(self) -> None:
        """Refuse fields that nobody took."""
        if self._left:
            raise SealInvalid("the claims hold a field that is not known", code="claims_invalid")
