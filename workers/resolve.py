"""Step 3 of the worker: fetch the secrets a job refers to, when it is about to run."""

from collections.abc import Mapping
from typing import Final, Protocol

from signing.errors import ReferenceInvalid
from signing.references import KEY, SECRETS_MOUNT, SecretReference, job_secret_path, parse_reference
from signing.strict_json import JsonObject, JsonValue
from workers.errors import SecretUnusable
from workers.redact import leaf_texts
from workers.types import Claimed, Ready

PRODUCERS_PREFIX: Final = "producers/"


class SecretReader(Protocol):
    """Where secrets rest."""

    def read(self, mount: str, path: str, version: int) -> Mapping[str, JsonValue]:
        """Read one version of a secret, all fields.

        Raises:
            VaultUnavailable: trying again later can help.
            VaultDenied, VaultNotFound: it cannot.
        """


def resolve(claimed: Claimed, reader: SecretReader) -> Ready:
    """Put the values in the places of their references.

    The seal says which references a job has; that they are this job's own, or of the producers'
    part, is checked once more here, since the worker's policy would let it read any job's.

    Raises:
        SecretUnusable: a reference leads elsewhere, or the secret has no such field.
        VaultUnavailable, VaultDenied, VaultNotFound: as `SecretReader.read`.
    """
    resolver = _Resolver(claimed, reader)
    args = {name: resolver.value(item) for name, item in claimed.job.claims.args.items()}
    return Ready(claimed=claimed, args=args, secrets=tuple(resolver.texts))


def own_secret_path(claimed: Claimed) -> str | None:
    """The path of the secrets that the gateway stored for this job, if its arguments use any."""
    claims = claimed.job.claims
    path = job_secret_path(claims.queue, claims.task, claims.id)
    prefix = f"vault:{SECRETS_MOUNT}/{path}#"
    return path if any(text.startswith(prefix) for text in _references(claims.args)) else None


class _Resolver:
    def __init__(self, claimed: Claimed, reader: SecretReader) -> None:
        claims = claimed.job.claims
        self._own_path = job_secret_path(claims.queue, claims.task, claims.id)
        self._reader = reader
        self._read: dict[tuple[str, int], Mapping[str, JsonValue]] = {}
        self.texts: list[str] = []

    def value(self, value: JsonValue) -> JsonValue:
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if not isinstance(value, dict):
            return value
        if KEY in value:
            return self._secret(value)
        return {name: self.value(item) for name, item in value.items()}

    def _secret(self, reference: JsonObject) -> JsonValue:
        text = reference[KEY]
        if len(reference) != 1 or not isinstance(text, str):
            raise SecretUnusable("a reference is not of its form")
        try:
            place = parse_reference(text)
        except ReferenceInvalid:
            raise SecretUnusable("a reference is not of its form") from None
        fields = self._fields(place)
        if place.field not in fields:
            raise SecretUnusable("a secret has no such field")
        secret = fields[place.field]
        self.texts.extend(leaf_texts(secret))
        return secret

    def _fields(self, place: SecretReference) -> Mapping[str, JsonValue]:
        is_own = place.path == self._own_path
        if place.mount != SECRETS_MOUNT or not (is_own or place.path.startswith(PRODUCERS_PREFIX)):
            raise SecretUnusable("a reference leads to another job's secret")
        key = (place.path, place.version)
        if key not in self._read:
            self._read[key] = self._reader.read(place.mount, place.path, place.version)
        return self._read[key]


def _references(value: JsonValue) -> list[str]:
    if isinstance(value, list):
        return [text for item in value for text in _references(item)]
    if isinstance(value, dict):
        if isinstance(text := value.get(KEY), str):
            return [text]
        return [text for item in value.values() for text in _references(item)]
    return []
