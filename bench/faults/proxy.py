"""TCP proxies on loopback that misbehave when told to. TLS passes through them unread.

All of them run in one event loop in one thread. What they can do to a link:
    refuse   no new connection is taken; those that are open go on
    reset    every open connection ends with RST, once
    delay    every byte comes so many milliseconds late, both ways
    silence  bytes are swallowed both ways and nothing is closed; a connection that lost some stays
             silent, as one does whose state a firewall has dropped
    cut      each connection is closed after so many more bytes from the server
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeVar

HOST: Final = "127.0.0.1"
#: How long a server keeps its half of a connection that went silent after the client gave it up.
HALF_OPEN_S: Final = 10.0
_RST: Final = struct.pack("ii", 1, 0)
_CALL_S: Final = 10.0
Mode = Literal["pass", "refuse", "delay", "silence", "cut"]
T = TypeVar("T")


@dataclass(slots=True)
class Link:
    """One proxied connection between two parts: where it listens, where it leads, what it does."""

    name: str
    port: int
    target: int
    mode: Mode = "pass"
    amount: float = 0.0
    server: asyncio.Server | None = None
    pairs: set["_Pair"] = field(default_factory=set)
    #: Connections that were ever made.
    made: int = 0
    #: How often it did what its mode says, since that was set: pieces of data, or connections cut.
    touched: int = 0


class _Pair:
    """One client's connection and the one made for it to the server."""

    def __init__(self, link: Link, loop: asyncio.AbstractEventLoop) -> None:
        self.link = link
        self.loop = loop
        self.client = _Leg(self, from_server=False)
        self.server = _Leg(self, from_server=True)
        self.silent = False
        self.budget: float | None = link.amount if link.mode == "cut" else None

    def other(self, leg: "_Leg") -> "_Leg":
        return self.server if leg is self.client else self.client

    def passed(self, leg: "_Leg", data: bytes) -> None:
        """Do with bytes what the link does at this moment."""
        self.silent = self.silent or self.link.mode == "silence"
        if self.silent:
            self.link.touched += self.link.mode == "silence"
            return
        self.link.touched += self.link.mode == "delay"
        late = self.link.amount / 1000 if self.link.mode == "delay" else 0.0
        if leg.from_server and self.budget is not None:
            data = data[: int(self.budget)]
            self.budget -= len(data)
            self.other(leg).send(data, late)
            if self.budget < 1:
                self.link.touched += 1
                self.close()
            return
        self.other(leg).send(data, late)

    def ended(self, leg: "_Leg") -> None:
        """One side has closed: so does the other, unless nobody would tell it."""
        if not self.silent:
            self.other(leg).send(None, 0.0)
        elif leg is self.client:
            self.loop.call_later(HALF_OPEN_S, self.reset)
        else:
            self.link.pairs.discard(self)
        if self.client.closed and self.server.closed:
            self.link.pairs.discard(self)

    def close(self) -> None:
        """End both, the client after what it was sent."""
        self.client.send(None, 0.0)
        self.server.send(None, 0.0)

    def reset(self) -> None:
        """End both at once, with RST."""
        for leg in (self.client, self.server):
            leg.reset()
        self.link.pairs.discard(self)


