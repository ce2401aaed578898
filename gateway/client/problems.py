"""Reading what a gateway answers: documents, and problem details (RFC 9457) as exceptions."""

import re
from email.utils import parsedate_to_datetime
from typing import Final

from gateway.client.errors import Problem, ProblemError, TransportError
from gateway.client.transport import MAX_ANSWER, Answer
from signing.errors import MalformedJSON
from signing.strict_json import JsonObject, JsonValue, parse_object

PROBLEM_TYPE: Final = "application/problem+json"
JSON_TYPES: Final = frozenset({"application/json", "application/jwk-set+json"})
MAX_SECONDS: Final = 86_400
_STANDARD: Final = frozenset({"type", "title", "status", "detail", "instance", "code"})
_CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_MAX_TEXT: Final = 500


def document_of(answer: Answer, *, now: int) -> JsonObject:
    """Give the JSON object of an answer.

    Args:
        answer: of any status.
        now: milliseconds since the epoch, for a `Retry-After` that is a date.

    Raises:
        ProblemError: where the gateway, or something before it, refused.
        TransportError: where a success does not hold JSON.
    """
    if not 200 <= answer.status < 300:
        raise ProblemError(problem_of(answer, now=now))
    if answer.media_type not in JSON_TYPES:
        raise TransportError("the answer is not JSON", code="answer_invalid")
    try:
        return parse_object(answer.body, max_bytes=MAX_ANSWER)
    except MalformedJSON as error:
        raise TransportError(f"the answer: {error.message}", code="answer_invalid") from None


def problem_of(answer: Answer, *, now: int) -> Problem:
    """Read a refusal; one that is no problem document is told by its status alone."""
    document: JsonObject = {}
    if answer.media_type == PROBLEM_TYPE:
        try:
            document = parse_object(answer.body, max_bytes=MAX_ANSWER)
        except MalformedJSON:
            document = {}
    code = document.get("code")
    known = isinstance(code, str) and _CODE.fullmatch(code) is not None
    return Problem(
        code=str(code) if known else f"http_{answer.status}",
        status=answer.status,
        title=_text(document.get("title")) or "the gateway refused the request",
        detail=_text(document.get("detail")),
        members={name: document[name] for name in document.keys() - _STANDARD},
        retry_after=_retry_after(answer.headers.get("retry-after", ""), now),
    )


def _text(value: JsonValue) -> str:
    """One line that a terminal shows as it is."""
    text = value if isinstance(value, str) else ""
    return "".join(each if each.isprintable() else " " for each in text[:_MAX_TEXT]).strip()


def _retry_after(value: str, now: int) -> float | None:
    """Read seconds or an HTTP date (RFC 9110, section 10.2.3)."""
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(min(int(text[:9]), MAX_SECONDS))
    try:
        moment = parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, moment - now / 1000), float(MAX_SECONDS))
