"""The search for secrets: as they are, in the encodings that things are written in, and packed."""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import quote

from deploy.demo.facts import Scan
from deploy.demo.sources import Source
from deploy.demo.unwrap import unwrapped

_URLSAFE: Final = bytes.maketrans(b"+/", b"-_")


def search(secrets: Sequence[str], sources: Iterable[Source]) -> Scan:
    """Look for each secret in each source."""
    patterns = [pattern for secret in secrets for pattern in forms(secret.encode()).items()]
    places = size = 0
    hits: list[str] = []
    for name, data in sources:
        places += 1
        size += len(data)
        for text in unwrapped(data):
            found = {form for pattern, form in patterns if pattern in text}
            hits += [f"{name} ({form})" for form in sorted(found)]
    return Scan(places, size, len(secrets), tuple(dict.fromkeys(hits)))


def forms(secret: bytes) -> Mapping[bytes, str]:
    """How a secret may be written; of base64 the part that its neighbours do not change.

    Forms that are written alike are one, named by the first.
    """
    text = secret.decode()
    written = {secret: "as it is"}
    written.setdefault(secret.hex().encode(), "hex")
    written.setdefault(secret.hex().upper().encode(), "upper-case hex")
    written.setdefault(quote(text, safe="").encode(), "URL")
    written.setdefault(json.dumps(text)[1:-1].encode(), "JSON")
    for offset in range(3):
        inner = _inner_base64(secret, offset)
        written.setdefault(inner, f"base64 at {offset}")
        written.setdefault(inner.translate(_URLSAFE), f"URL-safe base64 at {offset}")
    return written


def _inner_base64(secret: bytes, offset: int) -> bytes:
    first = -(-offset * 8 // 6)
    last = (offset + len(secret)) * 8 // 6
    return base64.b64encode(bytes(offset) + secret)[first:last]
