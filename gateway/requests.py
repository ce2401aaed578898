"""From an ASGI request to `RawRequest`: raw bytes, the configured authority, a bounded body."""

import asyncio
from collections.abc import Callable
from typing import Final

from starlette.requests import ClientDisconnect, Request

from gateway.errors import Refused
from gateway.types import RawRequest
from signing.http_fields import HttpRequest, combine_fields

#: A megabyte at 1 Mbit/s takes 8 s. Without a deadline whoever sends a byte now and then holds a
#: connection, and what is kept of its body, for as long as it likes.
BODY_DEADLINE_S: Final = 10.0


async def read_request(
    request: Request, *, authority: str, clock: Callable[[], int], max_bytes: int
) -> RawRequest:
    """Read a request with its body; the time it was received at is the body's end.

    A time from before the body would let recorded fields pass as fresh for as long as the body
    is held back, and their nonce be forgotten meanwhile.

    Raises:
        Refused: `too_large`, `malformed_request`.
        SignatureInvalid: `malformed_request` for fields that are not ASCII.
    """
    fields = combine_fields(request.scope["headers"])
    body = await _body(request, fields.get("content-length"), max_bytes)
    try:
        path = request.scope["raw_path"].decode("ascii")
        query = request.scope["query_string"].decode("ascii")
    except UnicodeDecodeError:
        raise Refused("malformed_request", "the target is not ASCII") from None
    client = request.scope.get("client")
    return RawRequest(
        http=HttpRequest(
            method=request.method,
            authority=authority,
            path=path,
            query=query,
            fields=fields,
            body=body,
        ),
        client=client[0] if client else "",
        received_at=clock(),
    )


async def _body(request: Request, announced: str | None, max_bytes: int) -> bytes:
    if announced is not None and announced.isdigit() and int(announced) > max_bytes:
        raise _too_large(max_bytes)
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_DEADLINE_S):
            async for chunk in request.stream():
                size += len(chunk)
                if size > max_bytes:
                    raise _too_large(max_bytes)
                chunks.append(chunk)
    except TimeoutError:
        raise Refused("malformed_request", "the body did not arrive in time") from None
    except ClientDisconnect:
        raise Refused("malformed_request", "the connection ended before the body did") from None
    return b"".join(chunks)


def _too_large(max_bytes: int) -> Refused:
    return Refused("too_large", f"a body has at most {max_bytes} bytes")
