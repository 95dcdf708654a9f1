"""Proxies that lead nowhere, each in its way."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit


def refusing_proxy() -> str:
    """Nobody listens there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


@asynccontextmanager
async def cutting_proxy(*, with_reset: bool) -> AsyncIterator[str]:
    """Takes a connection, hears what it asks for, and ends it: in good order, or as a firewall does."""

    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if with_reset:
            at_once = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        writer.close()

    async with await asyncio.start_server(cut, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


class HangingProxy:
    """Takes connections and never answers, for a minute of the library's patience; `target` is the way that it blocks.

    Those who came while `hangs` was false go through.
    """

    def __init__(self, target: str, *, hangs: bool) -> None:
        self.url = ""
        self.hangs = hangs
        self.waiting: list[asyncio.StreamWriter] = []
        self._target = target
        self._pipes: set[asyncio.Task[None]] = set()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.hangs:
            self.waiting.append(writer)
        elif not self._target:
            writer.close()
        else:
            to = urlsplit(self._target)
            behind, before = await asyncio.open_connection(to.hostname, to.port)
            self._pipe(reader, before)
            self._pipe(behind, writer)

    def let_go(self) -> None:
        """Those who wait are refused, and no others are held up."""
        self.hangs = False
        for writer in self.waiting:
            writer.close()
        self.waiting.clear()

    def close(self) -> None:
        self.let_go()
        for pipe in self._pipes:
            pipe.cancel()

    def _pipe(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        pipe = asyncio.get_running_loop().create_task(_pour(source, sink))
        self._pipes.add(pipe)
        pipe.add_done_callback(self._pipes.discard)


async def _pour(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            sink.write(data)
    except ConnectionError:
        pass
    finally:
        sink.close()


@asynccontextmanager
async def hanging_proxy(target: str = "", *, hangs: bool = True) -> AsyncIterator[HangingProxy]:
    proxy = HangingProxy(target, hangs=hangs)
    server = await asyncio.start_server(proxy.take, "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        proxy.close()
        server.close()
        await server.wait_closed()
