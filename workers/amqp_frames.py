"""Frames of AMQP 0-9-1 as a worker reads them: of a message no more than it needs.

It stands in the place of py-amqp 5.3's `frame_handler` (amqp/method_framing.py), which decodes all
properties and headers of a message before anybody sees it, and gathers a body of any size: a
timestamp out of range or a nested table in a header stops a stock worker. Here a delivery is its
consumer's tag, its number, whether it came before, two short strings (content type and encoding),
and the body up to a limit. Headers, priority, reply-to and the rest are skipped unread.

Form of the frames: AMQP 0-9-1, 4.2 "General Frame Format" and 1.8.3 `basic.deliver`.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from amqp import spec
from amqp.exceptions import UnexpectedFrame

from workers.types import Content

METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
_CONTENT_TYPE_FLAG: Final = 1 << 15
_CONTENT_ENCODING_FLAG: Final = 1 << 14
#: Methods with a content that a worker never asks for.
_NOT_ASKED_FOR: Final = (spec.Basic.Return, spec.Basic.GetOk)
#: What py-amqp raises where a method's arguments are not what their types say.
_MALFORMED: Final = (struct.error, LookupError, ValueError, OverflowError, TypeError)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as the node gave it; nothing of it is trusted."""

    consumer_tag: str
    number: int
    redelivered: bool
    content: Content
    body: bytes


class _Partial:
    """A delivery whose frames are still coming."""

    def __init__(self, arguments: bytes) -> None:
        tag, offset = _short(arguments, 4)
        self._tag = tag
        self._number, flags = struct.unpack_from(">QB", arguments, offset)
        self._redelivered = bool(flags & 1)
        self._content: Content | None = None
        self._left = 0
        self._kept = bytearray()

    def header(self, frame: bytes) -> None:
        if self._content is not None:
            raise UnexpectedFrame("a second header")
        self._left, flags = struct.unpack_from(">QH", frame, 4)
        offset = 14
        while struct.unpack_from(">H", frame, offset - 2)[0] & 1:
            offset += 2  # more flags follow: of properties that are not read here
        kind = encoding = b""
        if flags & _CONTENT_TYPE_FLAG:
            kind, offset = _short(frame, offset)
        if flags & _CONTENT_ENCODING_FLAG:
            encoding, offset = _short(frame, offset)
        self._content = Content(kind, encoding)

    def body(self, frame: bytes, most: int) -> None:
        if self._content is None or len(frame) > self._left:
            raise UnexpectedFrame("a body that was not announced")
        self._left -= len(frame)
        self._kept += frame[: max(0, most - len(self._kept))]

    def complete(self) -> Delivery | None:
        if self._content is None or self._left:
            return None
        tag = self._tag.decode("ascii", "replace")
        return Delivery(tag, self._number, self._redelivered, self._content, bytes(self._kept))


class InboundFrames:
    """Called with each frame; true once a whole method has been dealt with.

    Of a body one byte more than `most` is kept, so that it can be told that it is too large.
    """

    def __init__(self, connection: Any, on_method: Callable[..., Any], most: int) -> None:
        self._connection = connection
        self._on_method = on_method
        self._most = most
        self._partial: dict[int, _Partial] = {}

    def __call__(self, frame: tuple[int, int, bytes]) -> bool:
        """Take in a frame.

        Raises:
            AMQPError: where the node closes something, or its frame is none.
        """
        kind, channel, payload = frame
        self._connection.bytes_recv += 1
        if kind == HEARTBEAT:
            return False
        try:
            if kind == METHOD and channel not in self._partial:
                return self._method(channel, payload)
            if kind not in (HEADER, BODY) or channel not in self._partial:
                raise UnexpectedFrame(f"a frame of type {kind} out of turn")
            delivery = self._content(kind, channel, payload)
        except _MALFORMED as error:
            raise UnexpectedFrame(f"a frame cannot be read: {type(error).__name__}") from error
        if delivery is None:
            return False
        self._connection.channels[channel].delivered(delivery)
        return True

    def _method(self, channel: int, payload: bytes) -> bool:
        method = struct.unpack_from(">HH", payload)
        if method == spec.Basic.Deliver:
            self._partial[channel] = _Partial(payload)
            return False
        if method in _NOT_ASKED_FOR:
            raise UnexpectedFrame("a message that was not asked for")
        self._on_method(channel, method, payload, None)
        return True

    def _content(self, kind: int, channel: int, payload: bytes) -> Delivery | None:
        partial = self._partial[channel]
        if kind == HEADER:
            partial.header(payload)
        else:
            partial.body(payload, self._most + 1)
        delivery = partial.complete()
        if delivery is not None:
            del self._partial[channel]
        return delivery


def _short(frame: bytes, offset: int) -> tuple[bytes, int]:
    """A short string and where it ends."""
    end = offset + 1 + frame[offset]
    if end > len(frame):
        raise ValueError
    return bytes(frame[offset + 1 : end]), end
