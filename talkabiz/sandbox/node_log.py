"""The last nodes that passed, decoded, for people who look. Each is cut to a bounded size at once: a client's upload of
its keys alone is a thousand nodes.
"""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from talkabiz.sandbox.bell import Bell
from talkabiz.sandbox.link import Link
from talkabiz.sandbox.nodes import Node

KEPT = 1000
SHOWN_FIRST = 200
"""To a reader who has seen nothing yet."""
LARGEST_NODES = 60
"""Nodes of one tree, itself and all below it."""
LONGEST_TEXT = 200
SHOWN_BYTES = 32


@dataclass(frozen=True, slots=True)
class Passed:
    """`n` counts from 1. A node went `out` to the client, or came in from it."""

    n: int
    at: datetime
    out: bool
    number: str | None
    device: int | None
    spared: bool
    node: dict[str, Any]

    def view(self) -> dict[str, Any]:
        return {
            "n": self.n,
            "at": self.at.isoformat(timespec="milliseconds"),
            "direction": "out" if self.out else "in",
            "number": self.number,
            "device": self.device,
            "phones_own": self.spared,
            "node": self.node,
        }


class NodeLog:
    """`name` tells this log from that of an earlier process, which counted from 1 too."""

    def __init__(self, bell: Bell, kept: int = KEPT) -> None:
        self.name = os.urandom(4).hex()
        self._bell = bell
        self._passed: deque[Passed] = deque(maxlen=kept)
        self._last = 0

    @property
    def last(self) -> int:
        """The number of the newest."""
        return self._last

    def note(self, link: Link, node: Node, out: bool) -> None:  # noqa: FBT001 - a callback
        self._last += 1
        number, device = _who(link)
        self._passed.append(Passed(self._last, datetime.now(UTC), out, number, device, link.spared, show(node)))
        self._bell.wake()

    def after(self, n: int, most: int = KEPT) -> list[Passed]:
        """Those behind that one, oldest first. What is gone by then shows by the first one's number."""
        behind = min(self._last - n, len(self._passed))
        found = (
            [self._passed[place] for place in range(len(self._passed) - behind, len(self._passed))] if behind else []
        )
        return found[:most]

    def where(self, id_: str) -> int | None:
        """The number in what `id_of` gave; None if it is no id of this log."""
        name, _, number = id_.rpartition("-")
        known = name == self.name and number.isascii() and number.isdecimal() and len(number) < 20
        return int(number) if known and int(number) <= self._last else None

    def id_of(self, n: int) -> str:
        return f"{self.name}-{n}"


def show(node: Node, left: list[int] | None = None) -> dict[str, Any]:
    """A node as JSON, cut to LARGEST_NODES; `more` counts the children that are left out."""
    left = left if left is not None else [LARGEST_NODES]
    left[0] -= 1
    shown: dict[str, Any] = {"tag": node.tag, "attrs": {name: _cut(str(value)) for name, value in node.attrs.items()}}
    if isinstance(node.content, tuple):
        children = []
        for child in node.content:
            if left[0] <= 0:
                break
            children.append(show(child, left))
        shown |= {"children": children, "more": len(node.content) - len(children)}
    elif isinstance(node.content, bytes):
        shown |= _bytes(node.content)
    elif node.content is not None:
        shown["text"] = _cut(str(node.content))
    return shown


def _bytes(content: bytes) -> dict[str, Any]:
    """As text where it is meant to be read."""
    text = content[: LONGEST_TEXT + 1].decode("ascii", "replace")
    if content and text.isascii() and text.isprintable():
        return {"text": _cut(text)}
    return {"bytes": len(content), "hex": content[:SHOWN_BYTES].hex()}


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "…"


def _who(link: Link) -> tuple[str | None, int | None]:
    """As it says itself; who wants to pair is nobody yet."""
    payload = link.payload
    if payload.HasField("devicePairingData"):
        return None, None
    return str(payload.username), payload.device
