"""A receiver of webhooks on 127.0.0.1: keeps what came, and answers as a test says."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks import Webhook

from tests.outside.server import answer

FACT_SECONDS = 10


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, str]
    """By their names in small letters."""
    body: bytes
    at: float
    """Of the machine's clock, in seconds."""

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.body))

    def verify(self, secret: str) -> None:
        Webhook(secret).verify(self.body, self.headers)


Behave = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Receiver:
    """`behave` answers each request; `kept` are all that arrived whole."""

    port: int = 0
    kept: list[Request] = field(default_factory=list)
    statuses: list[bytes] = field(default_factory=list)
    """What the next requests are answered with, one each; then with 204."""
    behave: Behave | None = None
    under_way: int = 0
    most_under_way: int = 0
    _visits: set[asyncio.Task[None]] = field(default_factory=set)
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    def url(self, path: str = "/", host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    async def wait_for(self, count: int, seconds: float = FACT_SECONDS) -> list[Request]:
        """All that came, once there are so many."""
        try:
            async with asyncio.timeout(seconds), self._arrived:
                await self._arrived.wait_for(lambda: len(self.kept) >= count)
        except TimeoutError:
            raise AssertionError(f"only {len(self.kept)} of {count}") from None
        return self.kept

    @asynccontextmanager
    async def running(self, tls: ssl.SSLContext | None = None, port: int = 0) -> AsyncIterator[Receiver]:
        listening = await asyncio.start_server(self._take, "127.0.0.1", port, ssl=tls)
        self.port = listening.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            listening.close()
            visits = list(self._visits)
            for visit in visits:
                visit.cancel()
            await asyncio.gather(*visits, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._visits.add(task)
        self.under_way += 1
        self.most_under_way = max(self.under_way, self.most_under_way)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._serve(await _read(reader), writer)
        finally:
            self.under_way -= 1
            self._visits.discard(task)
            if task.cancelling():
                writer.transport.abort()
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _serve(self, request: Request, writer: asyncio.StreamWriter) -> None:
        async with self._arrived:
            self.kept.append(request)
            self._arrived.notify_all()
        if self.behave:
            await self.behave(request, writer)
        else:
            writer.write(self.statuses.pop(0) if self.statuses else answer(status="204 Done"))
        await writer.drain()


async def _read(reader: asyncio.StreamReader) -> Request:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)}
    body = await reader.readexactly(int(headers["content-length"]))
    return Request(lines[0].split(" ")[1], headers, body, time.time())


async def hang(request: Request, writer: asyncio.StreamWriter) -> None:
    del request, writer
    await asyncio.sleep(60)
