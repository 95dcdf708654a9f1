"""Frames: three bytes of length, then as many of content, behind the client's header (whatsmeow, socket/)."""

from __future__ import annotations

from talkabiz.sandbox.errors import WireError

HEADER_SIZE = 4
MAGIC = b"WA"
PROTOCOL_VERSION = 6
LENGTH_SIZE = 3

MAX_FRAME = 4 << 20
MAX_HELLO = 64 << 10  # before anybody has said who they are


class FrameError(WireError):
    """A header or a length that the protocol doesn't have."""


class FrameReader:
    """Cuts a client's byte stream into its header and its frames, wherever the stream's own pieces end."""

    def __init__(self) -> None:
        self.header = b""
        self.limit = MAX_HELLO
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that are complete now. FrameError for a wrong header or a frame over the limit."""
        self._buffer += data
        if not self.header and not self._take_header():
            return []
        frames = []
        while len(self._buffer) >= LENGTH_SIZE:
            end = LENGTH_SIZE + int.from_bytes(self._buffer[:LENGTH_SIZE], "big")
            if end > self.limit:
                raise FrameError(f"a frame of {end} bytes")
            if len(self._buffer) < end:
                break
            frames.append(bytes(self._buffer[LENGTH_SIZE:end]))
            del self._buffer[:end]
        return frames

    def _take_header(self) -> bool:
        if len(self._buffer) < HEADER_SIZE:
            return False
        header = bytes(self._buffer[:HEADER_SIZE])
        if header[:2] != MAGIC or header[2] != PROTOCOL_VERSION:
            raise FrameError(f"a stream that doesn't begin with WA and version {PROTOCOL_VERSION}")
        del self._buffer[:HEADER_SIZE]
        self.header = header
        return True


def frame(content: bytes) -> bytes:
    return len(content).to_bytes(LENGTH_SIZE, "big") + content
