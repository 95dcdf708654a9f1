"""Bytes to nodes, for bytes that anybody may have made up: always an answer or a NodeError, within known limits."""

from __future__ import annotations

from collections.abc import Callable

from talkabiz.sandbox import wire_format as wire
from talkabiz.sandbox.nodes import Attribute, Content, Jid, Node
from talkabiz.sandbox.tokens import SINGLE_COUNT, Tokens
from talkabiz.sandbox.wire_format import NodeError

_SERVERS = {domain: server for server, domain in wire.DOMAINS.items()}
_FROM_HEX = {wire.NIBBLE_8: str.maketrans("abf", "-.\0"), wire.HEX_8: str.maketrans("abcdef", "ABCDEF")}
_NO_DIGITS = {wire.NIBBLE_8: frozenset("cde"), wire.HEX_8: frozenset("")}


class Decoder:
    def __init__(self, data: bytes, tokens: Tokens) -> None:
        self._data = data
        self._at = 0
        self._tokens = tokens
        self._values = 0
        self._depth = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def node(self) -> Node:
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

    def _value(self, *, as_text: bool) -> Content:
        self._values += 1
        if self._values > wire.MAX_VALUES:
            raise NodeError("too many values")
        kind = self._byte()
        if 1 <= kind < SINGLE_COUNT:
            return self._tokens.single[kind]
        if SINGLE_COUNT <= kind < SINGLE_COUNT + len(self._tokens.double):
            return self._tokens.double[kind - SINGLE_COUNT][self._byte()]
        if kind == wire.LIST_EMPTY:
            return None
        if kind in _SIZES:
            return self._sized(kind, as_text=as_text)
        if kind in _FROM_HEX:
            return self._packed(kind)
        return self._nested(kind)

    def _nested(self, kind: int) -> Content:
        """What has values in it; addresses too, for bytes can claim that one's user is an address, without end."""
        self._depth += 1
        if self._depth > wire.MAX_DEPTH:
            raise NodeError("values that are nested too deeply")
        read_jid = _JIDS.get(kind)
        value = read_jid(self) if read_jid else tuple([self.node() for _ in range(self._list_size(kind))])
        self._depth -= 1
        return value

    def _word(self) -> str:
        value = self._value(as_text=True)
        if not isinstance(value, str):
            raise NodeError("something else where a string has to be")
        return value

    def _user(self) -> str:
        """An address may have none: the service's own."""
        if self.left and self._data[self._at] == wire.LIST_EMPTY:
            self._at += 1
            return ""
        return self._word()

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
        if not _NO_DIGITS[kind].isdisjoint(digits):
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
        if kind == wire.LIST_EMPTY:
            return 0
        if kind in (wire.LIST_8, wire.LIST_16):
            return self._number(kind - wire.LIST_8 + 1)
        raise NodeError(f"not a list, nor anything else that is known: {kind}")

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


_SIZES = {wire.BINARY_8: (1, 0xFF), wire.BINARY_20: (3, 0xFFFFF), wire.BINARY_32: (4, 0xFFFFFFFF)}
_JIDS: dict[int, Callable[[Decoder], Jid]] = {
    wire.JID_PAIR: Decoder.jid_pair,
    wire.AD_JID: Decoder.device_jid,
    wire.FB_JID: lambda reader: reader.foreign_jid("msgr"),
    wire.INTEROP_JID: lambda reader: reader.foreign_jid("interop"),
}


def _attribute(value: Content) -> Attribute:
    if isinstance(value, str | Jid):
        return value
    raise NodeError("a list where an attribute has to be")
