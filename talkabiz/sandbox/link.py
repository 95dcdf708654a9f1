"""One client's encrypted connection: nodes in, nodes out."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from google.protobuf.message import DecodeError
from neonize.proto.waWa6.WAWebProtobufsWa6_pb2 import ClientPayload

from talkabiz.sandbox.codec import Codec
from talkabiz.sandbox.frames import MAX_FRAME, FrameReader, frame
from talkabiz.sandbox.nodes import Node
from talkabiz.sandbox.noise import Authority, Cipher, Handshake, NoiseError
from talkabiz.sandbox.websocket import WebSocket

_log = logging.getLogger(__name__)

PARTING_SECONDS = 1


class Link:
    """Made by `shake_hands`. `client_key` is the client's static Noise key, by which a device is known again."""

    def __init__(self, socket: WebSocket, codec: Codec) -> None:
        self.client_key = b""
        self.payload = ClientPayload()
        self.swallows: Callable[[], bool] = lambda: False
        """Asked before each node that goes out; True loses it (the fault `silence`)."""
        self.spared = False
        """No fault cuts it: it is the phone's own."""
        self.overheard: Callable[[Node, bool], None] = _by_nobody
        """Told each node as it passes, and whether it goes out; not those that are swallowed."""
        self._socket = socket
        self._codec = codec
        self._reader = FrameReader()
        self._frames: deque[bytes] = deque()
        self._inward: Cipher | None = None
        self._outward: Cipher | None = None

    async def shake_hands(self, authority: Authority) -> None:
        """NoiseError, FrameError or WebSocketError if the client can't."""
        hello = await self._frame()
        handshake = Handshake(authority, self._reader.header)
        self._socket.send(frame(handshake.answer(hello)))
        self.client_key, payload, self._inward, self._outward = handshake.finish(await self._frame())
        self._reader.limit = MAX_FRAME
        try:
            self.payload = ClientPayload.FromString(payload)
        except DecodeError:
            raise NoiseError("a client payload that can't be read") from None

    async def receive(self) -> Node:
        """The next node. Waits first until the client has read enough of what it was sent."""
        await self._socket.drain()
        cipher = await self._frame()
        if self._inward is None:
            raise NoiseError("a node before the handshake")
        node = self._codec.decode(self._inward.decrypt(cipher))
        _log.debug("in %s", node)
        self.overheard(node, False)  # noqa: FBT003 - `out`
        return node

    def send(self, node: Node) -> None:
        if self._outward is None:
            raise NoiseError("a node before the handshake")
        if self.swallows():
            return
        _log.debug("out %s", node)
        self.overheard(node, True)  # noqa: FBT003 - `out`
        self._socket.send(frame(self._outward.encrypt(self._codec.encode(node))))

    def part(self, last: Node) -> None:
        """Sends a last node and closes a moment later, unless the client does. The library handles nodes and the end of
        its connection side by side, so a close right behind the node could be noticed first, and the node never.
        """
        self.send(last)
        self.part_soon()

    def part_soon(self) -> None:
        asyncio.get_running_loop().call_later(PARTING_SECONDS, self._socket.close)

    def abort(self) -> None:
        """The connection is lost, without a word."""
        self._socket.abort()

    async def _frame(self) -> bytes:
        while not self._frames:
            self._frames.extend(self._reader.feed(await self._socket.receive()))
        return self._frames.popleft()


def _by_nobody(_node: Node, _out: bool) -> None:  # noqa: FBT001 - a callback
    """Nobody looks."""
