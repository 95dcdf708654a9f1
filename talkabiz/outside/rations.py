"""A connection that reads no more than it may, a little at a time.

What is read is bounded before anybody looks at it: an answer can begin again without end (`100 Continue`), or come in
pieces of one byte, and each takes as long to understand as a long one. Others get their turn between two reads.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx

MOST_BEFORE_BODY = 128 * 1024
"""Bytes, of all that comes before the body of an answer."""
READ_BYTES = 8192
"""At once; takes some hundredths of a second to understand, whatever it is."""


@dataclass(slots=True)
class Ration:
    """How many bytes may still be read."""

    left: int = MOST_BEFORE_BODY

    def take(self, size: int) -> None:
        """Raises httpcore.ReadError where that is too much."""
        self.left -= size
        if self.left < 0:
            raise httpcore.ReadError("It sends more than is read.")


class RationedTransport(httpx.AsyncHTTPTransport):
    """HTTP/1.1, without proxies; for one request."""

    def __init__(self, trust: ssl.SSLContext, ration: Ration) -> None:
        self._pool = httpcore.AsyncConnectionPool(ssl_context=trust, network_backend=_Backend(ration))


class _Backend(httpcore.AsyncNetworkBackend):
    def __init__(self, ration: Ration) -> None:
        self._inner = httpcore.AnyIOBackend()
        self._ration = ration

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        stream = await self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        return _Stream(stream, self._ration)


class _Stream(httpcore.AsyncNetworkStream):
    def __init__(self, inner: httpcore.AsyncNetworkStream, ration: Ration) -> None:
        self._inner = inner
        self._ration = ration

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        await asyncio.sleep(0)  # what has come already is handed over at once
        data = await self._inner.read(min(max_bytes, READ_BYTES), timeout)
        self._ration.take(len(data))
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return _Stream(await self._inner.start_tls(ssl_context, server_hostname, timeout), self._ration)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
