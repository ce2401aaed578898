"""The endpoints around the pipeline: overload, waiting, own jobs alone. Over fakes."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
from starlette.requests import Request
from starlette.responses import Response

from backends.errors import LedgerUnavailable
from gateway import waiting
from gateway.endpoints import MAX_LISTS, Endpoints, clock_ms
from gateway.errors import Refused
from gateway.ledger import GatewayLedger, JobState
from gateway.listing import Page, Wanted
from gateway.pipeline import Ingress
from gateway.readiness import Readiness
from gateway.waiting import SettledFeed
from signing.errors import SignatureInvalid
from signing.http_fields import HttpRequest
from tests.gateway.asgi import receiver, scope_of
from tests.gateway.fakes import KEYRING, NOW, FakeLedger, ingress
from tests.gateway.test_recall import kept, replaying
from tests.gateway.test_status import RECORD
from tests.signing.builders import JOB_ID, OTHER_JOB_ID
from tests.signing.http_requests import BARE, signed_request

AUTHORITY = "gateway.example"


@dataclass
class Jobs:
    """The ledger as the endpoints read it: one job, which settles when it is read often enough."""

    reads_until_settled: int = 1_000
    #: At which reads the ledger is away.
    away: tuple[int, ...] = ()
    reads: int = 0
    before_cancel: str = "queued"
    nonces: set[tuple[str, str]] = field(default_factory=set)
    asked: tuple[str, Wanted] | None = None

    async def use_nonce(self, keyid: str, nonce: str) -> bool:
        new = (keyid, nonce) not in self.nonces
        self.nonces.add((keyid, nonce))
        return new

    async def read(self, job_id: str) -> JobState | None:
        self.reads += 1
        if self.reads in self.away:
            raise LedgerUnavailable("loading")
        if job_id == OTHER_JOB_ID:
            return JobState(replace(RECORD, producer="another"), None)
        if job_id != JOB_ID:
            return None
        self.reads_until_settled -= 1
        settled = self.reads_until_settled < 0
        return JobState(replace(RECORD, state="cancelled" if settled else "queued"), None)

    async def page(self, producer: str, wanted: Wanted) -> Page:
        self.asked = (producer, wanted)
        return Page((RECORD,), JOB_ID)

    async def cancel(self, job_id: str, producer: str) -> str:
        return self.before_cancel if (job_id, producer) == (JOB_ID, "shop") else "unknown"


def endpoints(pipeline: Ingress | None = None, jobs: Jobs | None = None) -> Endpoints:
    async def serves() -> None:
        return

    return Endpoints(
        ingress=pipeline or ingress(),
        ledger=cast(GatewayLedger, jobs or Jobs()),
        feed=SettledFeed(cast(Any, None)),
        readiness=Readiness({"ledger": serves}),
        keyring=lambda: KEYRING,
        authority=AUTHORITY,
        max_in_flight=1,
        clock=lambda: NOW,
    )


def request(
    http: HttpRequest, job_id: str = JOB_ID, chunks: Callable[[], Any] | None = None
) -> Request:
    scope = {**scope_of(http), "path_params": {"id": job_id}}
    return Request(scope, chunks or receiver([http.body]))


def submission(nonce: str = "n-1") -> HttpRequest:
    return signed_request(url=BARE, body=b'{"task": "demo.echo"}', nonce=nonce)


def reading(query: str = "", method: str = "GET", nonce: str = "n-1") -> HttpRequest:
    return signed_request(
        url=f"{BARE}/{JOB_ID}{query}", method=method, headers={}, body=b"", nonce=nonce
    )


def answered(call: Awaitable[Response]) -> tuple[int, Any]:
    async def run() -> tuple[int, Any]:
        response = await call
        return response.status_code, json.loads(bytes(response.body))

    return asyncio.run(run())


def refusal(call: Awaitable[Response]) -> str:
    with pytest.raises(Refused) as refused:
        answered(call)
    return refused.value.code


def test_a_submission_is_answered_202_with_its_place() -> None:
    async def run() -> None:
        response = await endpoints().submit(request(submission()))
        document = json.loads(bytes(response.body))
        assert response.status_code == 202
        assert response.headers["location"] == f"/v1/jobs/{document['id']}"
        assert response.headers["cache-control"] == "no-store"

    asyncio.run(run())


def test_more_submissions_at_once_than_allowed_are_refused_and_then_taken_again() -> None:
    class Slow(FakeLedger):
        async def accept(self, acceptance: Any) -> Any:
            entered.set()
            await leave.wait()
            return await super().accept(acceptance)

    entered, leave = asyncio.Event(), asyncio.Event()

    async def run() -> None:
        served = endpoints(ingress(ledger=Slow()))
        first = asyncio.create_task(served.submit(request(submission())))
        await entered.wait()
        with pytest.raises(Refused) as refused:
            await served.submit(request(submission("n-2")))
        assert refused.value.code == "overloaded"
        leave.set()
        assert (await first).status_code == 202
        assert (await served.submit(request(submission("n-3")))).status_code == 202

    asyncio.run(run())


def test_a_refused_submission_frees_its_place() -> None:
    async def run() -> None:
        served = endpoints()
        for _ in range(3):
            with pytest.raises(Refused):
                await served.submit(request(signed_request(url=BARE, body=b'{"task": "x"}')))
        assert served.in_flight == 0

    asyncio.run(run())


def test_who_sends_a_body_slowly_takes_nobodys_place() -> None:
    never = asyncio.Event()

    async def stalls() -> Any:
        await never.wait()

    async def run() -> None:
        served = endpoints()
        stalled = asyncio.create_task(served.submit(request(submission(), chunks=stalls)))
        await asyncio.sleep(0)
        assert (await served.submit(request(submission()))).status_code == 202
        stalled.cancel()

    asyncio.run(run())


def test_an_own_job_is_shown() -> None:
    status, body = answered(endpoints().show(request(reading())))
    assert (status, body["id"], body["status"]) == (200, JOB_ID, "queued")


@pytest.mark.parametrize(
    "job_id", [OTHER_JOB_ID, JOB_ID[:-1] + "0", JOB_ID.upper(), "x", "", f"{JOB_ID}/x"]
)
def test_every_other_job_is_not_found(job_id: str) -> None:
    assert refusal(endpoints().show(request(reading(), job_id))) == "job_not_found"
    deletion = request(reading(method="DELETE"), job_id)
    assert refusal(endpoints().cancel(deletion)) == "job_not_found"


def test_waiting_ends_when_the_job_has_settled() -> None:
    jobs = Jobs(reads_until_settled=1)
    _, body = answered(endpoints(jobs=jobs).show(request(reading("?wait=60"))))
    assert body["status"] == "cancelled"


def test_waiting_outlives_a_restart_of_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "AWAY_S", (0, 0.01))
    jobs = Jobs(reads_until_settled=1, away=(2, 3))
    _, body = answered(endpoints(jobs=jobs).show(request(reading("?wait=5"))))
    assert (body["status"], jobs.reads) == ("cancelled", 5)


def test_a_ledger_that_is_still_away_at_the_end_of_a_wait_is_said_to_be() -> None:
    jobs = Jobs(away=tuple(range(2, 100)))
    with pytest.raises(LedgerUnavailable):
        answered(endpoints(jobs=jobs).show(request(reading("?wait=1"))))


def test_waiting_no_time_is_not_waiting() -> None:
    _, body = answered(endpoints().show(request(reading("?wait=0"))))
    assert body["status"] == "queued"


@pytest.mark.parametrize("wait", ["61", "-1", "1.5", "x", "", "9" * 5_000, "%C2%B2"])
def test_a_wait_is_a_whole_number_up_to_60(wait: str) -> None:
    assert refusal(endpoints().show(request(reading(f"?wait={wait}")))) == "malformed_request"


def test_a_nonce_counts_once_for_reading_too() -> None:
    jobs = Jobs()
    answered(endpoints(jobs=jobs).show(request(reading())))
    for call in (Endpoints.show, Endpoints.cancel, Endpoints.tasks):
        assert refusal(call(endpoints(jobs=jobs), request(reading()))) == "replayed"


def test_the_own_jobs_are_listed() -> None:
    jobs = Jobs()
    listing = request(signed_request(url=f"{BARE}?limit=1", method="GET", headers={}, body=b""))
    status, body = answered(endpoints(jobs=jobs).list_jobs(listing))
    assert jobs.asked == ("shop", Wanted(limit=1))
    assert (status, body["next"], [job["id"] for job in body["jobs"]]) == (200, JOB_ID, [JOB_ID])


def listing(query: str = "?status=queued", nonce: str = "n-1") -> Request:
    signed = signed_request(url=f"{BARE}{query}", method="GET", headers={}, body=b"", nonce=nonce)
    return request(signed)


def test_a_producer_reads_one_filtered_list_at_once() -> None:
    class Slow(Jobs):
        async def page(self, producer: str, wanted: Wanted) -> Page:
            if wanted.filters:
                entered.set()
                await leave.wait()
            return await super().page(producer, wanted)

    entered, leave = asyncio.Event(), asyncio.Event()

    async def run() -> None:
        served = endpoints(jobs=Slow())
        first = asyncio.create_task(served.list_jobs(listing()))
        await entered.wait()
        with pytest.raises(Refused) as refused:
            await served.list_jobs(listing(nonce="n-2"))
        assert (refused.value.code, refused.value.retry_after_s) == ("overloaded", 1)
        assert (await served.list_jobs(listing("", nonce="n-3"))).status_code == 200
        leave.set()
        assert (await first).status_code == 200
        assert (await served.list_jobs(listing(nonce="n-4"))).status_code == 200
        assert not served.listing

    asyncio.run(run())


def test_few_filtered_lists_are_read_at_once() -> None:
    served = endpoints()
    served.listing.update(f"other-{number}" for number in range(MAX_LISTS))
    assert refusal(served.list_jobs(listing("?task=a"))) == "overloaded"
    served.listing.pop()
    assert answered(served.list_jobs(listing("?task=a", nonce="n-2")))[0] == 200


def test_a_replay_is_answered_like_a_submission() -> None:
    async def run() -> None:
        served = endpoints(ingress(ledger=FakeLedger(jobs={JOB_ID: kept()})))
        response = await served.replay(request(replaying()))
        document = json.loads(bytes(response.body))
        assert response.status_code == 202
        assert document["id"] != JOB_ID
        assert document["status"] == "queued"
        assert response.headers["location"] == f"/v1/jobs/{document['id']}"
        assert served.in_flight == 0

    asyncio.run(run())


def test_a_replay_counts_among_the_submissions_at_once() -> None:
    served = endpoints(ingress(ledger=FakeLedger(jobs={JOB_ID: kept()})))
    served.in_flight = 1
    assert refusal(served.replay(request(replaying()))) == "overloaded"


def test_a_replay_of_what_is_no_job_id_is_not_found_to_who_signs() -> None:
    assert refusal(endpoints().replay(request(replaying(), "x"))) == "job_not_found"
    unsigned = request(HttpRequest("POST", AUTHORITY, "/v1/jobs/x/replay", "", {}, b""), "x")
    with pytest.raises(SignatureInvalid):
        answered(endpoints().replay(unsigned))


@pytest.mark.parametrize("before", ["queued", "held"])
def test_what_has_not_started_or_is_held_is_cancelled(before: str) -> None:
    jobs = Jobs(before_cancel=before)
    answer = answered(endpoints(jobs=jobs).cancel(request(reading(method="DELETE"))))
    assert answer == (200, {"id": JOB_ID, "status": "cancelled"})


@pytest.mark.parametrize("before", ["running", "succeeded", "failed", "expired", "cancelled"])
def test_what_has_started_or_settled_is_not_cancelled(before: str) -> None:
    jobs = Jobs(before_cancel=before)
    call = endpoints(jobs=jobs).cancel(request(reading(method="DELETE")))
    assert refusal(call) == "not_cancellable"


def test_the_tasks_shown_are_those_granted() -> None:
    _, body = answered(endpoints().tasks(request(reading())))
    assert [task["name"] for task in body["tasks"]] == [
        "demo.echo",
        "payments.capture",
        "payments.refund",
    ]
    assert body["tasks"][0]["schema"]["properties"] == {"value": {}}


def test_keys_health_and_readiness_are_told_to_anybody() -> None:
    unsigned = request(HttpRequest("GET", AUTHORITY, "/healthz", "", {}, b""))
    status, body = answered(endpoints().jwks(unsigned))
    assert (status, len(body["keys"])) == (200, 2)
    assert answered(endpoints().alive(unsigned)) == (200, {"status": "ok"})
    ready = {"status": "ready", "parts": {"ledger": "ok"}}
    assert answered(endpoints().ready(unsigned)) == (200, ready)


def test_the_clock_is_in_milliseconds() -> None:
    assert 1_700_000_000_000 < clock_ms() < 10_000_000_000_000
