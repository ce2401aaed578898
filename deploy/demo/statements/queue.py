"""Statements about what lies in the broker, and about who may do what there."""

import json
from collections import Counter
from collections.abc import Sequence

from deploy.demo.check import Check, all_of
from deploy.demo.facts import Sent
from deploy.demo.messages import Message
from deploy.demo.planted import places
from gateway.places import PlaceError, get_at
from signing.errors import SealInvalid
from signing.keyring import Keyring
from signing.seals import verify_job

AUDIENCE = "countersign"
_SILENT = ("argsrepr", "kwargsrepr", "origin")


def queues_hold(sent: Sequence[Sent], messages: Sequence[Message]) -> Check:
    """Each accepted job lies in its queue once."""
    expected = Counter[tuple[str, str]]((each.job.queue, each.job_id) for each in sent)
    seen = Counter[tuple[str, str]]((message.queue, message.claims["id"]) for message in messages)
    total, right, more = expected.total(), (expected & seen).total(), (seen - expected).total()
    statement = "each accepted job lies in its queue, once, and nothing else does"
    return Check("queued", statement, f"{total} and 0 others", f"{right} and {more} others")


def sealed(messages: Sequence[Message], keyring: Keyring, now: int) -> Check:
    """Each message is signed by the gateway's key."""
    outcomes = [_verifies(message, keyring, now) for message in messages]
    return all_of("sealed", "every message verifies with the gateway's key from its JWKS", outcomes)


def headers_silent(messages: Sequence[Message]) -> Check:
    """Celery's own headers repeat no arguments."""
    outcomes = [
        all(message.document["headers"][name] == "" for name in _SILENT) for message in messages
    ]
    return all_of("headers", "Celery's headers repeat neither arguments nor host names", outcomes)


def references_instead(sent: Sequence[Sent], messages: Sequence[Message]) -> Check:
    """A reference stands where a secret was sent."""
    by_id = {message.claims["id"]: message.claims["args"] for message in messages}
    outcomes = [
        _is_reference(by_id.get(each.job_id), place)
        for each in sent
        for place in places(each.job.args)
    ]
    statement = "in the messages a reference to Vault stands for each secret"
    return all_of("references", statement, outcomes)


def cannot_push(role: str, answer: str) -> Check:
    """A role may not write into a queue."""
    statement = f"the {role}'s Redis user may not push into a queue"
    return Check(f"no-push:{role}", statement, "NoPermissionError", answer)


def cannot_read_secrets(role: str, answer: str) -> Check:
    """A role may not read a job's secrets."""
    statement = f"the {role}'s Vault role may not read a job's secrets"
    return Check(f"no-read:{role}", statement, "Forbidden", answer)


def worker_reads(expected: int, seen: int) -> Check:
    """The secrets are in Vault, for the worker."""
    statement = "the worker's Vault role reads there what the partners sent"
    return Check("in-vault", statement, f"{expected} secrets", f"{seen} secrets")


def _verifies(message: Message, keyring: Keyring, now: int) -> bool:
    try:
        verify_job(json.dumps(message.envelope).encode(), keyring, audience=AUDIENCE, now=now)
    except SealInvalid:
        return False
    return True


def _is_reference(args: object, place: str) -> bool:
    if not isinstance(args, dict):
        return False
    try:
        value = get_at(args, place)
    except PlaceError:
        return False
    return isinstance(value, dict) and list(value) == ["$secret"]
