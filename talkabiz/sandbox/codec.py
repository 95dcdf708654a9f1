"""Nodes to bytes and back: WhatsApp's binary XML, as the library writes and reads it (whatsmeow, binary/).

A node is a list: tag, attributes as pairs, then the content if the count is even. Strings go out as dictionary tokens,
as packed digits or upper-case hex, or raw. The first byte of a payload says by bit 2 that the rest is compressed.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from typing import TypeAlias

from talkabiz.sandbox.errors import WireError
from talkabiz.sandbox.nodes import LID_SERVER, USER_SERVER, Attribute, Content, Jid, Node
from talkabiz.sandbox.tokens import SINGLE_COUNT, Tokens

INTEROP_JID, FB_JID, AD_JID, LIST_8, LIST_16, JID_PAIR = 245, 246, 247, 248, 249, 250
HEX_8, BINARY_8, BINARY_20, BINARY_32, NIBBLE_8 = 251, 252, 253, 254, 255
LIST_EMPTY = 0
COMPRESSED = 2

LONGEST_PACKED = 127
MAX_BYTES = 8 << 20  # of one payload, unpacked; a prekey upload, the longest the library sends, has 45 KB
MAX_NODES = 1 << 16
MAX_DEPTH = 64

# The domain byte of a device's address; these four have one, so no other is read.
_DOMAINS = {USER_SERVER: 0, LID_SERVER: 1, "hosted": 128, "hosted.lid": 129}
_SERVERS = {byte: server for server, byte in _DOMAINS.items()}

_NIBBLES = "0123456789-."
_HEX = "0123456789ABCDEF"
_PACKABLE = re.compile(r"[0-9.\-]*")
_HEXABLE = re.compile(r"[0-9A-F]*")
_TO_HEX = {NIBBLE_8: str.maketrans("-.", "ab"), HEX_8: str.maketrans("", "")}
_FROM_HEX = {NIBBLE_8: str.maketrans("abf", "-.\0"), HEX_8: str.maketrans("abcdef", "ABCDEF")}

_Read: TypeAlias = Content


class NodeError(WireError):
    """Bytes that are no node, or a node that has no bytes."""


class Codec:
    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def encode(self, node: Node) -> bytes:
        """A payload, never compressed. NodeError for what the format can't carry."""
        out = bytearray(b"\0")
        _Writer(out, self._tokens).node(node)
        return bytes(out)

    def decode(self, payload: bytes) -> Node:
        """NodeError for anything malformed, too deep or too large."""
        if not payload:
            raise NodeError("an empty payload")
        data = _inflate(payload[1:]) if payload[0] & COMPRESSED else payload[1:]
        if len(data) > MAX_BYTES:
            raise NodeError("a payload that is too large")
        reader = _Reader(data, self._tokens)
        node = reader.node()
        if reader.left:
            raise NodeError(f"{reader.left} bytes after the node")
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


