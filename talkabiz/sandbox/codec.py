"""Payloads to nodes and back: WhatsApp's binary XML, as the library writes and reads it (whatsmeow, binary/)."""

from __future__ import annotations

import zlib

from talkabiz.sandbox.decoder import Decoder
from talkabiz.sandbox.encoder import Encoder
from talkabiz.sandbox.nodes import Node
from talkabiz.sandbox.tokens import Tokens
from talkabiz.sandbox.wire_format import COMPRESSED, MAX_BYTES, NodeError

__all__ = ["Codec", "NodeError"]


class Codec:
    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def encode(self, node: Node) -> bytes:
        """A payload, never compressed. NodeError for what the format can't carry."""
        encoder = Encoder(self._tokens)
        encoder.node(node)
        return b"\0" + encoder.written

    def decode(self, payload: bytes) -> Node:
        """NodeError for anything malformed, too deep or too large."""
        if not payload:
            raise NodeError("an empty payload")
        data = _inflate(payload[1:]) if payload[0] & COMPRESSED else payload[1:]
        if len(data) > MAX_BYTES:
            raise NodeError("a payload that is too large")
        decoder = Decoder(data, self._tokens)
        node = decoder.node()
        if decoder.left:
            raise NodeError(f"{decoder.left} bytes after the node")
        return node


def _inflate(data: bytes) -> bytes:
    stream = zlib.decompressobj()
    try:
        out = stream.decompress(data, MAX_BYTES + 1)
    except zlib.error as error:
        raise NodeError(f"a payload that can't be unpacked: {error}") from None
    if not stream.eof:
        raise NodeError("a compressed payload that is cut off or too large")
    return out
