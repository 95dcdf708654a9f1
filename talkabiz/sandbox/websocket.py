"""The server's end of one WebSocket, over a reader and a writer."""

from __future__ import annotations

import asyncio
from collections import deque

from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.utilities import ProtocolError

from talkabiz.sandbox.errors import WireError

CHAT_PATH = "/ws/chat"
READ_SIZE = 1 << 16
SLOWEST_READER = 8 << 20  # bytes that may wait for a client that doesn't read; then it is cut off


class WebSocketError(WireError):
    """Not a WebSocket, or not as its rules want it."""


class WebSocket:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._protocol = WSConnection(ConnectionType.SERVER)
        self._events: deque[Event] = deque()

    async def accept(self, refusal: int | None = None) -> None:
        """Takes the request for /ws/chat, or answers with the HTTP status `refusal` and raises WebSocketError."""
        request = await self._next()
        if not isinstance(request, Request):
            raise WebSocketError("something before the request")
        if refusal is None and request.target.partition("?")[0] == CHAT_PATH:
            self._put(AcceptConnection())
            return
        status = refusal or 404
        self._put(RejectConnection(status_code=status, headers=[(b"content-length", b"0")]))
        await self.drain()
        raise WebSocketError(f"refused with {status}")

    async def receive(self) -> bytes:
        """The next bytes, not necessarily a whole message. ConnectionError once the client has left."""
        while True:
            event = await self._next()
            if isinstance(event, BytesMessage):
                return bytes(event.data)
            if isinstance(event, Ping):
                if self._is_open:
                    self._put(event.response())
            elif isinstance(event, CloseConnection):
                self._put(event.response())
                raise ConnectionResetError("the client closed the WebSocket")
            elif isinstance(event, TextMessage):
                raise WebSocketError("text where bytes have to be")

    def send(self, data: bytes) -> None:
        """Queues a message. A client that hasn't read for long is cut off rather than remembered without end; one that
        is leaving gets none, and what it said before is heard to the end.
        """
        if not self._is_open:
            return
        self._put(BytesMessage(data))
        if self._writer.transport.get_write_buffer_size() > SLOWEST_READER:
            self.abort()

    async def drain(self) -> None:
        """Waits until the client has read enough; and in any case lets others have their turn, however much this one
        has sent at once.
        """
        await asyncio.sleep(0)
        await self._writer.drain()

    def close(self) -> None:
        """Ends the connection once what was queued has left."""
        self._writer.close()

    def abort(self) -> None:
        """Ends the connection without a word, as a lost link does."""
        self._writer.transport.abort()

    @property
    def _is_open(self) -> bool:
        return self._protocol.state is ConnectionState.OPEN and not self._writer.transport.is_closing()

    async def _next(self) -> Event:
        while not self._events:
            data = await self._reader.read(READ_SIZE)
            if not data:
                raise ConnectionResetError("the client left")
            try:
                self._protocol.receive_data(data)
                self._events.extend(self._protocol.events())
            except ProtocolError as error:
                raise WebSocketError(str(error)) from None
        return self._events.popleft()

    def _put(self, event: Event) -> None:
        self._writer.write(self._protocol.send(event))
