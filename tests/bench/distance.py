"""A way of some length to the sandbox: on the loopback it answers sooner than any network does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

PIECE = 65_536


@asynccontextmanager
async def far_from(url: str, seconds: float) -> AsyncIterator[str]:
    """Another address of that proxy; whatever goes through it arrives so much later, in each direction."""
    end = urlsplit(url)
    ways: set[asyncio.Task[None]] = set()

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(end.hostname, end.port)
        for way in (_carry(reader, far_writer, seconds), _carry(far_reader, writer, seconds)):
            task = asyncio.create_task(way)
            ways.add(task)
            task.add_done_callback(ways.discard)

    server = await asyncio.start_server(lead, "127.0.0.1", 0)
    try:
        yield f"{end.scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tuple(ways):
            task.cancel()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """In order, each piece by itself: a long way holds up nothing that follows."""
    loop = asyncio.get_running_loop()
    try:
        while piece := await reader.read(PIECE):
            loop.call_later(seconds, writer.write, piece)
    except ConnectionError:
        pass
    finally:
        loop.call_later(seconds, writer.close)
