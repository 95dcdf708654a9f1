"""Proxies that lead nowhere, each in its way."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


def refusing_proxy() -> str:
    """Nobody listens there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


class HangingProxy:
    """Takes connections and never answers; the library then waits for a minute."""

    def __init__(self) -> None:
        self.url = ""
        self.waiting: list[asyncio.StreamWriter] = []
        self._hangs = True

    async def take(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._hangs:
            self.waiting.append(writer)
        else:
            writer.close()

    def let_go(self) -> None:
        """Refuses all from now on, also those who wait."""
        self._hangs = False
        for writer in self.waiting:
            writer.close()
        self.waiting.clear()


@asynccontextmanager
async def hanging_proxy() -> AsyncIterator[HangingProxy]:
    proxy = HangingProxy()
    server = await asyncio.start_server(proxy.take, "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        proxy.let_go()
        server.close()
        await server.wait_closed()
