"""Listens on loopback and brings each client as far as an encrypted link; what is said there is others' matter."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable

from talkabiz.sandbox.codec import Codec
from talkabiz.sandbox.errors import WireError
from talkabiz.sandbox.link import Link
from talkabiz.sandbox.media import Shelf
from talkabiz.sandbox.media_host import MediaHost, is_media_host
from talkabiz.sandbox.noise import Authority
from talkabiz.sandbox.tunnel import open_tunnel
from talkabiz.sandbox.websocket import WebSocket

_log = logging.getLogger(__name__)

ARRIVAL_SECONDS = 20  # for the tunnel, and for the handshake
LEAVING_SECONDS = 2


class Server:
    """`talk` holds the conversation on a link and returns to end it. `refusal` is asked at each arrival: None lets the
    client in, 0 cuts it off, another number is the HTTP status it gets. `shelf` has the media.
    """

    def __init__(
        self,
        tls: ssl.SSLContext,
        authority: Authority,
        codec: Codec,
        talk: Callable[[Link], Awaitable[None]],
        refusal: Callable[[], int | None],
        *,
        shelf: Shelf,
    ) -> None:
        self._tls = tls
        self._authority = authority
        self._codec = codec
        self._talk = talk
        self._refusal = refusal
        self._shelf = shelf
        self._listener: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int) -> int:
        """The port it listens on."""
        self._listener = await asyncio.start_server(self._accept, host, port, backlog=1024)
        return int(self._listener.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """No connection outlives it."""
        if self._listener is None:
            return
        self._listener.close()
        connections = list(self._connections)
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await self._listener.wait_closed()
        self._listener = None

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._lead(reader, writer)
        except (WireError, OSError, EOFError, TimeoutError) as end:
            _log.debug("a connection ended: %r", end)
        except asyncio.CancelledError:  # the server stops: no time for courtesies
            writer.transport.abort()
            raise
        except Exception:  # noqa: BLE001 - whatever it is, it ends this connection alone
            _log.exception("a connection ended by a fault of the sandbox")
        finally:
            await _leave(writer)

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """To the host that the client asks for."""
        refusal = self._refusal()
        if refusal == 0:
            raise ConnectionAbortedError("cut off by a fault")
        async with asyncio.timeout(ARRIVAL_SECONDS):
            host = await open_tunnel(reader, writer, self._tls)
        if is_media_host(host):
            await MediaHost(self._shelf, reader, writer, refusal).serve()
            return
        async with asyncio.timeout(ARRIVAL_SECONDS):
            link = await self._shake_hands(WebSocket(reader, writer), refusal)
        await self._talk(link)

    async def _shake_hands(self, socket: WebSocket, refusal: int | None) -> Link:
        await socket.accept(refusal)
        link = Link(socket, self._codec)
        await link.shake_hands(self._authority)
        return link


async def _leave(writer: asyncio.StreamWriter) -> None:
    """What was written still goes out, but not to a client that doesn't take it."""
    writer.close()
    try:
        async with asyncio.timeout(LEAVING_SECONDS):
            await writer.wait_closed()
    except (OSError, TimeoutError):
        pass
    finally:
        writer.transport.abort()
