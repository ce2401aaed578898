"""Every statement can be true, and can be false."""

import pytest

from deploy.demo.check import Check, all_of, counted
from deploy.demo.facts import Ledger, Pushed, Settled
from deploy.demo.messages import FORGERIES
from deploy.demo.statements import entry, outcome, queue, secrecy
from signing.claims import ResultClaims, ResultState
from signing.keyring import Keyring
from signing.strict_json import JsonValue
from tests.deploy.demo.builders import message, scan, sent

REFERENCE = {"$secret": "vault:m/p#f@1"}
LEDGER = Ledger({"job-1": ("queued", 0)})
RAN = Ledger({"job-1": ("succeeded", 1)})
FORGERY = FORGERIES[0]


def _claims(state: ResultState = "succeeded", result: JsonValue = None) -> ResultClaims:
    failed = state == "failed"
    return ResultClaims(
        id="job-1",
        job_seal="sha-256:0",
        audience="countersign",
        state=state,
        result=result,
        error="task_error" if failed else None,
        error_type="KeyError" if failed else None,
        attempt=1,
        worker="w",
        started_at=0,
        finished_at=1,
    )


def _settled(
    *,
    status: str = "succeeded",
    claims: ResultClaims | None = None,
    forged: bool = False,
    used: bool | None = None,
) -> Settled:
    return Settled(sent(), status, claims, forged, used)


GOOD = _settled(claims=_claims(), used=True)

TRUE: list[Check] = [
    entry.accepted([sent()]),
    entry.submitted_once("a", "a"),
    entry.secrets_taken_out([sent(secrets=("/args/card_token",))]),
    entry.ledger_holds([sent()], LEDGER),
    entry.nothing_ran(LEDGER),
    queue.queues_hold([sent()], [message()]),
    queue.headers_silent([message()]),
    queue.references_instead([sent()], [message(card_token=REFERENCE)]),
    queue.cannot_push("worker", "NoPermissionError"),
    queue.cannot_read_secrets("gateway", "Forbidden"),
    queue.worker_reads(3, 3),
    secrecy.nowhere("now", "now", scan()),
    secrecy.finds("in hex", 3, 3),
    secrecy.deleted(4, 0),
    outcome.ended_as_meant([GOOD]),
    outcome.results_verify([GOOD]),
    outcome.forged_results_refused([GOOD]),
    outcome.tasks_had_secrets([GOOD]),
    outcome.quarantined(Pushed(FORGERY, (FORGERY.reason,))),
    outcome.nothing_changed(RAN, RAN, "new"),
    outcome.nothing_changed(RAN, Ledger({**RAN.jobs, "new": ("succeeded", 1)}), "new"),
    outcome.worker_lives(7, 7),
    outcome.works_on(GOOD),
]

FALSE: list[Check] = [
    entry.accepted([sent(), sent(told="401 key_unknown")]),
    entry.two_queues([sent()]),
    entry.submitted_once("a", "b"),
    entry.secrets_taken_out([sent(secrets=())]),
    entry.secrets_taken_out([sent(secrets=("/args/card_token", "/args/invoice"))]),
    entry.ledger_holds([sent()], Ledger({"job-1": ("queued", 0), "job-2": ("queued", 0)})),
    entry.ledger_holds([sent()], Ledger({})),
    entry.nothing_ran(RAN),
    queue.queues_hold([sent()], []),
    queue.queues_hold([sent()], [message(queue="slow")]),
    queue.queues_hold([sent()], [message(), message()]),
    queue.sealed([message()], Keyring([]), now=0),
    queue.headers_silent([]),
    queue.references_instead([sent()], [message(card_token="tok_1")]),
    queue.references_instead([sent()], [message()]),
    queue.references_instead([sent()], []),
    queue.cannot_push("worker", "pushed"),
    queue.cannot_read_secrets("gateway", "read"),
    queue.worker_reads(3, 2),
    secrecy.nowhere("now", "now", scan("ledger:cs:job:1 (as it is)")),
    secrecy.nowhere("now", "now", scan(places=0)),
    secrecy.nowhere("now", "now", scan(secrets=0)),
    secrecy.finds("in hex", 3, 2),
    secrecy.deleted(4, 1),
    outcome.ended_as_meant([_settled(status="expired")]),
    outcome.results_verify([_settled(claims=None)]),
    outcome.results_verify([_settled(claims=_claims("failed"))]),
    outcome.results_verify([]),
    outcome.forged_results_refused([_settled(forged=True)]),
    outcome.tasks_had_secrets([_settled(used=False)]),
    outcome.tasks_had_secrets([_settled(used=None)]),
    outcome.failure_says_little([GOOD]),
    outcome.masked([GOOD]),
    outcome.quarantined(Pushed(FORGERY, ())),
    outcome.quarantined(Pushed(FORGERY, ("replayed",))),
    outcome.quarantined(Pushed(FORGERY, (FORGERY.reason, FORGERY.reason))),
    outcome.nothing_changed(RAN, Ledger({"job-1": ("succeeded", 2)}), "new"),
    outcome.nothing_changed(RAN, Ledger({**RAN.jobs, "x": ("queued", 0)}), "new"),
    outcome.worker_lives(7, 8),
    outcome.worker_lives(None, None),
    outcome.works_on(_settled(status="queued")),
]


@pytest.mark.parametrize("check", TRUE, ids=lambda check: check.name)
def test_a_statement_holds(check: Check) -> None:
    assert check.holds, check


@pytest.mark.parametrize("check", FALSE, ids=lambda check: check.name)
def test_a_statement_does_not_hold(check: Check) -> None:
    assert not check.holds, check


def test_nothing_at_all_is_no_proof() -> None:
    assert not all_of("x", "x", []).holds
    assert all_of("x", "x", [True]).holds
    assert not all_of("x", "x", [True, False]).holds
    assert counted("x", "x", 0, 0).holds
