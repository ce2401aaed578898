"""The campaign's load: what it does with each outcome, with a gateway of the test's own."""

import threading
from collections import Counter, deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.faults import load
from bench.faults.caller import Caller, Reply, Signed, outcome
from bench.faults.jobs import PlannedJob, draw, proof
from bench.faults.journal import Journal, read_journal
from bench.load import Target
from certs.store import CertificateStore
from signing.http_signer import RequestSigner

JOB = "01890a5d-ac96-774b-bcce-b302099a8057"
ACCEPTED = Reply(202, None, {"id": JOB})
UNKNOWN = Reply(503, "ledger_unavailable")


@pytest.mark.parametrize(
    ("reply", "what"),
    [
        (ACCEPTED, "accepted"),
        (Reply(202, None, {"id": "7"}), "unknown"),
        (Reply(202, "answer_unreadable"), "unknown"),
        (Reply(200, None, {"id": JOB}), "unknown"),
        (Reply(401, "key_unknown"), "refused"),
        (Reply(429, "rate_limited"), "refused"),
        (Reply(400, "answer_unreadable"), "refused"),
        (Reply(503, "overloaded"), "refused"),
        (Reply(503, "vault_unavailable"), "refused"),
        (UNKNOWN, "unknown"),
        (Reply(503, None), "unknown"),
        (Reply(500, None), "unknown"),
        (Reply(None, "ProtocolError"), "unknown"),
        (Reply(None, "unreachable", sent=False), "refused"),
    ],
)
def test_a_reply_says_what_the_contract_says(reply: Reply, what: str) -> None:
    assert outcome(reply) == what


@dataclass
class FakeGateway:
    """Gives replies as they were prepared, and the last one for ever."""

    replies: list[Reply]
    sent: deque[Signed] = field(default_factory=deque)

    def call(self, method: str, path: str, *, seconds: float = 0) -> Reply:
        return self.send(Signed(method, path, {}, b""))

    def sign(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Signed:
        return Signed(method, path, {"key": str(idempotency_key)}, str(len(self.sent)).encode())

    def send(self, request: Signed, *, seconds: float = 0) -> Reply:
        self.sent.append(request)
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


def planned(**wanted: object) -> PlannedJob:
    """The first job that is drawn with these attributes."""
    flags = {"watched": False, "replayed": False, "idempotent": False, "kind": "quick"} | wanted
    drawn = draw(1, 1)
    return next(j for j in drawn if all(getattr(j, name) == flags[name] for name in flags))


def handed_in(
    tmp_path: Path, job: PlannedJob, *replies: Reply
) -> tuple[Any, FakeGateway, list[str]]:
    """What came of one job, the gateway, and the journal's events."""
    gateway, stop = FakeGateway(list(replies)), threading.Event()
    path = tmp_path / "journal"
    with Journal(path) as journal, ThreadPoolExecutor(1) as watchers:
        producer = load.Producer([gateway], journal, stop, watchers)
        told = producer.hand_in(job)
    return told, gateway, [entry.event for entry in read_journal(path)]


def test_an_unknown_outcome_is_left_alone_without_a_key(tmp_path: Path) -> None:
    told, gateway, events = handed_in(tmp_path, planned(), UNKNOWN, ACCEPTED)
    assert told == ("unknown", True)
    assert len(gateway.sent) == 1
    assert events == ["attempt", "unknown"]


def test_an_unknown_outcome_is_tried_again_under_the_same_key(tmp_path: Path) -> None:
    job = planned(idempotent=True)
    refused = Reply(429, "rate_limited")
    told, gateway, events = handed_in(tmp_path, job, UNKNOWN, refused, ACCEPTED)
    assert told == ("accepted", True)
    assert {request.headers["key"] for request in gateway.sent} == {job.ref}
    assert events == ["attempt", "unknown", "attempt", "refused", "attempt", "accepted"]


def test_a_refusal_after_an_unknown_outcome_does_not_make_it_certain(tmp_path: Path) -> None:
    job = planned(idempotent=True)
    told, gateway, _ = handed_in(tmp_path, job, UNKNOWN, Reply(429, "rate_limited"))
    assert told == ("unknown", True)
    assert len(gateway.sent) == load.REPETITIONS


def test_a_refusal_is_not_tried_again(tmp_path: Path) -> None:
    job = planned(idempotent=True)
    told, _, events = handed_in(tmp_path, job, Reply(None, "unreachable", sent=False))
    assert told == ("refused", False)
    assert events == ["attempt", "refused"]


def test_who_follows_a_job_does_not_fail_unheard(tmp_path: Path) -> None:
    class Broken(FakeGateway):
        def call(self, method: str, path: str, *, seconds: float = 0) -> Reply:
            raise ZeroDivisionError

    stop = threading.Event()
    with Journal(tmp_path / "journal") as journal, ThreadPoolExecutor(1) as watchers:
        producer = load.Producer([Broken([ACCEPTED])], journal, stop, watchers)
        producer.hand_in(planned(watched=True))
    assert producer.errors == ["ZeroDivisionError"]


def test_an_accepted_request_is_sent_again_as_it_was(tmp_path: Path) -> None:
    _, gateway, events = handed_in(
        tmp_path, planned(replayed=True), ACCEPTED, Reply(409, "replayed")
    )
    first, second = gateway.sent
    assert first == second
    assert events[-1] == "replay"


def test_what_is_to_be_cancelled_is_written_down_before(tmp_path: Path) -> None:
    _, gateway, events = handed_in(tmp_path, planned(kind="cancelled"), ACCEPTED, Reply(200))
    assert gateway.sent[-1].method == "DELETE"
    assert events == ["attempt", "accepted", "cancel", "answer"]


GOOD = {"id": JOB, "status": "succeeded", "attempts": 2}


@pytest.mark.parametrize(
    ("told", "final", "fault"),
    [
        (GOOD | {"result": {"proof": proof("r"), "attempt": 2, "told": "****"}}, True, None),
        (GOOD | {"result": {"proof": proof("r"), "attempt": 1}}, True, "not the result"),
        (GOOD | {"result": {"proof": proof("s"), "attempt": 2}}, True, "not the result"),
        (GOOD | {"result": None}, True, "not the result"),
        ({"id": "other"}, True, "another job"),
        ({"id": JOB, "status": "running", "result": None}, True, None),
        ({"id": JOB, "status": "failed", "result": {}}, True, "a result of a job that did not"),
        (GOOD | {"error": {"code": "result_unverified", "reason": "x"}}, True, "unverified: x"),
        (GOOD | {"error": {"code": "result_unverified", "reason": "x"}}, False, None),
    ],
)
def test_an_answer_is_looked_at(told: dict[str, Any], final: bool, fault: str | None) -> None:
    found = load.fault_of(told, "r", JOB, final=final)
    assert found == fault or (found and fault and found.startswith(fault))


def test_nobody_there_is_an_outcome(tmp_path: Path) -> None:
    certificates = CertificateStore(tmp_path)
    certificates.ensure(now=datetime.now(UTC))
    signer = RequestSigner("a-1", "ed25519", Ed25519PrivateKey.generate())
    caller = Caller(Target("localhost", 1, certificates.authority, signer))
    reply = caller.call("GET", "/v1/tasks")
    caller.close()
    assert (reply.status, reply.sent) == (None, False)


def test_kinds_can_be_chosen() -> None:
    assert Counter(job.kind for job in islice(draw(1, 1, {"slow": 1}), 50)) == {"slow": 50}
