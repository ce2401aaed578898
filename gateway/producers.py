"""Registered producers: their keys, grants, addresses and limits, and finding one by key id."""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gateway.registration import RegisteredKey, Registration
from signing.algorithms import RequestKey
from signing.errors import SignatureInvalid
from signing.ledger.record import Limits
from signing.references import SecretReference


@dataclass(frozen=True, slots=True)
class Producer:
    """A producer as the ingress sees it."""

    name: str
    tasks: tuple[str, ...]
    secrets: tuple[str, ...]
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
    limits: Limits

    def may_run(self, task: str) -> bool:
        """Whether a task is granted: by its name, by `prefix.*`, or by `*`."""
        return any(_covers(pattern, task) for pattern in self.tasks)

    def may_use(self, reference: SecretReference) -> bool:
        """Whether a secret that lies in Vault already is granted for use by reference."""
        return any(
            _covers(pattern, f"{reference.mount}/{reference.path}") for pattern in self.secrets
        )

    def may_call_from(self, address: str) -> bool:
        """Whether requests are taken from an address; no network registered means any."""
        if not self.networks:
            return True
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = getattr(ip, "ipv4_mapped", None)
        return any((mapped or ip) in network for network in self.networks)


@dataclass(frozen=True, slots=True)
class _Entry:
    producer: Producer
    disabled: bool
    registered: RegisteredKey


class ProducerDirectory:
    """All producers by key id, immutable; a new one replaces it when Vault says otherwise."""

    def __init__(self, registrations: Iterable[Registration]) -> None:
        entries: dict[str, _Entry] = {}
        for registration in registrations:
            producer = _producer(registration)
            for key in registration.keys:
                # Two producers with one key id: neither may be taken for the other.
                if key.key.kid in entries:
                    entries[key.key.kid] = _Entry(producer, True, key)
                else:
                    entries[key.key.kid] = _Entry(producer, registration.disabled, key)
        self._entries: Mapping[str, _Entry] = entries

    def find(self, keyid: str, now: int) -> tuple[Producer, RequestKey]:
        """Give the producer and the key of a key id at a time (milliseconds).

        Raises:
            SignatureInvalid: codes `key_unknown`, `key_revoked`.
        """
        entry = self._entries.get(keyid)
        if entry is None:
            raise SignatureInvalid("no producer registered this key", code="key_unknown")
        if entry.disabled or not entry.registered.valid_at(now):
            raise SignatureInvalid(
                "the key is revoked, outside of its window, or its producer is disabled",
                code="key_revoked",
            )
        return entry.producer, entry.registered.key


def _producer(registration: Registration) -> Producer:
    return Producer(
        name=registration.name,
        tasks=registration.tasks,
        secrets=registration.secrets,
        networks=registration.networks,
        limits=registration.limits,
    )


def _covers(pattern: str, name: str) -> bool:
    """Match a name, or a prefix that ends at a separator and a star; a star alone is all."""
    if pattern == "*":
        return True
    if pattern.endswith((".*", "/*")):
        return name.startswith(pattern[:-1])
    return pattern == name
