"""A producer's registration document, as the security team keeps it in Vault, read strictly."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Any, Final

from signing.algorithms import RequestKey, algorithm_name, public_key, shared_secret
from signing.errors import CountersignError, KeyInvalid
from signing.ledger.record import Limits
from signing.times import TimeInvalid, from_rfc3339

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}")
_KID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_MEMBERS: Final = frozenset({"name", "keys", "tasks", "secrets", "addresses", "disabled", "limits"})
_KEY_MEMBERS: Final = frozenset(
    {"kid", "alg", "public_pem", "secret_b64", "not_before", "not_after", "revoked"}
)


class RegistrationInvalid(CountersignError):
    """A registration document is not of its form; the message names the member."""

    code = "registration_invalid"


@dataclass(frozen=True, slots=True)
class RegisteredKey:
    """A producer's key and when it counts (milliseconds; `None` is open)."""

    key: RequestKey
    not_before: int | None
    not_after: int | None
    revoked: bool

    def valid_at(self, now: int) -> bool:
        """Whether the key counts at a time."""
        if self.revoked or (self.not_before is not None and now < self.not_before):
            return False
        return self.not_after is None or now < self.not_after


@dataclass(frozen=True, slots=True)
class Registration:
    """One producer, as registered."""

    name: str
    keys: tuple[RegisteredKey, ...]
    tasks: tuple[str, ...]
    secrets: tuple[str, ...]
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
    disabled: bool
    limits: Limits


def parse_registration(document: dict[str, Any]) -> Registration:
    """Read a document.

    Raises:
        RegistrationInvalid: naming the member that is missing, unknown or of another form.
    """
    unknown = sorted(document.keys() - _MEMBERS)
    if unknown:
        raise RegistrationInvalid(f"member {unknown[0]} is not known")
    name = document.get("name")
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise RegistrationInvalid("member name: lower case letters, digits, - and _, at most 48")
    keys = document.get("keys")
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise RegistrationInvalid("member keys: not a list of objects")
    return Registration(
        name=name,
        keys=tuple(_key(key) for key in keys),
        tasks=_texts(document, "tasks"),
        secrets=_texts(document, "secrets"),
        networks=tuple(_network(text) for text in _texts(document, "addresses")),
        disabled=_flag(document, "disabled"),
        limits=_limits(document.get("limits", {})),
    )


def _key(document: dict[str, Any]) -> RegisteredKey:
    unknown = sorted(document.keys() - _KEY_MEMBERS)
    if unknown:
        raise RegistrationInvalid(f"keys: member {unknown[0]} is not known")
    kid = document.get("kid")
    if not isinstance(kid, str) or _KID.fullmatch(kid) is None:
        raise RegistrationInvalid("keys: member kid is not a key id")
    try:
        algorithm = algorithm_name(str(document.get("alg")))
        if algorithm == "hmac-sha256":
            key = shared_secret(kid, str(document.get("secret_b64")))
        else:
            key = public_key(kid, algorithm, str(document.get("public_pem")))
        return RegisteredKey(
            key=key,
            not_before=_time(document.get("not_before")),
            not_after=_time(document.get("not_after")),
            revoked=_flag(document, "revoked"),
        )
    except (KeyInvalid, TimeInvalid) as error:
        raise RegistrationInvalid(f"key {kid}: {error.message}") from None


def _texts(document: dict[str, Any], name: str) -> tuple[str, ...]:
    value = document.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise RegistrationInvalid(f"member {name}: not a list of texts")
    return tuple(value)


def _flag(document: dict[str, Any], name: str) -> bool:
    value = document.get(name, False)
    if not isinstance(value, bool):
        raise RegistrationInvalid(f"member {name}: not true or false")
    return value


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise RegistrationInvalid("member addresses: not a network in CIDR form") from None


def _time(value: object) -> int | None:
    return None if value is None else from_rfc3339(str(value))


def _limits(document: object) -> Limits:
    if not isinstance(document, dict) or document.keys() - {"per_second", "burst", "open_jobs"}:
        raise RegistrationInvalid("member limits: an object of per_second, burst and open_jobs")
    per_second = document.get("per_second", 0)
    burst, open_jobs = document.get("burst", 1), document.get("open_jobs", 0)
    if type(per_second) not in (int, float) or per_second < 0:
        raise RegistrationInvalid("limits: per_second is not a number of at least 0")
    if type(burst) is not int or burst < 1:
        raise RegistrationInvalid("limits: burst is not a whole number of at least 1")
    if type(open_jobs) is not int or open_jobs < 0:
        raise RegistrationInvalid("limits: open_jobs is not a whole number of at least 0")
    return Limits(per_second=per_second, burst=burst, open_jobs=open_jobs)
