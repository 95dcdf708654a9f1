"""A device's public keys on the server: what others need to begin a Signal session with it (whatsmeow, prekeys.go)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from talkabiz.sandbox.errors import WireError
from talkabiz.sandbox.nodes import Node

_ID_SIZE = 3
_KEY_SIZE = 32
_LASTING = ("registration", "type", "identity", "skey")


class Bundle:
    """One-time keys are kept as bytes, not as nodes: a device uploads 812 of them at once."""

    def __init__(self) -> None:
        self._lasting: dict[str, Node] = {}
        self._once: deque[bytes] = deque()

    @property
    def count(self) -> int:
        """One-time keys that are left."""
        return len(self._once)

    def upload(self, query: Node) -> None:
        """Takes over the lasting keys, adds the one-time ones. WireError, and nothing changed, if a key isn't one."""
        uploaded = query.child("list")
        fresh = [_pack(key) for key in (uploaded.children if uploaded else ())]
        self._lasting |= {part.tag: part for part in query.children if part.tag in _LASTING}
        known = set(self._once)
        self._once.extend(key for key in fresh if key not in known)

    def rotate(self, query: Node) -> None:
        """Takes over a new signed key."""
        self._lasting |= {part.tag: part for part in query.children[0].children if part.tag == "skey"}

    @property
    def lasting(self) -> tuple[Node, ...]:
        """What is handed out with each of the one-time keys; nothing before the first upload."""
        return tuple(self._lasting[tag] for tag in _LASTING) if all(tag in self._lasting for tag in _LASTING) else ()

    def restore(self, lasting: Iterable[Node]) -> None:
        """As `lasting` gave it."""
        self._lasting |= {part.tag: part for part in lasting}

    def take(self) -> tuple[Node, ...]:
        """The parts of a bundle, with one of the one-time keys if any is left; none of it before the first upload."""
        if not self.lasting:
            return ()
        once = (_unpack(self._once.popleft()),) if self._once else ()
        return (*self.lasting, *once)


def _pack(key: Node) -> bytes:
    number, value = key.child("id"), key.child("value")
    if key.tag != "key" or not number or not value:
        raise WireError("a prekey without its parts")
    if len(number.data) != _ID_SIZE or len(value.data) != _KEY_SIZE:
        raise WireError("a prekey of a wrong size")
    return number.data + value.data


def _unpack(key: bytes) -> Node:
    return Node("key", {}, (Node("id", {}, key[:_ID_SIZE]), Node("value", {}, key[_ID_SIZE:])))
