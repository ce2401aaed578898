"""The composition of the ingress: real adapters are built here and nowhere else."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from backends.errors import LedgerUnavailable, VaultDenied, VaultNotFound, VaultUnavailable
from backends.keyring_source import load_keyring
from backends.redis_clients import AsyncRedis, check_server, connect, connect_async
from backends.refreshed import Refreshed
from backends.vault_login import VaultLogin
from gateway.admit import TaskBook
from gateway.background import running
from gateway.durability import watch_forever
from gateway.endpoints import Endpoints, clock_ms
from gateway.errors import PROBLEMS, Refused
from gateway.ledger import GatewayLedger, JobState
from gateway.pipeline import Ingress
from gateway.problems import problem_response
from gateway.producer_source import load_registrations
from gateway.producers import ProducerDirectory
from gateway.purge import purge_forever
from gateway.readiness import Readiness
from gateway.registration import RegistrationInvalid
from gateway.settings import GatewaySettings
from gateway.status import lacks_key
from gateway.types import KeptJob
from gateway.vault import AsyncVault, TransitJobSigner, VaultSecretStore
from gateway.waiting import SettledFeed
from signing.errors import CountersignError
from signing.keyring import Keyring, Role

Handler: TypeAlias = Callable[[Endpoints, Request], Awaitable[Response]]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sources:
    """What is known before the event loop runs: the login, registrations, keys, schemas."""

    login: VaultLogin
    directory: Refreshed[ProducerDirectory]
    keyring: Refreshed[Keyring]
    book: TaskBook


class StatusLedger(GatewayLedger):
    """The ledger, with the keyring kept up with the seals that are read from it."""

    def __init__(
        self, client: AsyncRedis, timeout_s: float, *, keyring: Refreshed[Keyring]
    ) -> None:
        super().__init__(client, timeout_s)
        self._keyring = keyring

    async def read(self, job_id: str) -> JobState | None:
        """Read a job; a result by a key version that is not known has the keyring loaded anew.

        Raises:
            LedgerUnavailable, VaultUnavailable: as `GatewayLedger.read` and `Refreshed.current`.
        """
        state = await super().read(job_id)
        if state is not None:
            await self._know(state.sealed_result, "worker")
        return state

    async def kept(self, job_id: str) -> KeptJob | None:
        """Read a job with its seal; likewise.

        Raises:
            LedgerUnavailable, VaultUnavailable: as `GatewayLedger.kept` and `Refreshed.current`.
        """
        job = await super().kept(job_id)
        if job is not None:
            await self._know(job.seal, "gateway")
        return job

    async def _know(self, sealed: bytes | None, role: Role) -> None:
        if lacks_key(sealed, role, self._keyring.current(), now=clock_ms()):
            await asyncio.to_thread(self._keyring.refresh_soon)


def load_sources(settings: GatewaySettings) -> Sources:
    """Ask Redis and Vault once, so that a wrong setting is refused at start.

    Raises:
        SettingError, BackendUnavailableError, VaultDenied: naming what to mend.
    """
    client = connect(settings.ledger)
    try:
        check_server(client, settings.ledger)
    finally:
        client.close()
    login = VaultLogin(settings.vault, time.monotonic)
    return Sources(
        login=login,
        directory=Refreshed(
            "the registrations",
            lambda: ProducerDirectory(load_registrations(login, _invalid)),
            monotonic=time.monotonic,
            on_error=_not_refreshed,
        ),
        keyring=Refreshed(
            "the keyring",
            lambda: load_keyring(login),
            monotonic=time.monotonic,
            on_error=_not_refreshed,
        ),
        book=TaskBook.compile(settings.catalog),
    )


def build_app(
    settings: GatewaySettings, sources: Sources, *, on_fault: Callable[[], None]
) -> Starlette:
    """Build the ASGI application; connections open when it starts and close when it stops.

    `on_fault` is called where the work beside the requests ends: it has to end the gateway.
    """
    connected: list[Endpoints] = []

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            connected.append(await _connect(settings, sources, stack, on_fault))
            yield

    def route(path: str, method: str, handler: Handler) -> Route:
        async def call(request: Request) -> Response:
            if b"%" in request.scope["raw_path"]:
                # No path here needs encoding: one that has it names something else, whatever it
                # is decoded to.
                raise HTTPException(404)
            try:
                return await handler(connected[0], request)
            except asyncio.CancelledError:
                # uvicorn ends what still runs when its time to stop is over, and answers 500 for
                # it (uvicorn/protocols/http/httptools_impl.py, `run_asgi`).
                raise LedgerUnavailable("the gateway stopped before it could answer") from None

        return Route(path, call, methods=[method])

    app = Starlette(
        lifespan=lifespan,
        routes=[
            route("/v1/jobs", "POST", Endpoints.submit),
            route("/v1/jobs", "GET", Endpoints.list_jobs),
            route("/v1/jobs/{id}", "GET", Endpoints.show),
            route("/v1/jobs/{id}", "DELETE", Endpoints.cancel),
            route("/v1/jobs/{id}/replay", "POST", Endpoints.replay),
            route("/v1/tasks", "GET", Endpoints.tasks),
            route("/.well-known/jwks.json", "GET", Endpoints.jwks),
            route("/healthz", "GET", Endpoints.alive),
            route("/readyz", "GET", Endpoints.ready),
        ],
        exception_handlers={
            CountersignError: _on_error,
            HTTPException: _on_http_error,
        },
    )
    # A redirect would lead to the host that the request names.
    app.router.redirect_slashes = False
    return app


async def _connect(
    settings: GatewaySettings,
    sources: Sources,
    stack: AsyncExitStack,
    on_fault: Callable[[], None],
) -> Endpoints:
    client = connect_async(settings.ledger)
    stack.push_async_callback(client.aclose)
    listener = connect_async(settings.ledger)
    stack.push_async_callback(listener.aclose)
    vault = AsyncVault(settings.vault, sources.login)
    stack.push_async_callback(vault.close)
    for source in (sources.directory, sources.keyring):
        source.start()
        stack.callback(source.stop)
    ledger = StatusLedger(client, settings.ledger_timeout_s, keyring=sources.keyring)
    feed, store = SettledFeed(listener), VaultSecretStore(vault)
    beside = {
        "the feed": feed.run(),
        "the purge": purge_forever(ledger, store, clock_ms),
        "the watch over the ledger's settings": watch_forever(ledger),
    }
    for name, work in beside.items():
        await stack.enter_async_context(running(name, work, on_fault))
    return Endpoints(
        ingress=Ingress(
            directory=sources.directory.current,
            book=sources.book,
            store=store,
            signer=TransitJobSigner(vault),
            ledger=ledger,
            keyring=sources.keyring.current,
            audience=settings.audience,
            max_bytes=settings.max_body,
        ),
        ledger=ledger,
        feed=feed,
        readiness=Readiness({"ledger": ledger.ping, "vault": vault.ping}),
        keyring=sources.keyring.current,
        authority=settings.authority,
        max_in_flight=settings.max_in_flight,
    )


async def _on_error(_request: Request, error: Exception) -> Response:
    """Answer with a problem; an error of our own making is told as what it means outside."""
    if not isinstance(error, CountersignError):
        raise error
    if error.code in PROBLEMS:
        return problem_response(error)
    _log.error("refused with %s: %s", error.code, error.message)
    if isinstance(error, VaultDenied | VaultNotFound):
        return problem_response(VaultUnavailable("Vault does not serve this"))
    return problem_response(LedgerUnavailable("the gateway cannot serve this"))


async def _on_http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    code = {404: "not_found", 405: "method_not_allowed"}.get(status, "malformed_request")
    headers = (("allow", _allowed(request)),) if status == 405 else ()
    return problem_response(Refused(code, "see docs/api.md", headers=headers))


def _allowed(request: Request) -> str:
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    fitting = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return ", ".join(sorted({method for route in fitting for method in route.methods or ()}))


def _invalid(name: str, error: RegistrationInvalid) -> None:
    _log.error("the registration of %s is left out: %s", name, error.message)


def _not_refreshed(name: str, error: CountersignError) -> None:
    _log.warning("%s could not be refreshed: %s", name, error.message)
