"""A proxy on the way to WhatsApp that lets through, refuses or swallows what comes, as the test wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

HOST = "127.0.0.1"


class Relay:
    """Keeps one address the whole time. `reached` counts who came through the door, whatever became of them."""

    def __init__(self, to_url: str = "") -> None:
        self.reached = 0
        self._to = urlsplit(to_url)
        self._port = 0
        self._hangs = False
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._port}"

    async def refuse(self) -> None:
        """Nobody listens there any more."""
        if self._server:
            self._server.close()
            self._server = None
        self._drop()

    async def hang(self) -> None:
        """Takes connections and never says a word."""
        self._hangs = True
        self._drop()
        await self._listen()

    async def let_through(self) -> None:
        self._hangs = False
        self._drop()
        await self._listen()

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, HOST, self._port)
            self._port = self._server.sockets[0].getsockname()[1]

    def _drop(self) -> None:
        for writer in self._open:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reached += 1
        self._open.add(writer)
        try:
            if self._hangs:
                await _swallow(reader)
            else:
                await self._connect(reader, writer)
        finally:
            self._open.discard(writer)
            writer.close()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self._to.hostname, self._to.port)
        self._open.add(far_writer)
        try:
            async with asyncio.TaskGroup() as ways:
                ways.create_task(_pump(reader, far_writer))
                ways.create_task(_pump(far_reader, writer))
        finally:
            self._open.discard(far_writer)
            far_writer.close()


async def _swallow(reader: asyncio.StreamReader) -> None:
    with suppress(OSError):
        while await reader.read(4096):
            pass


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def relay(to_url: str = "") -> AsyncIterator[Relay]:
    """A relay that hangs, until it is told otherwise."""
    made = Relay(to_url)
    await made.hang()
    try:
        yield made
    finally:
        await made.refuse()
