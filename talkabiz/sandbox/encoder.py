"""Nodes to bytes, with the same choices that the library makes (whatsmeow, binary/encoder.go)."""

from __future__ import annotations

import re

from talkabiz.sandbox import wire_format as wire
from talkabiz.sandbox.nodes import Attribute, Jid, Node
from talkabiz.sandbox.tokens import Tokens
from talkabiz.sandbox.wire_format import NodeError

_PACKABLE = re.compile(r"[0-9.\-]*", re.ASCII)
_HEXABLE = re.compile(r"[0-9A-F]*")
_TO_HEX = {wire.NIBBLE_8: str.maketrans("-.", "ab"), wire.HEX_8: str.maketrans("", "")}
_PADDING = "f"


class Encoder:
    """Writes one node; then `written` has its bytes."""

    def __init__(self, tokens: Tokens) -> None:
        self.written = bytearray()
        self._codes = tokens.codes

    def node(self, node: Node) -> None:
        if not node.tag:
            raise NodeError("a node without a tag")
        # An empty attribute isn't sent, nor an empty list: the reader couldn't tell them from none.
        attrs = [(name, value) for name, value in node.attrs.items() if value != ""]
        content = node.content if node.content != () else None
        self._list(2 * len(attrs) + 1 + (content is not None))
        self._string(node.tag)
        for name, value in attrs:
            self._string(name)
            self._attribute(value)
        if isinstance(content, tuple):
            self._list(len(content))
            for child in content:
                self.node(child)
        elif isinstance(content, bytes):
            self._raw(content)
        elif content is not None:
            self._attribute(content)

    def _string(self, text: str) -> None:
        code = self._codes.get(text)
        if code is not None:
            self.written += code
        elif len(text) <= wire.LONGEST_PACKED and _PACKABLE.fullmatch(text):
            self._packed(text, wire.NIBBLE_8)
        elif len(text) <= wire.LONGEST_PACKED and _HEXABLE.fullmatch(text):
            self._packed(text, wire.HEX_8)
        else:
            try:
                self._raw(text.encode())
            except UnicodeEncodeError:
                raise NodeError("a string with half a character") from None

    def _attribute(self, value: Attribute) -> None:
        if isinstance(value, Jid):
            self._jid(value)
        else:
            self._string(value)

    def _jid(self, jid: Jid) -> None:
        domain = wire.DOMAINS.get(jid.server)
        if domain is not None and (jid.device or domain >= wire.HOSTED):
            if not 0 <= jid.device <= 255:
                raise NodeError(f"a device number that doesn't fit: {jid.device}")
            self.written += bytes((wire.AD_JID, domain, jid.device))
            self._string(jid.user)
        elif jid.server in {"msgr", "interop"}:
            self.written.append(wire.FB_JID if jid.server == "msgr" else wire.INTEROP_JID)
            self._string(jid.user)
            self.written += _sized(jid.device, 2)
            if jid.server == "interop":
                self.written += _sized(jid.integrator, 2)
            self._string(jid.server)
        else:
            self.written.append(wire.JID_PAIR)
            if jid.user:
                self._string(jid.user)
            else:
                self.written.append(wire.LIST_EMPTY)
            self._string(jid.server)

    def _list(self, count: int) -> None:
        if count == 0:
            self.written.append(wire.LIST_EMPTY)
        elif count < 256:
            self.written += bytes((wire.LIST_8, count))
        else:
            self.written.append(wire.LIST_16)
            self.written += _sized(count, 2)

    def _raw(self, data: bytes) -> None:
        size = len(data)
        if size < 1 << 8:
            self.written += bytes((wire.BINARY_8, size))
        elif size < 1 << 20:
            self.written.append(wire.BINARY_20)
            self.written += _sized(size, 3)
        else:
            self.written.append(wire.BINARY_32)
            self.written += _sized(size, 4)
        self.written += data

    def _packed(self, text: str, kind: int) -> None:
        odd = len(text) % 2
        digits = text.translate(_TO_HEX[kind]) + _PADDING * odd
        self.written += bytes((kind, len(digits) // 2 | odd << 7))
        self.written += bytes.fromhex(digits)


def _sized(value: int, size: int) -> bytes:
    try:
        return value.to_bytes(size, "big")
    except OverflowError:
        raise NodeError(f"a number that doesn't fit into {size} bytes: {value}") from None
