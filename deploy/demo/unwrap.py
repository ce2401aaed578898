"""What is encoded in base64 or compressed inside of other bytes, several times over."""

import re
import zlib
from base64 import b64decode
from binascii import Error
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_-]{24,}={0,2}")
_PACKED: Final = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")
_URLSAFE: Final = bytes.maketrans(b"-_", b"+/")
_MOST: Final = 4 * 1024 * 1024
_LAYERS: Final = 3


def unwrapped(data: bytes) -> Iterator[bytes]:
    """Give the bytes themselves, and then what is wrapped in them, layer by layer."""
    layer = [data]
    for _ in range(_LAYERS + 1):
        yield from layer
        layer = [inner for piece in layer for inner in _inside(piece)]


def _inside(data: bytes) -> Iterator[bytes]:
    for found in _BASE64.finditer(data):
        text = found[0].rstrip(b"=").translate(_URLSAFE)
        with suppress(Error):
            yield b64decode(text[: len(text) // 4 * 4 + (len(text) % 4 > 1) * 4] + b"==")
    for found in _PACKED.finditer(data):
        # Two bytes may happen to look like a beginning.
        with suppress(zlib.error):
            yield zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(data[found.start() :], _MOST)
