"""Typed reading of the members of a gateway's answer; members that are not known are left."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from gateway.client.errors import TransportError
from signing.ids import is_job_id
from signing.strict_json import JsonObject, JsonValue
from signing.times import TimeInvalid, from_rfc3339, to_rfc3339


def invalid(message: str) -> TransportError:
    """The error for an answer that is not of its form; the message holds no value of it."""
    return TransportError(f"the answer is not of its form: {message}", code="answer_invalid")


@dataclass(frozen=True, slots=True)
class Members:
    """An object of an answer; every method raises `invalid`, naming the member."""

    document: JsonObject = field(repr=False)

    def text(self, name: str) -> str:
        """Give a text that is not empty."""
        value = self.document.get(name)
        if not isinstance(value, str) or not value:
            raise invalid(f"{name} is not a text")
        return value

    def optional_text(self, name: str) -> str | None:
        """Give a text, or none where it is null or missing."""
        value = self.document.get(name)
        if value is not None and not isinstance(value, str):
            raise invalid(f"{name} is not a text or null")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Give a list of texts."""
        listed = self._list(name)
        texts = tuple(each for each in listed if isinstance(each, str))
        if len(texts) != len(listed):
            raise invalid(f"{name} is not a list of texts")
        return texts

    def integer(self, name: str) -> int:
        """Give a whole number of at least 0."""
        value = self.document.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise invalid(f"{name} is not a whole number")
        return value

    def object(self, name: str) -> JsonObject:
        """Give an object."""
        value = self.document.get(name)
        if not isinstance(value, dict):
            raise invalid(f"{name} is not an object")
        return value

    def optional(self, name: str) -> "Members | None":
        """Give an object's members, or none where it is null or missing."""
        return None if self.document.get(name) is None else Members(self.object(name))

    def each(self, name: str) -> Iterator["Members"]:
        """Give the members of each object in a list."""
        for item in self._list(name):
            if not isinstance(item, dict):
                raise invalid(f"{name} is not a list of objects")
            yield Members(item)

    def job_id(self, name: str) -> str:
        """Give a job id."""
        value = self.text(name)
        if not is_job_id(value):
            raise invalid(f"{name} is not a job id")
        return value

    def time(self, name: str) -> datetime:
        """Give a time, in UTC."""
        try:
            # Through milliseconds, so that what Python reads beyond RFC 3339 is not read here.
            milliseconds = from_rfc3339(self.text(name))
        except TimeInvalid:
            raise invalid(f"{name} is not a time") from None
        return datetime.fromisoformat(to_rfc3339(milliseconds))

    def optional_time(self, name: str) -> datetime | None:
        """Give a time, or none where it is null or missing."""
        return None if self.document.get(name) is None else self.time(name)

    def _list(self, name: str) -> list[JsonValue]:
        value = self.document.get(name)
        if not isinstance(value, list):
            raise invalid(f"{name} is not a list")
        return value
