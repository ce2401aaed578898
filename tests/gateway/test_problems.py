"""Problem details: the form of RFC 9457, the header fields that belong to a status."""

import json

import pytest
from starlette.responses import Response

from backends.errors import LedgerUnavailable, VaultUnavailable
from gateway.errors import PROBLEMS, ProblemMember, Refused
from gateway.problems import problem_response
from signing.errors import CountersignError, MalformedJSON, SignatureInvalid


def body(response: Response) -> dict[str, object]:
    document: dict[str, object] = json.loads(bytes(response.body))
    return document


@pytest.mark.parametrize("code", sorted(PROBLEMS))
def test_every_code_is_told_in_the_form_of_the_standard(code: str) -> None:
    response = problem_response(CountersignError("because", code=code))
    status, title = PROBLEMS[code]
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    assert body(response) == {
        "type": f"urn:countersign:problem:{code}",
        "title": title,
        "status": status,
        "code": code,
        "detail": "because",
    }
    assert ("www-authenticate" in response.headers) is (status == 401)


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (LedgerUnavailable("down"), "1"),
        (VaultUnavailable("down"), "2"),
        (Refused("overloaded", "later"), "1"),
        (Refused("rate_limited", "slow", retry_after_s=7), "7"),
        (Refused("quota_exceeded", "full"), "5"),
        (MalformedJSON("no"), None),
        (SignatureInvalid("no"), None),
    ],
)
def test_what_passes_by_itself_says_when_to_try_again(
    error: CountersignError, seconds: str | None
) -> None:
    assert problem_response(error).headers.get("retry-after") == seconds


def test_a_refusals_members_and_fields_are_told() -> None:
    member = ProblemMember("errors", [{"pointer": "/args/a"}])
    response = problem_response(
        Refused("schema_invalid", "see errors", member, headers=(("x-a", "1"),))
    )
    assert body(response)["errors"] == [{"pointer": "/args/a"}]
    assert response.headers["x-a"] == "1"


def test_a_code_that_is_not_in_the_table_is_no_answer() -> None:
    with pytest.raises(KeyError):
        problem_response(CountersignError("inside", code="seal_invalid"))
