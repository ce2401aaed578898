"""Problem details (RFC 9457): titles and codes from the table, nothing of the request."""

from typing import Any

from starlette.responses import Response

from gateway.errors import PROBLEMS, Refused
from signing.errors import CountersignError
from signing.strict_json import canonical

MEDIA_TYPE = "application/problem+json"


def problem_response(error: CountersignError) -> Response:
    """Give the answer for an error whose code is in the table.

    Raises:
        KeyError: where it is not; such an error is ours, not the request's.
    """
    status, title = PROBLEMS[error.code]
    body: dict[str, Any] = {
        "type": f"urn:countersign:problem:{error.code}",
        "title": title,
        "status": status,
        "code": error.code,
        "detail": error.message,
    }
    headers: dict[str, str] = {"cache-control": "no-store"}
    if status == 401:
        headers["www-authenticate"] = "Signature"
    retry_after = Refused(error.code, error.message).retry_after_s
    if isinstance(error, Refused):
        retry_after = error.retry_after_s
        body.update({member.name: member.value for member in error.members})
        headers.update(error.headers)
    if retry_after is not None:
        headers["retry-after"] = str(retry_after)
    return Response(canonical(body), status, headers, MEDIA_TYPE)
