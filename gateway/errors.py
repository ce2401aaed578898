"""Refusals: the contract's error table, and the one type of exception for a refused request."""

from dataclasses import dataclass, field
from typing import Any, Final

from signing.errors import CountersignError

#: code -> (HTTP status, title). The contract's table; codes are stable, titles may be reworded.
PROBLEMS: Final[dict[str, tuple[int, str]]] = {
    "malformed_json": (400, "The body is not acceptable JSON"),
    "malformed_request": (400, "The request is not of its form"),
    "signature_missing": (401, "The request is not signed"),
    "signature_invalid": (401, "The signature is not valid"),
    "signature_expired": (401, "The signature is outside of its time"),
    "signature_coverage": (401, "The signature does not cover enough"),
    "digest_mismatch": (401, "The body does not match its digest"),
    "key_unknown": (401, "The key is not registered"),
    "key_revoked": (401, "The key is no longer accepted"),
    "task_not_granted": (403, "The task is not granted to this producer"),
    "address_not_allowed": (403, "Requests from this address are not accepted"),
    "reference_not_granted": (403, "The secret reference is not granted to this producer"),
    "not_found": (404, "There is nothing here"),
    "job_not_found": (404, "There is no such job"),
    "task_unknown": (404, "There is no such task"),
    "method_not_allowed": (405, "The method is not allowed here"),
    "replayed": (409, "The request was received before"),
    "idempotency_mismatch": (409, "The idempotency key was used for another body"),
    "not_cancellable": (409, "The job can no longer be cancelled"),
    "not_replayable": (409, "The job cannot be run again"),
    "too_large": (413, "The body is too large"),
    "unsupported_media_type": (415, "The media type is not supported"),
    "schema_invalid": (422, "The arguments break the task's schema"),
    "secret_refused": (422, "A secret stands where the task allows none"),
    "rate_limited": (429, "Too many requests"),
    "quota_exceeded": (429, "Too many unsettled jobs"),
    "ledger_unavailable": (503, "The ledger does not serve now"),
    "vault_unavailable": (503, "Vault does not serve now"),
    "overloaded": (503, "The gateway has more to do than it can"),
}

#: Seconds after which trying again is worth it, for refusals that pass by themselves.
RETRY_AFTER_S: Final[dict[str, int]] = {
    "ledger_unavailable": 1,
    "vault_unavailable": 2,
    "overloaded": 1,
    "quota_exceeded": 5,
}


@dataclass(frozen=True, slots=True)
class ProblemMember:
    """A member that a problem has beyond RFC 9457's own; never holds a value of the request."""

    name: str
    value: Any = field(repr=False)


class Refused(CountersignError):
    """A request is refused; the code is one of `PROBLEMS`."""

    def __init__(
        self,
        code: str,
        message: str,
        *members: ProblemMember,
        retry_after_s: int | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message, code=code)
        self.members = members
        self.retry_after_s = RETRY_AFTER_S.get(code) if retry_after_s is None else retry_after_s
        self.headers = headers
