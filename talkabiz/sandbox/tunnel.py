"""How a client arrives: an HTTP CONNECT for one of WhatsApp's hosts, and TLS ended here instead of there."""

from __future__ import annotations

import asyncio
import ssl

from talkabiz.sandbox.errors import WireError

TLS_SECONDS = 10
_DOMAINS = (".whatsapp.com", ".whatsapp.net")
_OPENED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_REFUSED = b"HTTP/1.1 %d %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class TunnelError(WireError):
    """Not a CONNECT, or one to a host that isn't WhatsApp's."""


async def open_tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tls: ssl.SSLContext) -> str:
    """The host's name, once TLS stands on the same reader and writer."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise TunnelError("a request without an end") from None
    method, _, rest = head.partition(b"\r\n")[0].partition(b" ")
    target = rest.partition(b" ")[0].decode("ascii", "replace")
    if method != b"CONNECT":
        await _refuse(writer, 405, b"Method Not Allowed")
        raise TunnelError(f"a request that isn't CONNECT: {method!r}")
    host, _, port = target.rpartition(":")
    if port != "443" or not f".{host.lower()}".endswith(_DOMAINS):
        await _refuse(writer, 403, b"Forbidden")
        raise TunnelError(f"a tunnel to somewhere else: {target!r}")
    writer.write(_OPENED)
    await writer.drain()
    await writer.start_tls(tls, ssl_handshake_timeout=TLS_SECONDS)
    return host


async def _refuse(writer: asyncio.StreamWriter, status: int, phrase: bytes) -> None:
    writer.write(_REFUSED % (status, phrase))
    await writer.drain()