class _Writer:
    def __init__(self, out: bytearray, tokens: Tokens) -> None:
        self._out = out
        self._codes = tokens.codes

    def node(self, node: Node) -> None:
        if not node.tag:
            raise NodeError("a node without a tag")
        # An empty attribute isn't sent, nor an empty list: the reader couldn't tell them from none.
        attrs = [(name, value) for name, value in node.attrs.items() if value != ""]
        content = node.content if node.content != () else None
        self._list(2 * len(attrs) + 1 + (content is not None))
        self.string(node.tag)
        for name, value in attrs:
            self.string(name)
            self._attribute(value)
        if isinstance(content, tuple):
            self._list(len(content))
            for child in content:
                self.node(child)
        elif isinstance(content, bytes):
            self._raw(content)
        elif content is not None:
            self._attribute(content)

    def string(self, text: str) -> None:
        code = self._codes.get(text)
        if code is not None:
            self._out += code
        elif len(text) <= LONGEST_PACKED and _PACKABLE.fullmatch(text):
            self._packed(text, NIBBLE_8)
        elif len(text) <= LONGEST_PACKED and _HEXABLE.fullmatch(text):
            self._packed(text, HEX_8)
        else:
            try:
                self._raw(text.encode())
            except UnicodeEncodeError:
                raise NodeError("a string with half a character") from None

    def _attribute(self, value: Attribute) -> None:
        if isinstance(value, Jid):
            self._jid(value)
        else:
            self.string(value)

    def _jid(self, jid: Jid) -> None:
        domain = _DOMAINS.get(jid.server)
        if domain is not None and (jid.device or domain >= 128):
            if not 0 <= jid.device <= 255:
                raise NodeError(f"a device number that doesn't fit: {jid.device}")
            self._out += bytes((AD_JID, domain, jid.device))
            self.string(jid.user)
        elif jid.server in {"msgr", "interop"}:
            self._out.append(FB_JID if jid.server == "msgr" else INTEROP_JID)
            self.string(jid.user)
            self._out += _sized(jid.device, 2)
            if jid.server == "interop":
                self._out += _sized(jid.integrator, 2)
            self.string(jid.server)
        else:
            self._out.append(JID_PAIR)
            if jid.user:
                self.string(jid.user)
            else:
                self._out.append(LIST_EMPTY)
            self.string(jid.server)

    def _list(self, count: int) -> None:
        if count == 0:
            self._out.append(LIST_EMPTY)
        elif count < 256:
            self._out += bytes((LIST_8, count))
        else:
            self._out.append(LIST_16)
            self._out += _sized(count, 2)

    def _raw(self, data: bytes) -> None:
        size = len(data)
        if size < 1 << 8:
            self._out += bytes((BINARY_8, size))
        elif size < 1 << 20:
            self._out.append(BINARY_20)
            self._out += _sized(size, 3)
        else:
            self._out.append(BINARY_32)
            self._out += _sized(size, 4)
        self._out += data

    def _packed(self, text: str, kind: int) -> None:
        odd = len(text) % 2
        digits = text.translate(_TO_HEX[kind]) + "f" * odd
        self._out += bytes((kind, len(digits) // 2 | odd << 7))
        self._out += bytes.fromhex(digits)


def _sized(value: int, size: int) -> bytes:
    try:
        return value.to_bytes(size, "big")
    except OverflowError:
        raise NodeError(f"a number that doesn't fit into {size} bytes: {value}") from None


class _Reader:
    def __init__(self, data: bytes, tokens: Tokens) -> None:
        self._data = data
        self._at = 0
        self._tokens = tokens
        self._nodes = 0
        self._depth = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def node(self) -> Node:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise NodeError("too many nodes")
        count = self._list_size(self._byte())
        if count == 0:
            raise NodeError("a node without a tag")
        tag = self._word()
        if not tag:
            raise NodeError("a node without a tag")
        attrs: dict[str, Attribute] = {}
        for _ in range((count - 1) >> 1):
            name = self._word()
            value = self._value(as_text=True)
            if value is not None:
                attrs[name] = _attribute(value)
        return Node(tag, attrs, None if count % 2 else self._value(as_text=False))

    def _value(self, *, as_text: bool) -> _Read:
        kind = self._byte()
        if 1 <= kind < SINGLE_COUNT:
            return self._tokens.single[kind]
        if SINGLE_COUNT <= kind < SINGLE_COUNT + len(self._tokens.double):
            return self._tokens.double[kind - SINGLE_COUNT][self._byte()]
        if kind == LIST_EMPTY:
            return None
        if kind in _SIZES:
            return self._sized(kind, as_text=as_text)
        if kind in _FROM_HEX:
            return self._packed(kind)
        if kind in (LIST_8, LIST_16):
            return self._list(kind)
        read_jid = _JIDS.get(kind)
        if read_jid is None:
            raise NodeError(f"an unknown kind of value: {kind}")
        return read_jid(self)

    def _list(self, kind: int) -> tuple[Node, ...]:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise NodeError("nodes that are nested too deeply")
        nodes = tuple([self.node() for _ in range(self._list_size(kind))])
        self._depth -= 1
        return nodes

    def _word(self) -> str:
        value = self._value(as_text=True)
        if not isinstance(value, str):
            raise NodeError("something else where a string has to be")
        return value

    def _user(self) -> str:
        value = self._value(as_text=True)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise NodeError("something else where a string has to be")
        return value

    def _sized(self, kind: int, *, as_text: bool) -> bytes | str:
        width, mask = _SIZES[kind]
        data = self._take(self._number(width) & mask)
        if not as_text:
            return data
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise NodeError("a string that is no UTF-8") from None

    def _packed(self, kind: int) -> str:
        header = self._byte()
        digits = self._take(header & 127).hex()
        if header >> 7:
            if not digits:
                raise NodeError("a packed string of less than nothing")
            digits = digits[:-1]
        if kind == NIBBLE_8 and not set(digits).isdisjoint("cde"):
            raise NodeError("a packed string with an unknown digit")
        return digits.translate(_FROM_HEX[kind])

    def jid_pair(self) -> Jid:
        user = self._user()
        return Jid(user, self._word())

    def device_jid(self) -> Jid:
        domain, device = self._byte(), self._byte()
        if domain not in _SERVERS:
            raise NodeError(f"an address of an unknown domain: {domain}")
        return Jid(self._word(), _SERVERS[domain], device)

    def foreign_jid(self, server: str) -> Jid:
        user, device = self._word(), self._number(2)
        integrator = self._number(2) if server == "interop" else 0
        if self._word() != server:
            raise NodeError(f"an address of another server than {server}")
        return Jid(user, server, device, integrator)

    def _list_size(self, kind: int) -> int:
        if kind == LIST_EMPTY:
            return 0
        if kind in (LIST_8, LIST_16):
            return self._number(kind - LIST_8 + 1)
        raise NodeError(f"something else where a list has to be: {kind}")

    def _byte(self) -> int:
        try:
            value = self._data[self._at]
        except IndexError:
            raise NodeError("a node that is cut off") from None
        self._at += 1
        return value

    def _number(self, width: int) -> int:
        return int.from_bytes(self._take(width), "big")

    def _take(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._data):
            raise NodeError("a node that is cut off")
        data = self._data[self._at : end]
        self._at = end
        return data


_SIZES = {BINARY_8: (1, 0xFF), BINARY_20: (3, 0xFFFFF), BINARY_32: (4, 0xFFFFFFFF)}
_JIDS: dict[int, Callable[[_Reader], Jid]] = {
    JID_PAIR: _Reader.jid_pair,
    AD_JID: _Reader.device_jid,
    FB_JID: lambda reader: reader.foreign_jid("msgr"),
    INTEROP_JID: lambda reader: reader.foreign_jid("interop"),
}


def _attribute(value: Content) -> Attribute:
    if isinstance(value, str | Jid):
        return value
    raise NodeError("a list where an attribute has to be")
