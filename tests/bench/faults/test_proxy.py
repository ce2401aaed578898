"""The proxies against a server that gives back what it is sent, and says its name twice as long."""

import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from bench.faults.proxy import HOST, Proxies
from deploy.local.paths import free_ports

LATE_MS = 150.0


class Doubles(socketserver.BaseRequestHandler):
    """Answers with what it was sent, twice."""

    def handle(self) -> None:
        while True:
            try:
                data = self.request.recv(65_536)
                if not data:
                    return
                self.request.sendall(data + data)
            except OSError:
                return


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@dataclass(frozen=True)
class Site:
    """A proxy before a server."""

    proxies: Proxies
    port: int

    def connect(self) -> socket.socket:
        return socket.create_connection((HOST, self.port), timeout=5)


@pytest.fixture
def site() -> Iterator[Site]:
    front, back = free_ports(2)
    proxies = Proxies()
    with Server((HOST, back), Doubles) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        proxies.add("a->b", port=front, target=back)
        try:
            yield Site(proxies, front)
        finally:
            proxies.close()
            server.shutdown()
            thread.join()


def receive(connection: socket.socket, size: int) -> bytes:
    """Read so many bytes, or what there is until the end."""
    found = b""
    while len(found) < size:
        data = connection.recv(size - len(found))
        if not data:
            break
        found += data
    return found


def asked(connection: socket.socket, data: bytes) -> bytes:
    connection.sendall(data)
    return receive(connection, 2 * len(data))


def wait_until(holds: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not holds():
        assert time.monotonic() < deadline
        pause.wait(0.01)


def test_bytes_pass_both_ways_whole(site: Site) -> None:
    data = bytes(range(256)) * 2000
    with site.connect() as connection:
        sender = threading.Thread(target=connection.sendall, args=(data,))
        sender.start()
        assert len(receive(connection, 2 * len(data))) == 2 * len(data)
        sender.join()
    assert site.proxies["a->b"].made == 1


def test_an_end_is_passed_on(site: Site) -> None:
    with site.connect() as connection:
        assert asked(connection, b"x") == b"xx"
    wait_until(lambda: not site.proxies["a->b"].pairs)


def test_refusing_keeps_what_is_open_and_takes_nothing_new(site: Site) -> None:
    with site.connect() as connection:
        asked(connection, b"x")
        site.proxies.set("a->b", "refuse")
        assert asked(connection, b"still") == b"stillstill"
        with pytest.raises(ConnectionRefusedError):
            site.connect()
        site.proxies.set("a->b", "pass")
    with site.connect() as connection:
        assert asked(connection, b"again") == b"againagain"


def test_a_server_that_is_away_resets_the_client() -> None:
    (front,) = free_ports(1)
    proxies = Proxies()
    try:
        with socket.socket() as nobody:
            nobody.bind((HOST, 0))  # and does not listen
            proxies.add("a->b", port=front, target=nobody.getsockname()[1])
            # The reset may come while the client still connects, or after that.
            with (
                pytest.raises(ConnectionResetError),
                socket.create_connection((HOST, front), timeout=5) as connection,
            ):
                connection.recv(1)
    finally:
        proxies.close()


def test_a_reset_ends_what_is_open_once(site: Site) -> None:
    with site.connect() as connection:
        asked(connection, b"x")
        assert site.proxies.reset("a->b") == 1
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    with site.connect() as connection:
        assert asked(connection, b"x") == b"xx"


def test_a_delay_counts_both_ways_and_keeps_the_order(site: Site) -> None:
    with site.connect() as connection:
        asked(connection, b"x")
        site.proxies.set("a->b", "delay", LATE_MS)
        begun = time.monotonic()
        connection.sendall(b"one")
        connection.sendall(b"two")
        site.proxies.set("a->b", "pass")
        connection.sendall(b"three")
        got = receive(connection, 22)
        assert got.find(b"one") < got.find(b"two") < got.find(b"three")
        assert time.monotonic() - begun >= LATE_MS / 1000 - 0.01


def test_a_delay_is_as_long_as_it_was_said(site: Site) -> None:
    with site.connect() as connection:
        asked(connection, b"x")
        site.proxies.set("a->b", "delay", LATE_MS)
        begun = time.monotonic()
        asked(connection, b"x")
        assert time.monotonic() - begun >= 2 * LATE_MS / 1000 - 0.01


def test_silence_swallows_and_closes_nothing_even_once_it_is_over(site: Site) -> None:
    with site.connect() as lost, site.connect() as spared:
        asked(lost, b"x")
        asked(spared, b"x")
        site.proxies.set("a->b", "silence")
        with site.connect() as new:
            for connection in (lost, new):
                connection.sendall(b"swallowed")
                connection.settimeout(0.2)
                with pytest.raises(TimeoutError):
                    connection.recv(1)
            site.proxies.set("a->b", "pass")
            lost.sendall(b"for ever")
            with pytest.raises(TimeoutError):
                lost.recv(1)
        assert asked(spared, b"lost nothing") == b"lost nothing" * 2


def test_a_cut_comes_in_the_middle_of_a_reply(site: Site) -> None:
    with site.connect() as connection:
        asked(connection, b"x")
        site.proxies.set("a->b", "cut", 7)
        connection.sendall(b"hello")
        assert receive(connection, 10) == b"hellohe"
        assert connection.recv(1) == b""
    with site.connect() as connection:
        connection.sendall(b"1234567890")
        assert receive(connection, 20) == b"1234567"
    site.proxies.set("a->b", "pass")
    with site.connect() as connection:
        assert asked(connection, b"hello") == b"hellohello"
