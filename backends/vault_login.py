"""Logging in to Vault with hvac, and keeping the token alive. Rare calls: speed does not matter."""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import hvac
import requests
from hvac.exceptions import Forbidden, InvalidRequest, VaultError

from backends.errors import VaultDenied, VaultUnavailable
from backends.settings import VaultSettings

T = TypeVar("T")

TIMEOUT_S = 5
RENEW_AT = 2 / 3  # of a token's life


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

    def token(self) -> str:
        """Give a valid token.

        Raises:
            VaultUnavailable: where Vault cannot be reached or is sealed.
            VaultDenied: where it refuses this role's credentials.
        """
        token = self._token
        if token is not None and self._fresh(token):
            return token.value
        with self._lock:
            token = self._token
            if token is None or not self._fresh(token):
                self._token = token = self._renewed(token)
            return token.value

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
        return token.pid == os.getpid() and self._monotonic() < token.renew_at

    def _renewed(self, old: _Token | None) -> _Token:
        now = self._monotonic()
        if old is not None and old.pid == os.getpid() and now < old.ends_at:
            try:
                answer = self._client(old.value).auth.token.renew_self()
            except (Forbidden, InvalidRequest):
                pass  # revoked or at its longest life: log in again
            except (VaultError, requests.RequestException) as error:
                raise _unavailable(error) from None
            else:
                return _token_of(answer, now)
        try:
            return _token_of(self._log_in(), now)
        except (Forbidden, InvalidRequest):
            raise VaultDenied("Vault refuses this role's credentials") from None
        except (VaultError, requests.RequestException) as error:
            raise _unavailable(error) from None

    def _log_in(self) -> Any:
        settings = self._settings
        client = self._client(None)
        if settings.auth == "approle":
            return client.auth.approle.login(settings.role, settings.secret, use_token=False)
        if settings.auth == "kubernetes":
            return client.auth.kubernetes.login(settings.role, settings.secret, use_token=False)
        return client.auth.cert.login(name=settings.role, use_token=False)

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


def _unavailable(error: Exception) -> VaultUnavailable:
    return VaultUnavailable(f"Vault does not serve: {type(error).__name__}")
