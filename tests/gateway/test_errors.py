"""The table of refusals is the contract's."""

import pytest

from gateway.errors import PROBLEMS, RETRY_AFTER_S, ProblemMember, Refused

CONTRACT = {
    400: {"malformed_json", "malformed_request"},
    401: {
        "signature_missing",
        "signature_invalid",
        "signature_expired",
        "signature_coverage",
        "digest_mismatch",
        "key_unknown",
        "key_revoked",
    },
    403: {"task_not_granted", "address_not_allowed", "reference_not_granted"},
    404: {"job_not_found", "task_unknown"},
    409: {"replayed", "idempotency_mismatch", "not_cancellable", "not_replayable"},
    413: {"too_large"},
    415: {"unsupported_media_type"},
    422: {"schema_invalid", "secret_refused"},
    429: {"rate_limited", "quota_exceeded"},
    503: {"ledger_unavailable", "vault_unavailable", "overloaded"},
}
#: What HTTP itself says of a path or a method that is not there.
HTTP_OWN = {"not_found": 404, "method_not_allowed": 405}


def test_the_table_is_the_contracts() -> None:
    contract = {code: status for status, codes in CONTRACT.items() for code in codes}
    assert {code: status for code, (status, _) in PROBLEMS.items()} == contract | HTTP_OWN


def test_what_passes_by_itself_says_when_to_try_again() -> None:
    """`rate_limited` says it case by case."""
    assert set(RETRY_AFTER_S) == (CONTRACT[503] | CONTRACT[429]) - {"rate_limited"}
    assert all(seconds >= 1 for seconds in RETRY_AFTER_S.values())


def test_a_refusal_takes_its_time_from_the_table_unless_it_is_given_one() -> None:
    assert Refused("overloaded", "later").retry_after_s == RETRY_AFTER_S["overloaded"]
    assert Refused("overloaded", "later", retry_after_s=9).retry_after_s == 9
    assert Refused("task_unknown", "no").retry_after_s is None


def test_a_refusal_carries_its_members_and_does_not_show_their_values() -> None:
    member = ProblemMember("errors", ["hunter2"])
    refused = Refused("schema_invalid", "see errors", member, headers=(("a", "b"),))
    assert refused.members == (member,)
    assert refused.headers == (("a", "b"),)
    assert "hunter2" not in repr(member) + repr(refused) + str(refused)


@pytest.mark.parametrize("code", sorted(PROBLEMS))
def test_titles_are_sentences(code: str) -> None:
    title = PROBLEMS[code][1]
    assert title[0].isupper()
    assert not title.endswith(".")
