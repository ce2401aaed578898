"""Logging in to Vault with hvac, and keeping the token alive. Rare calls: speed does not matter."""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

import hvac
from hvac.exceptions import Forbidden, InvalidRequest, VaultError

from backends.errors import VaultDenied, VaultUnavailable
from backends.settings import VaultSettings

T = TypeVar("T")

TIMEOUT_S = 5
RENEW_AT = 2 / 3  # of a token's life
#: A token that could not be renewed counts until its end; so long until Vault is asked again.
RENEW_AGAIN_S = 5.0
#: What hvac raises where Vault does not serve. The errors of `requests` are OSErrors, and so is the
#: one for a certificate's file that is away while a new one takes its place.
UNREACHED: Final = (VaultError, OSError)
#: So long one failure answers for all who ask.
FAILURE_S = 1.0


@dataclass(frozen=True, slots=True, repr=False)
class _Token:
    value: str
    pid: int
    renew_at: float
    ends_at: float


class VaultLogin:
    """Gives a token that is valid now; logs in and renews when it has to. Safe across threads.

    After a fork the child logs in by itself: a child's token ends with the child's use of it.
    """

    def __init__(self, settings: VaultSettings, monotonic: Callable[[], float]) -> None:
        self._settings = settings
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._token: _Token | None = None
        self._failure: tuple[VaultUnavailable | VaultDenied | None, float] = (None, 0.0)

    def token(self) -> str:
        """Give a valid token.

        Raises:
            VaultUnavailable: where Vault cannot be reached or is sealed.
            VaultDenied: where it refuses this role's credentials.
        """
        token = self._token
        if token is not None and self._fresh(token):
            return token.value
        # While another thread renews a token that still counts, that token does.
        counts = token is not None and self._counts(token)
        if not self._lock.acquire(blocking=not counts) and token is not None:
            return token.value
        try:
            token = self._token
            if token is None or not self._fresh(token):
                self._token = token = self._renewed_or_failed(token)
            return token.value
        finally:
            self._lock.release()

    def fresh_token(self) -> str | None:
        """Give the token if that takes no call, for callers that must not block."""
        token = self._token
        return token.value if token is not None and self._fresh(token) else None

    def forget(self, value: str) -> None:
        """Drop a token that Vault refused, so that the next call logs in."""
        with self._lock:
            if self._token is not None and self._token.value == value:
                self._token = None

    def client(self) -> Any:
        """Give an hvac client with a valid token.

        Raises:
            VaultUnavailable, VaultDenied: as `token`.
        """
        return self._client(self.token())

    def ask(self, question: Callable[[Any], T]) -> T:
        """Ask with an hvac client; a refused token is forgotten and the question put anew once.

        Raises:
            Forbidden: where a new token is refused too; and what else the question raises.
            VaultUnavailable, VaultDenied: as `token`.
        """
        token = self.token()
        try:
            return question(self._client(token))
        except Forbidden:
            self.forget(token)
        return question(self.client())

    def _fresh(self, token: _Token) -> bool:
        return self._counts(token) and self._monotonic() < token.renew_at

    def _counts(self, token: _Token) -> bool:
        return token.pid == os.getpid() and self._monotonic() < token.ends_at

    def _renewed_or_failed(self, old: _Token | None) -> _Token:
        """Renew or log in; who waited for an attempt that failed is told so and makes none."""
        failure, until = self._failure
        if failure is not None and self._monotonic() < until:
            raise type(failure)(failure.message)
        try:
            return self._renewed(old)
        except (VaultUnavailable, VaultDenied) as error:
            self._failure = (error.with_traceback(None), self._monotonic() + FAILURE_S)
            raise

    def _renewed(self, old: _Token | None) -> _Token:
        now = self._monotonic()
        if old is not None and self._counts(old):
            try:
                answer = self._client(old.value).auth.token.renew_self()
            except (Forbidden, InvalidRequest):
                pass  # revoked or at its longest life: log in again
            except UNREACHED as error:
                again = self._monotonic() + RENEW_AGAIN_S
                if self._counts(old):
                    return replace(old, renew_at=again)
                raise unavailable(error) from None
            else:
                return _token_of(answer, now)
        try:
            return _token_of(self._log_in(), now)
        except (Forbidden, InvalidRequest):
            raise VaultDenied("Vault refuses this role's credentials") from None
        except UNREACHED as error:
            raise unavailable(error) from None

    def _log_in(self) -> Any:
        settings = self._settings
        client = self._client(None)
        if settings.auth == "cert":
            return client.auth.cert.login(name=settings.role, use_token=False)
        secret = self._secret()
        if settings.auth == "approle":
            return client.auth.approle.login(settings.role, secret, use_token=False)
        return client.auth.kubernetes.login(settings.role, secret, use_token=False)

    def _secret(self) -> str:
        """Read the credential as its file holds it now: it is replaced there before it ends."""
        path = self._settings.secret_file
        try:
            secret = "" if path is None else path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            secret = ""
        if not secret:
            raise VaultUnavailable("the file with this role's Vault credential cannot be read")
        return secret

    def _client(self, token: str | None) -> Any:
        tls = self._settings.tls
        return hvac.Client(
            url=self._settings.address,
            token=token or "",
            verify=str(tls.ca),
            cert=(str(tls.cert), str(tls.key)),
            timeout=TIMEOUT_S,
        )


def _token_of(answer: Any, now: float) -> _Token:
    auth = answer["auth"]
    life = float(auth["lease_duration"])
    return _Token(
        value=auth["client_token"],
        pid=os.getpid(),
        renew_at=now + life * RENEW_AT,
        ends_at=now + life,
    )


def unavailable(error: Exception) -> VaultUnavailable:
    """Convert a client's exception; only its type is told: its text may show paths."""
    return VaultUnavailable(f"Vault does not serve: {type(error).__name__}")