class _Leg(asyncio.Protocol):
    """One of the two connections of a pair; what is sent on it may wait."""

    def __init__(self, pair: _Pair, *, from_server: bool) -> None:
        self.pair = pair
        self.from_server = from_server
        self.closed = False
        self._transport: Any = None
        self._queue: deque[tuple[float, bytes | None]] = deque()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; a client's bytes are read once the server is there."""
        self._transport = transport
        if not self.from_server:
            self.pair.link.made += 1
            self.pair.link.pairs.add(self.pair)
            self._transport.pause_reading()
            task = self.pair.loop.create_task(_connect(self.pair))
            task.add_done_callback(lambda _: None)

    def data_received(self, data: bytes) -> None:
        """Give bytes on."""
        self.pair.passed(self, data)

    def connection_lost(self, _error: Exception | None) -> None:
        """Tell the pair."""
        self.closed = True
        self.pair.ended(self)

    def pause_writing(self) -> None:
        """Read no more from the other side while this one does not take what it is sent."""
        self.pair.other(self).read(on=False)

    def resume_writing(self) -> None:
        """Read again."""
        self.pair.other(self).read(on=True)

    def read(self, *, on: bool) -> None:
        """Read this side, or stop it."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading() if on else self._transport.pause_reading()

    def send(self, data: bytes | None, late: float) -> None:
        """Send bytes, or close for `None`, after all that was sent before."""
        now = self.pair.loop.time()
        due = max(now + late, self._queue[-1][0] if self._queue else 0.0)
        if due <= now and not self._queue:
            self._write(data)
            return
        self._queue.append((due, data))
        if len(self._queue) == 1:
            self.pair.loop.call_at(due, self._flush)

    def reset(self) -> None:
        """End at once, with RST."""
        if self._transport is None:
            return
        raw = self._transport.get_extra_info("socket")
        if raw is not None and not self._transport.is_closing():
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
        self._transport.abort()

    def _flush(self) -> None:
        while self._queue and self._queue[0][0] <= self.pair.loop.time():
            self._write(self._queue.popleft()[1])
        if self._queue:
            self.pair.loop.call_at(self._queue[0][0], self._flush)

    def _write(self, data: bytes | None) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if data is None:
            self._transport.close()
        else:
            self._transport.write(data)


async def _connect(pair: _Pair) -> None:
    """Connect to the server; where it is away, the client learns it by RST."""
    try:
        await pair.loop.create_connection(lambda: pair.server, HOST, pair.link.target)
    except OSError:
        pair.server.closed = True
        pair.client.reset()
        return
    if pair.client.closed:
        pair.server.send(None, 0.0)
    pair.client.read(on=True)


class Proxies:
    """The proxies of one campaign; its methods are called from any other thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)
        self._links: dict[str, Link] = {}
        self._thread.start()

    def __getitem__(self, name: str) -> Link:
        return self._links[name]

    @property
    def links(self) -> Mapping[str, Link]:
        """All links by their names."""
        return dict(self._links)

    def add(self, name: str, *, port: int, target: int) -> Link:
        """Listen on a port, and lead what comes to another."""
        link = Link(name, port, target)
        self._links[name] = link
        self._run(lambda: self._listen(link))
        return link

    def set(self, name: str, mode: Mode, amount: float = 0.0) -> None:
        """Let a link do something from now on; `pass` mends it."""
        self._run(lambda: self._set(self._links[name], mode, amount))

    def reset(self, name: str) -> int:
        """End every open connection of a link with RST, and say how many there were."""
        return int(self._run(lambda: self._reset(self._links[name])))

    def silence_open(self, name: str) -> int:
        """Let the connections of a link that are open fall silent for good; say how many.

        New ones work: as where a firewall has dropped the state of the old ones.
        """
        return int(self._run(lambda: self._silence_open(self._links[name])))

    def close(self) -> None:
        """End all."""
        self._run(self._close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CALL_S)
        self._loop.close()

    def _run(self, call: Callable[[], Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(_CALL_S)

    async def _listen(self, link: Link) -> None:
        # Somebody's outgoing connection may have the port for a moment.
        for attempt in range(100):
            try:
                link.server = await self._loop.create_server(
                    lambda: _Pair(link, self._loop).client, HOST, link.port
                )
            except OSError:
                if attempt == 99:
                    raise
                await asyncio.sleep(0.05)
            else:
                return

    async def _set(self, link: Link, mode: Mode, amount: float) -> None:
        link.mode, link.amount, link.touched = mode, amount, 0
        for pair in link.pairs:
            pair.budget = amount if mode == "cut" else None
        if mode == "refuse" and link.server is not None:
            link.server.close()
            link.server = None
        elif mode != "refuse" and link.server is None:
            await self._listen(link)

    async def _reset(self, link: Link) -> int:
        pairs = list(link.pairs)
        for pair in pairs:
            pair.reset()
        return len(pairs)

    async def _silence_open(self, link: Link) -> int:
        for pair in link.pairs:
            pair.silent = True
        return len(link.pairs)

    async def _close(self) -> None:
        for link in self._links.values():
            if link.server is not None:
                link.server.close()
            await self._reset(link)
        await asyncio.sleep(0)
