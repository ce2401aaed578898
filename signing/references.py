"""Secret references: `{"$secret": "vault:<mount>/<path>#<field>@<version>"}` for a value."""

import re
from dataclasses import dataclass
from typing import Final

from signing.errors import ReferenceInvalid

KEY: Final = "$secret"
#: The KV version 2 mount where jobs' and producers' secrets rest.
SECRETS_MOUNT: Final = "countersign-secrets"

# No "." alone in a segment: clients and proxies join and normalise `..` (hvac does).
_SEGMENT = r"(?!\.+(?:/|#))[A-Za-z0-9._-]{1,128}"
_JOB_SECRET = re.compile(r"jobs(?:/[a-z0-9_-][a-z0-9_.-]*){3}")
_REFERENCE = re.compile(
    rf"vault:(?P<mount>{_SEGMENT.replace('|#', '')})/(?P<path>{_SEGMENT}(?:/{_SEGMENT}){{0,7}})"
    r"#(?P<field>[A-Za-z0-9_-]{1,64})@(?P<version>[1-9][0-9]{0,8})"
)


@dataclass(frozen=True, slots=True)
class SecretReference:
    """Where one secret value rests: a KV version 2 mount, path, field and version."""

    mount: str
    path: str
    field: str
    version: int

    def __str__(self) -> str:
        return f"vault:{self.mount}/{self.path}#{self.field}@{self.version}"

    def as_json(self) -> dict[str, str]:
        """Give the object that stands in a job's arguments."""
        return {KEY: str(self)}


def parse_reference(text: str) -> SecretReference:
    """Read one reference.

    Raises:
        ReferenceInvalid: where the text is of any other form, `..` and empty segments included.
    """
    match = _REFERENCE.fullmatch(text)
    if match is None:
        raise ReferenceInvalid("not a reference of the form vault:<mount>/<path>#<field>@<version>")
    return SecretReference(
        mount=match["mount"],
        path=match["path"],
        field=match["field"],
        version=int(match["version"]),
    )


def job_secret_path(queue: str, task: str, job_id: str) -> str:
    """Give the KV path of a job's own secrets, made of names the gateway trusts alone."""
    return f"jobs/{queue}/{task}/{job_id}"


def is_job_secret_path(path: str) -> bool:
    """Whether a text has the form of `job_secret_path`."""
    return _JOB_SECRET.fullmatch(path) is not None
