"""The endpoints of the contract, each a few lines around the pipeline and the ledger."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import Refused
from gateway.ledger import GatewayLedger, JobState
from gateway.listing import Wanted, page_view, read_wanted
from gateway.pipeline import Ingress
from gateway.readiness import Readiness
from gateway.requests import read_request
from gateway.status import job_view
from gateway.types import Authenticated, RawRequest, Receipt
from gateway.waiting import MAX_WAIT_S, SettledFeed, wait_settled
from signing.catalog import TaskSpec
from signing.ids import is_job_id
from signing.jwk import to_jwks
from signing.keyring import Keyring
from signing.ledger.states import TERMINAL
from signing.strict_json import JsonValue, canonical

#: Filtered lists at once in one process; one reads up to `listing.MAX_SCANNED` jobs.
MAX_LISTS: Final = 4


def clock_ms() -> int:
    """Milliseconds since the epoch, by this machine's clock."""
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class Endpoints:
    """What the routes call.

    Attributes:
        in_flight: submissions under way at once, bounded by `max_in_flight`.
        listing: the producers for whom a filtered list is read, one for each.
    """

    ingress: Ingress
    ledger: GatewayLedger
    feed: SettledFeed
    readiness: Readiness
    keyring: Callable[[], Keyring]
    authority: str
    max_in_flight: int
    in_flight: int = 0
    listing: set[str] = field(default_factory=set)
    clock: Callable[[], int] = clock_ms

    async def submit(self, request: Request) -> Response:
        """`POST /v1/jobs`."""
        raw = await self._read(request)  # not counted: whoever sends slowly must not stop others
        with self._counted():
            receipt = await self.ingress.submit(raw)
        return _accepted(receipt)

    async def replay(self, request: Request) -> Response:
        """`POST /v1/jobs/{id}/replay`."""
        raw = await self._read(request)
        job_id = str(request.path_params["id"])
        if not is_job_id(job_id):
            self.ingress.authenticate(raw)
            raise _no_such_job()
        with self._counted():
            receipt = await self.ingress.replay(raw, job_id)
        return _accepted(receipt)

    async def list_jobs(self, request: Request) -> Response:
        """`GET /v1/jobs`."""
        authenticated = await self._authenticated(request)
        wanted = read_wanted(authenticated.raw.http.query)
        name = authenticated.producer.name
        with self._list_counted(name, wanted):
            page = await self.ledger.page(name, wanted)
        return _json(page_view(page), 200)

    async def show(self, request: Request) -> Response:
        """`GET /v1/jobs/{id}`, with `?wait=SECONDS`."""
        authenticated = await self._authenticated(request)
        seconds = _wait_seconds(request.query_params.get("wait"))
        job_id = str(request.path_params["id"])
        await self._own_job(job_id, authenticated)
        if seconds:

            async def is_settled() -> bool:
                state = await self._own_job(job_id, authenticated)
                return state.record.state in TERMINAL

            await wait_settled(self.feed, job_id, seconds=seconds, is_settled=is_settled)
        state = await self._own_job(job_id, authenticated)
        view = job_view(state, self.keyring(), audience=self.ingress.audience, now=self.clock())
        return _json(view, 200)

    async def cancel(self, request: Request) -> Response:
        """`DELETE /v1/jobs/{id}`."""
        authenticated = await self._authenticated(request)
        job_id = str(request.path_params["id"])
        if not is_job_id(job_id):
            raise _no_such_job()
        before = await self.ledger.cancel(job_id, authenticated.producer.name)
        if before == "unknown":
            raise _no_such_job()
        if before not in {"queued", "held"}:
            raise Refused("not_cancellable", "the job has started or settled")
        return _json({"id": job_id, "status": "cancelled"}, 200)

    async def tasks(self, request: Request) -> Response:
        """`GET /v1/tasks`."""
        producer = (await self._authenticated(request)).producer
        catalog = self.ingress.book.catalog
        granted = [_task_view(spec) for spec in catalog.values() if producer.may_run(spec.name)]
        return _json({"tasks": granted}, 200)

    async def jwks(self, _request: Request) -> Response:
        """`GET /.well-known/jwks.json`."""
        document = to_jwks(self.keyring(), now=self.clock())
        headers = {"cache-control": "public, max-age=5"}
        return Response(canonical(document), 200, headers, "application/jwk-set+json")

    async def alive(self, _request: Request) -> Response:
        """`GET /healthz`."""
        return _json({"status": "ok"}, 200)

    async def ready(self, _request: Request) -> Response:
        """`GET /readyz`."""
        parts = await self.readiness.parts()
        is_ready = all(part == "ok" for part in parts.values())
        body: dict[str, JsonValue] = {
            "status": "ready" if is_ready else "not ready",
            "parts": {**parts},
        }
        return _json(body, 200 if is_ready else 503)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        if self.in_flight >= self.max_in_flight:
            raise Refused("overloaded", "try again shortly")
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1

    @contextmanager
    def _list_counted(self, producer: str, wanted: Wanted) -> Iterator[None]:
        if not wanted.filters:
            yield
            return
        if producer in self.listing or len(self.listing) >= MAX_LISTS:
            raise Refused("overloaded", "few lists with a filter are read at once: try shortly")
        self.listing.add(producer)
        try:
            yield
        finally:
            self.listing.discard(producer)

    async def _read(self, request: Request) -> RawRequest:
        return await read_request(
            request,
            authority=self.authority,
            clock=self.clock,
            max_bytes=self.ingress.max_bytes,
        )

    async def _authenticated(self, request: Request) -> Authenticated:
        authenticated = self.ingress.authenticate(await self._read(request))
        if not await self.ledger.use_nonce(authenticated.keyid, authenticated.nonce):
            raise Refused("replayed", "sign each request with a nonce of its own")
        return authenticated

    async def _own_job(self, job_id: str, authenticated: Authenticated) -> JobState:
        state = await self.ledger.read(job_id) if is_job_id(job_id) else None
        if state is None or state.record.producer != authenticated.producer.name:
            raise _no_such_job()
        return state


def _accepted(receipt: Receipt) -> Response:
    return _json(receipt.as_json(), 202, {"location": f"/v1/jobs/{receipt.job_id}"})


def _task_view(spec: TaskSpec) -> JsonValue:
    return {
        "name": spec.name,
        "description": spec.description,
        "queue": spec.queue,
        "schema": spec.schema,
        "max_attempts": spec.max_attempts,
        "time_limit": spec.time_limit,
        "soft_time_limit": spec.soft_time_limit,
    }


def _wait_seconds(text: str | None) -> float:
    if text is None:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= MAX_WAIT_S):
        raise Refused("malformed_request", f"wait is a whole number from 0 to {MAX_WAIT_S}")
    return float(text)


def _no_such_job() -> Refused:
    return Refused("job_not_found", "you have no job of this id")


def _json(
    body: dict[str, JsonValue], status: int, headers: dict[str, str] | None = None
) -> Response:
    fields = {"cache-control": "no-store", **(headers or {})}
    return Response(canonical(body), status, fields, "application/json")
