"""The house behind a real server; sockets like a browser's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import socketio

from talkabiz.domain.limits import Limits
from tests.edges import API_KEY, FACT_SECONDS, House, Json, open_house, serving


@dataclass
class Socket:
    """A client, and what came to it, in order."""

    client: socketio.AsyncClient
    events: list[tuple[str, Json]] = field(default_factory=list)
    refusals: list[Json] = field(default_factory=list)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def keep(self, name: str, data: Json) -> None:
        async with self.arrived:
            self.events.append((name, data))
            self.arrived.notify_all()

    async def ask(self, command: str, *payload: object, **fields: object) -> Json:
        """The answer to a command; `payload` instead of `fields` for what isn't an object."""
        data: Any = payload or fields
        answer: Json = await self.client.call(command, data, timeout=FACT_SECONDS)
        return answer

    async def refusal(self, command: str, *payload: object, code: str, **fields: object) -> Json:
        answer = await self.ask(command, *payload, **fields)
        assert answer.keys() == {"error"}
        error: Json = answer["error"]
        assert error["code"] == code
        assert error["message"].keys() == {"id", "en"}
        return error

    async def wait_for(self, name: str, klien_id: int | None = None) -> Json:
        """The first event of this name (about that klien) that came or comes."""
        async with asyncio.timeout(FACT_SECONDS), self.arrived:
            while True:
                for event, data in self.events:
                    if event == name and klien_id in {None, data["klien_id"]}:
                        return data
                await self.arrived.wait()

    def names(self) -> list[str]:
        return [name for name, _ in self.events]


Open = Callable[..., Awaitable[Socket]]


@pytest.fixture(name="house")
async def _house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path, Limits(qr_request_seconds=30)) as house:
        yield house


@pytest.fixture(name="address")
async def _address(house: House) -> AsyncIterator[str]:
    async with serving(house) as address:
        yield address


@pytest.fixture(name="connect")
async def _connect(address: str) -> AsyncIterator[Open]:
    """Opens sockets, by the admin key unless told otherwise; they are closed afterwards."""
    async with AsyncExitStack() as stack:

        async def connect(token: str | None = API_KEY, **how: Any) -> Socket:
            return await stack.enter_async_context(_socket(address, token, **how))

        yield connect


@asynccontextmanager
async def _socket(address: str, token: str | None, transport: str = "websocket", **how: Any) -> AsyncIterator[Socket]:
    client = socketio.AsyncClient(reconnection=False)
    socket = Socket(client)
    client.on("*", socket.keep)
    client.on("connect_error", socket.refusals.append)
    auth = {"auth": {"token": token}} if token is not None else {}
    try:
        try:
            await client.connect(address, transports=[transport], wait_timeout=FACT_SECONDS, **auth, **how)
        except socketio.exceptions.ConnectionError as error:
            raise ConnectionRefusedError(*socket.refusals) from error
        yield socket
    finally:
        # A polling client that says goodbye waits for its last poll: half a minute.
        await (client.disconnect() if transport == "websocket" else client.eio.disconnect(abort=True))


@pytest.fixture(name="klien_id")
async def _klien_id(house: House, address: str) -> int:
    return await house.add_klien()
