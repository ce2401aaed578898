"""Secrets made anew for each run: whatever finds one anywhere has found a leak, never chance."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.places import pointer_to


def _card_number() -> str:
    """A card number that no issuer gave out, with a right check digit (ISO/IEC 7812)."""
    digits = [4, *(secrets.randbelow(10) for _ in range(14))]
    doubled = sum(sum(divmod(2 * digit, 10)) for digit in digits[::2])
    return "".join(map(str, [*digits, -(doubled + sum(digits[1::2])) % 10]))


#: How each kind of secret looks.
KINDS: Final[Mapping[str, Callable[[], str]]] = {
    "card token": lambda: f"tok_{secrets.token_hex(12)}",
    "card number": _card_number,
    "webhook secret": lambda: f"whsec_{secrets.token_urlsafe(24)}",
    "storage key": lambda: secrets.token_urlsafe(32),
    "api key": lambda: f"ak_{secrets.token_hex(16)}",
    "password": lambda: secrets.token_urlsafe(12),
}


@dataclass(frozen=True, slots=True)
class Planted:
    """Stands in a payload where a secret is sent.

    Attributes:
        kind: one of `KINDS`.
        text: what stands around it.
    """

    kind: str
    text: str = "{}"


@dataclass(slots=True)
class Planter:
    """Makes secrets and remembers each one that was made."""

    made: list[str] = field(default_factory=list, repr=False)

    def plant(self, value: Any) -> Any:
        """Give the payload with a new secret at each place."""
        if isinstance(value, Planted):
            secret = KINDS[value.kind]()
            self.made.append(secret)
            return value.text.format(secret)
        if isinstance(value, Mapping):
            return {name: self.plant(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.plant(item) for item in value]
        return value


def places(value: Any, steps: tuple[str | int, ...] = ()) -> list[str]:
    """JSON Pointers to the secrets of a payload."""
    if isinstance(value, Planted):
        return [pointer_to(steps)]
    if isinstance(value, Mapping):
        return [place for name, item in value.items() for place in places(item, (*steps, name))]
    if isinstance(value, list):
        return [place for i, item in enumerate(value) for place in places(item, (*steps, i))]
    return []
