"""The far end of the wire as the doctor meets it: a proxy, behind it TLS for WhatsApp's name, and a clock."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import trustme

HOST = "web.whatsapp.com"


@dataclass(frozen=True)
class FarEnd:
    settings: dict[str, str]
    """What a program needs to use it."""
    asked: list[str]
    """The heads of the requests to the proxy."""


@asynccontextmanager
async def far_end(
    home: Path,
    *,
    ahead_seconds: float = 0,
    status: str = "200 Connection established",
    certificate_ends: datetime | None = None,
) -> AsyncIterator[FarEnd]:
    """`ahead_seconds` is by how much its clock is ahead of ours; `status` what the proxy answers."""
    authority = trustme.CA()
    (ca_file := home / "far-end.pem").write_bytes(authority.cert_pem.bytes())
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST, not_after=certificate_ends).configure_cert(tls)
    asked: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError):
            asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
            writer.write(f"HTTP/1.1 {status}\r\n\r\n".encode())
            await writer.drain()
            if status.startswith("200"):
                await writer.start_tls(tls)
                await reader.readuntil(b"\r\n\r\n")
                told = format_datetime(datetime.now(UTC) + timedelta(seconds=ahead_seconds), usegmt=True)
                writer.write(f"HTTP/1.1 200 OK\r\nDate: {told}\r\nContent-Length: 0\r\n\r\n".encode())
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield FarEnd({"wa_proxy_url": f"http://127.0.0.1:{port}", "wa_ca_file": str(ca_file)}, asked)
    finally:
        server.close()
        await server.wait_closed()
