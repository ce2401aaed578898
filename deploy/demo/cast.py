"""Who takes part: three partner systems, each with a key and grants of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from signing.algorithms import AlgorithmName


@dataclass(frozen=True, slots=True)
class Part:
    """A producer as the security team registers it.

    Attributes:
        tasks: its grants.
        limits: as in a registration document; none is no limit.
    """

    name: str
    algorithm: AlgorithmName
    tasks: tuple[str, ...]
    limits: Mapping[str, float] | None = None

    @property
    def key_id(self) -> str:
        """The id of its key."""
        return f"{self.name}-2026"

    @property
    def old_key_id(self) -> str:
        """The id of a key that was revoked."""
        return f"{self.name}-2025"


SHOP: Final = Part("acme-shop", "ed25519", ("payments.*", "webhooks.deliver"))
PAPERS: Final = Part("globex-papers", "ecdsa-p256-sha256", ("documents.*",))
EVENTS: Final = Part("initech-events", "rsa-pss-sha512", ("webhooks.deliver",))
#: Allowed one job a day, to be refused the second.
TRIAL: Final = Part(
    "hooli-trial", "hmac-sha256", ("payments.refund",), {"per_second": 1 / 86_400, "burst": 1}
)
CAST: Final = (SHOP, PAPERS, EVENTS, TRIAL)

#: A secret that lies in Vault already and that its producer uses by reference.
STORED: Final = "hook"


def stored_reference(part: Part) -> dict[str, str]:
    """The reference to a producer's stored secret."""
    path = f"countersign-secrets/producers/{part.name}/{STORED}"
    return {"$secret": f"vault:{path}#value@1"}
