"""Nodes: the tree that both sides speak once the handshake is through, and the JIDs inside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

USER_SERVER = "s.whatsapp.net"
LID_SERVER = "lid"
GROUP_SERVER = "g.us"
BROADCAST_SERVER = "broadcast"

SHOWN_CHILDREN = 10
_NAMES = frozenset(("display_name", "name", "notify", "verified_name"))
"""Attributes with a person's name."""


@dataclass(frozen=True, slots=True)
class Jid:
    """An address. On the wire it is a type of its own, never a string: the library compares and casts by that type."""

    user: str
    server: str = USER_SERVER
    device: int = 0
    integrator: int = 0

    def __str__(self) -> str:
        """`user:device@server`; the server alone where there is no user."""
        if not self.user:
            return self.server
        device = f":{self.device}" if self.device else ""
        return f"{self.user}{device}@{self.server}"

    def account(self) -> Jid:
        """The same address without a device."""
        return Jid(self.user, self.server)


SERVER = Jid("")
"""The service itself: what `from` of each of its queries must be."""

Attribute: TypeAlias = str | Jid
Content: TypeAlias = "tuple[Node, ...] | bytes | str | Jid | None"

_NO_ATTRS: Mapping[str, Attribute] = {}


@dataclass(frozen=True, slots=True)
class Node:
    tag: str
    attrs: Mapping[str, Attribute] = field(default_factory=lambda: _NO_ATTRS)
    content: Content = None

    @property
    def children(self) -> tuple[Node, ...]:
        return self.content if isinstance(self.content, tuple) else ()

    @property
    def data(self) -> bytes:
        """The content as bytes; short texts arrive as strings because the dictionary holds them."""
        if isinstance(self.content, bytes):
            return self.content
        return self.content.encode() if isinstance(self.content, str) else b""

    def child(self, tag: str) -> Node | None:
        return next((child for child in self.children if child.tag == tag), None)

    def text(self, name: str) -> str:
        """An attribute as a string, "" if it is missing."""
        return str(self.attrs.get(name, ""))

    def jid(self, name: str) -> Jid | None:
        value = self.attrs.get(name)
        return value if isinstance(value, Jid) else None

    def __str__(self) -> str:
        """One line for the log: contents by their length, since they hold keys and messages; nobody's name."""
        attrs = "".join(f' {name}="{"…" if name in _NAMES else value}"' for name, value in self.attrs.items())
        if isinstance(self.content, tuple):
            more = len(self.content) - SHOWN_CHILDREN
            children = "".join(map(str, self.content[:SHOWN_CHILDREN])) + (f"... {more} more" if more > 0 else "")
            return f"<{self.tag}{attrs}>{children}</{self.tag}>"
        if self.content is None:
            return f"<{self.tag}{attrs}/>"
        return f"<{self.tag}{attrs}>{len(self.data)} bytes</{self.tag}>"
