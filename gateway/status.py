"""What a producer is told of its job; a result is told only under the worker's verified seal."""

from dataclasses import dataclass

from backends.transit import JOB_KEY, RESULT_KEY, names_version
from gateway.ledger import JobState
from gateway.listing import record_error, short_view
from signing.dsse import parse_envelope
from signing.errors import SealInvalid
from signing.keyring import Keyring, KeyUnknown, Role
from signing.seals import verify_result
from signing.strict_json import JsonObject, JsonValue, parse_object


@dataclass(frozen=True, slots=True)
class _Outcome:
    result: JsonValue
    error: JsonValue
    sealed: JsonValue


def job_view(state: JobState, keyring: Keyring, *, audience: str, now: int) -> JsonObject:
    """Give the body of `GET /v1/jobs/{id}`; `sealed_result` is the DSSE envelope."""
    outcome = _outcome(state, keyring, audience, now)
    return {
        **short_view(state.record),
        "seal": state.record.seal_digest,
        "result": outcome.result,
        "error": outcome.error,
        "sealed_result": outcome.sealed,
    }


def lacks_key(sealed: bytes | None, role: Role, keyring: Keyring, *, now: int) -> bool:
    """Whether a seal is by a version of the role's key that this keyring does not know."""
    if sealed is None:
        return False
    try:
        keyring.trusted_for(parse_envelope(sealed), role=role, now=now)
    except KeyUnknown as error:
        return names_version(error.keyids, JOB_KEY if role == "gateway" else RESULT_KEY)
    except SealInvalid:
        return False
    return False


def _outcome(state: JobState, keyring: Keyring, audience: str, now: int) -> _Outcome:
    if state.sealed_result is None:
        return _Outcome(None, record_error(state.record), None)
    try:
        claims = verify_result(
            state.sealed_result,
            keyring,
            job_id=state.record.job_id,
            job_seal=state.record.seal_digest,
            audience=audience,
            now=now,
        )
    except SealInvalid as error:
        # Somebody wrote to the ledger who is no worker; its word is not passed on.
        return _Outcome(None, {"code": "result_unverified", "reason": error.code}, None)
    if claims.state != state.record.state:
        # The record is not sealed: where it says otherwise than the worker, it was altered.
        return _Outcome(None, {"code": "result_unverified", "reason": "result_mismatch"}, None)
    told: JsonValue = None
    if claims.error is not None:
        told = {"code": claims.error, "type": claims.error_type}
    return _Outcome(claims.result, told, parse_object(state.sealed_result))
