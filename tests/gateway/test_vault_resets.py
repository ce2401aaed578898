"""A Vault, or a network before it, that resets connections right after they are made."""

import asyncio
import socket
import struct
from dataclasses import replace

import pytest

from backends.environment import Environment
from backends.errors import VaultUnavailable
from backends.settings import vault_settings
from backends.vault_login import VaultLogin
from gateway.vault import AsyncVault
from tests.servers.servers import Servers

pytestmark = pytest.mark.servers

AT_ONCE, ROUNDS = 8, 40
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def test_the_gateway_lives_through_resets(servers: Servers) -> None:
    """With uvloop, aiohttp ended the process here (docs/adr/0006)."""
    settings = vault_settings(Environment(servers.environment("gateway")))
    login = VaultLogin(settings, lambda: 0.0)
    login.token()

    async def reset(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection: socket.socket = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        writer.transport.abort()

    async def run() -> list[object]:
        server = await asyncio.start_server(reset, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        vault = AsyncVault(replace(settings, address=f"https://127.0.0.1:{port}"), login)
        answers: list[object] = []
        for _ in range(ROUNDS):
            calls = (vault.call("GET", "sys/health") for _ in range(AT_ONCE))
            answers += await asyncio.gather(*calls, return_exceptions=True)
        await vault.close()
        server.close()
        await server.wait_closed()
        return answers

    answers = asyncio.run(run())
    assert {type(answer) for answer in answers} == {VaultUnavailable}
