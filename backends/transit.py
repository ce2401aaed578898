"""Vault Transit as a signer: what a batch call says and what it answers (sign endpoint, v1)."""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from backends.errors import VaultUnavailable

JOB_KEY: Final = "countersign-job"
RESULT_KEY: Final = "countersign-result"
#: So many bytes of messages go into one call. Vault refuses a body above 32 MiB for good, and what
#: is too large would be sent again for ever; base64 makes a third more of them.
MAX_CALL_BYTES: Final = 8 * 1024 * 1024

#: A key id that a version of one of these keys may have, now or after a rotation.
_VERSION: Final = re.compile(r"(.+):[1-9][0-9]{0,8}", re.ASCII)
_SIGNATURE: Final = re.compile(r"vault:v([0-9]+):([^:]+)")


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature and the id of the key version that made it, `<key>:<version>`."""

    keyid: str
    sig: bytes


class BatchSigner(Protocol):
    """Signs many messages at once, in order."""

    def sign(self, messages: Sequence[bytes]) -> list[Signed]:
        """Sign each message.

        Raises:
            VaultUnavailable: where the keys' keeper does not answer.
        """


def names_version(keyids: Iterable[str], key: str) -> bool:
    """Whether one of these key ids can be a version of a key's, known already or not."""
    matches = (_VERSION.fullmatch(keyid) for keyid in keyids)
    return any(match is not None and match[1] == key for match in matches)


def to_calls(messages: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Cut messages, in order, into what goes into one call each: `MAX_CALL_BYTES`, or one message.

    Nothing gives no call.
    """
    call: list[bytes] = []
    size = 0
    for message in messages:
        if call and size + len(message) > MAX_CALL_BYTES:
            yield call
            call, size = [], 0
        call.append(message)
        size += len(message)
    if call:
        yield call


def sign_path(key: str) -> str:
    """The path of the call, below `/v1/`."""
    return f"transit/sign/{key}"


def sign_body(messages: Sequence[bytes]) -> dict[str, Any]:
    """The call's body."""
    return {"batch_input": [{"input": base64.b64encode(item).decode("ascii")} for item in messages]}


def signed_from(key: str, answer: Mapping[str, Any], count: int) -> list[Signed]:
    """Read the answer's `data`.

    Raises:
        VaultUnavailable: where a signature is missing.
    """
    results = answer.get("batch_results")
    if not isinstance(results, list) or len(results) != count:
        raise VaultUnavailable("Transit did not answer for every message")
    return [_signed(key, item) for item in results]


def _signed(key: str, item: object) -> Signed:
    text = item.get("signature") if isinstance(item, Mapping) else None
    match = _SIGNATURE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise VaultUnavailable("Transit refused to sign a message")
    try:
        return Signed(keyid=f"{key}:{match[1]}", sig=base64.b64decode(match[2], validate=True))
    except ValueError:
        raise VaultUnavailable("Transit's signature is not of its form") from None
