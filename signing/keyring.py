"""Which keys may seal what, and when: roles, windows, revocation. The clock comes from outside."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from signing.dsse import Envelope
from signing.errors import SealInvalid

Role = Literal["gateway", "worker"]


@dataclass(frozen=True, slots=True)
class SealKey:
    """A public key that may seal for one role.

    Attributes:
        kid: the id in envelopes, `<Transit key>:<version>`.
        verify_from, verify_until: milliseconds since the epoch; `None` leaves the side open.
            When a key may still sign is its signer's concern (Vault's), not the verifier's.
        revoked: refused whatever its window says.
    """

    kid: str
    role: Role
    public_key: Ed25519PublicKey
    verify_from: int | None = None
    verify_until: int | None = None
    revoked: bool = False

    def refusal(self, now: int) -> str | None:
        """Give the code for which this key is refused at a time, or `None`."""
        if self.revoked:
            return "key_revoked"
        if self.verify_from is not None and now < self.verify_from:
            return "key_not_yet_valid"
        if self.verify_until is not None and now >= self.verify_until:
            return "key_expired"
        return None


class KeyUnknown(SealInvalid):
    """No key id of an envelope is known for the role; a newer keyring may know them."""

    def __init__(self, keyids: Iterable[str]) -> None:
        super().__init__("no signature is by a key trusted for this", code="key_unknown")
        self.keyids = tuple(keyids)


class Keyring:
    """An immutable set of seal keys; a new one replaces it when keys are rotated or revoked."""

    def __init__(self, keys: Iterable[SealKey]) -> None:
        listed = tuple(keys)
        self._keys: Mapping[str, SealKey] = {key.kid: key for key in listed}
        if len(self._keys) != len(listed):
            raise ValueError("a keyring names a key id twice")

    @property
    def keys(self) -> tuple[SealKey, ...]:
        """All keys, revoked and expired ones included, in the order given."""
        return tuple(self._keys.values())

    def trusted_for(
        self, envelope: Envelope, *, role: Role, now: int
    ) -> Mapping[str, Ed25519PublicKey]:
        """Give the keys by which an envelope may be verified in a role at a time.

        Raises:
            SealInvalid: where none of its key ids may: `key_unknown` (as `KeyUnknown`),
                `key_revoked`, `key_expired` or `key_not_yet_valid`.
        """
        trusted: dict[str, Ed25519PublicKey] = {}
        refusal = None
        for item in envelope.signatures:
            key = self._keys.get(item.keyid)
            if key is None or key.role != role:
                continue
            reason = key.refusal(now)
            if reason is None:
                trusted[key.kid] = key.public_key
            else:
                refusal = reason
        if trusted:
            return trusted
        if refusal is None:
            raise KeyUnknown(item.keyid for item in envelope.signatures)
        raise SealInvalid("no signature is by a key trusted for this", code=refusal)
