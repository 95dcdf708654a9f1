"""A client without manners: a bare WebSocket that speaks Socket.IO by hand, and stays when it is told to go."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from tests.edges import FACT_SECONDS, Json

OPEN, PING, PONG = "0", "2", "3"
CONNECTED, GONE, EVENT, ACK, REFUSED = "40", "41", "42", "43", "44"
LARGEST_FRAME = 16 * 1024 * 1024


class Wire:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._asked = 0
        self._arrived = asyncio.Condition()
        self.frames: list[str] = []
        """Everything that came, in order, but for pings."""
        self.is_closed = False

    async def listen(self) -> None:
        async for message in self._socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                break
            if message.data == PING:
                await self._socket.send_str(PONG)
                continue
            async with self._arrived:
                self.frames.append(message.data)
                self._arrived.notify_all()
        async with self._arrived:
            self.is_closed = True
            self._arrived.notify_all()

    async def say(self, frame: str) -> None:
        await self._socket.send_str(frame)

    async def connect(self, auth: object = None, namespace: str = "") -> str:
        """What it is answered; `closed` if that is all."""
        room = f"{namespace}," if namespace else ""
        await self.say(CONNECTED + room + (json.dumps(auth) if auth is not None else ""))
        return await self.wait_for(*(f"{kind}{room}{mark}" for kind in (CONNECTED, REFUSED) for mark in '{"'))

    async def ask(self, event: object, *payload: object) -> Json:
        """The answer to an event, whatever its name."""
        self._asked += 1
        await self.say(f"{EVENT}{self._asked}{json.dumps([event, *payload])}")
        frame = await self.wait_for(f"{ACK}{self._asked}[")
        (answer,) = json.loads(frame.removeprefix(f"{ACK}{self._asked}"))
        return dict(answer)

    async def wait_for(self, *beginnings: str, nth: int = 1) -> str:
        """The first (or nth) frame that begins so; `closed` if there is none and never will be."""
        async with asyncio.timeout(FACT_SECONDS), self._arrived:
            while True:
                found = [frame for frame in self.frames if frame.startswith(beginnings)]
                if len(found) >= nth:
                    return found[nth - 1]
                if self.is_closed:
                    return "closed"
                await self._arrived.wait()

    def events(self) -> list[tuple[str, Any]]:
        """What was pushed to it."""
        return [tuple(json.loads(frame[len(EVENT) :])) for frame in self.frames if frame.startswith(EVENT)]


@asynccontextmanager
async def wire(address: str, query: str = "", **headers: str) -> AsyncIterator[Wire]:
    """Open, and not connected to anything yet."""
    url = f"{address}/socket.io/?EIO=4&transport=websocket{query}"
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(url, headers=headers, max_msg_size=LARGEST_FRAME) as socket,
    ):
        found = Wire(socket)
        listening = asyncio.create_task(found.listen())
        try:
            assert (await found.wait_for(OPEN)).startswith(OPEN)
            yield found
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
