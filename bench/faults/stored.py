"""Which jobs have secrets in Vault still, by their names: a secret itself is never read."""

from collections.abc import Iterator
from typing import Any, Final

from hvac.exceptions import InvalidPath

from signing.references import SECRETS_MOUNT

#: jobs/<queue>/<task>/<job id>: `signing.references.job_secret_path`.
_ROOT: Final = "jobs/"
_LEVELS: Final = 3


def jobs_with_secrets(client: Any) -> frozenset[str]:
    """Give the ids; `client` is hvac's, of the security role.

    Raises:
        VaultError, requests.RequestException: what cannot be listed is not judged.
    """
    return frozenset(_below(client.secrets.kv.v2, _ROOT, _LEVELS))


def _below(kv: Any, path: str, levels: int) -> Iterator[str]:
    try:
        names = kv.list_secrets(path=path, mount_point=SECRETS_MOUNT)["data"]["keys"]
    except InvalidPath:
        return  # nothing is there
    for name in names:
        if levels == 1:
            yield name
        else:
            yield from _below(kv, path + name, levels - 1)
