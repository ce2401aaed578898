"""Step 3 of the ingress: secret values to Vault in one write, references in their places."""

from collections.abc import Callable
from typing import Protocol

from gateway.places import get_at, replace_at
from gateway.types import Admitted, Stripped
from signing.references import SECRETS_MOUNT, SecretReference, job_secret_path
from signing.strict_json import JsonObject, JsonValue


class SecretStore(Protocol):
    """Where secrets rest. What is written here cannot be read back by the writer."""

    async def write(self, path: str, values: JsonObject) -> None:
        """Write one new secret, all its fields at once, as version 1.

        Raises:
            VaultUnavailable: where it did not.
        """

    async def delete(self, path: str) -> None:
        """Delete a secret with all its versions.

        Raises:
            VaultUnavailable: where it did not.
        """


def _unchecked(_stripped: Stripped) -> None:
    """Refuse nothing."""


async def strip(
    admitted: Admitted, store: SecretStore, check: Callable[[Stripped], None] = _unchecked
) -> Stripped:
    """Write the values at the secret places to Vault and put references in their stead.

    Args:
        admitted: the job.
        store: where its secrets go.
        check: refuses a stripped job, by raising, before anything of it is written.

    Raises:
        VaultUnavailable: where Vault did not take them; nothing was accepted then.
    """
    stripped, values = _taken_out(admitted)
    check(stripped)
    if values:
        await store.write(secret_path(admitted), values)
    return stripped


def _taken_out(admitted: Admitted) -> tuple[Stripped, JsonObject]:
    if not admitted.secret_places:
        return Stripped(admitted, admitted.args), {}
    path = secret_path(admitted)
    values: JsonObject = {}
    references: dict[str, JsonValue] = {}
    for number, place in enumerate(admitted.secret_places):
        name = f"s{number}"
        values[name] = get_at(admitted.args, place)
        reference = SecretReference(SECRETS_MOUNT, path, name, 1).as_json()
        references[place] = {**reference}
    args = replace_at(admitted.args, references)
    if not isinstance(args, dict):
        raise TypeError("arguments stay an object")
    return Stripped(admitted, args), values


def secret_path(admitted: Admitted) -> str:
    """The path of this job's secrets, made of trusted names alone."""
    return job_secret_path(admitted.task.queue, admitted.task.name, admitted.job_id)
