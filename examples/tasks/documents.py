"""Documents: longer jobs on the slow queue."""

import hashlib
import hmac
from string import Template
from typing import Annotated, TypedDict

from pydantic import Field

from workers import Secret, job


class Rendered(TypedDict):
    """What rendering gives back."""

    pages: list[str]
    sha256: str


class Archived(TypedDict):
    """What archiving gives back."""

    document: str
    bytes: int
    seal: str


@job("documents.render", queue="slow", soft_time_limit=120, time_limit=150)
def render(
    template: Annotated[str, Field(max_length=20_000)],
    fields: dict[str, str],
    pages: Annotated[int, Field(ge=1, le=50)] = 1,
) -> Rendered:
    """Fill a template's `$placeholders`, once for each page; `$page` is the page's number."""
    filled = [
        Template(template).safe_substitute(fields, page=str(number + 1)) for number in range(pages)
    ]
    return {"pages": filled, "sha256": hashlib.sha256("\f".join(filled).encode()).hexdigest()}


@job("documents.archive", queue="slow", max_attempts=8, retry_on=(OSError,))
def archive(
    document: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")],
    text: str,
    storage_key: Secret[str],
) -> Archived:
    """Seal a document's text with the storage's key; an archive would keep text and seal."""
    data = text.encode()
    seal = hmac.new(storage_key.reveal().encode(), data, hashlib.sha256).hexdigest()
    return {"document": document, "bytes": len(data), "seal": seal}
