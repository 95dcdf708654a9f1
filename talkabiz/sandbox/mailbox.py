"""What waits for one device: in order, kept until the device says that it has it."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from talkabiz.sandbox.nodes import SERVER, Node

WINDOW = 500
"""So many may be under way to a device at a time. The library queues 2048 before it loses their order."""
LARGEST_COUNT = 5_000
LARGEST_BYTES = 16 << 20

_COPIES = (0, 1)


class Receipted(NamedTuple):
    """What an acknowledgement names: the kind of node, its id, a receipt's type, and whose it was."""

    tag: str
    id: str
    type: str
    who: str


@dataclass(slots=True)
class Parcel:
    """`stored`: it came while the device was away, or was under way when its link ended."""

    node: Node
    size: int
    stored: bool


_Parcels: TypeAlias = "OrderedDict[tuple[Receipted, int], Parcel]"


class Mailbox:
    """The oldest are dropped when it is full. `shut`: nothing leaves, though the device may be there."""

    def __init__(self) -> None:
        self.shut = False
        self._size = 0
        self._waiting: _Parcels = OrderedDict()
        self._under_way: _Parcels = OrderedDict()
        self._backlog: int | None = None
        """How much of it was announced, until its end was told."""
        self._is_announced = False
        self._told = 0

    def __len__(self) -> int:
        return len(self._waiting) + len(self._under_way)

    def put(self, key: Receipted, node: Node, *, stored: bool = False, copy: int = 0) -> None:
        """`copy` 1 is the second time of the same node, which is acknowledged for itself."""
        self._drop((key, copy))
        parcel = Parcel(node, size_of(node), stored)
        self._waiting[key, copy] = parcel
        self._size += parcel.size
        while self._size > LARGEST_BYTES or len(self) > LARGEST_COUNT:
            self._drop(next(iter(self._under_way or self._waiting)))

    def forget(self, key: Receipted) -> None:
        """The device has it."""
        for copy in _COPIES:
            if self._drop((key, copy)):
                return

    def rewind(self) -> None:
        """A new link: whatever is still here will be told again, as a backlog."""
        self._under_way.update(self._waiting)
        self._waiting, self._under_way = self._under_way, OrderedDict()
        for parcel in self._waiting.values():
            parcel.stored = True
        self.release()

    def release(self) -> None:
        """Opens it; the backlog may leave now."""
        self.shut = self._is_announced = False
        self._backlog, self._told = sum(parcel.stored for parcel in self._waiting.values()), 0

    def due(self) -> Iterator[Node]:
        """What may leave now, and is under way then: a backlog between its announcement and its end."""
        if self._backlog and not self._is_announced and not self.shut:
            self._is_announced = True
            yield self._announcement()
        while not self.shut:
            key = next(iter(self._waiting), None)
            parcel = self._waiting[key] if key else None
            if self._backlog is not None and not (parcel and parcel.stored):
                count, self._backlog = self._backlog, None
                yield _of_server(Node("offline", {"count": str(count)}))
            if key is None or parcel is None or len(self._under_way) >= WINDOW:
                return
            del self._waiting[key]
            self._under_way[key] = parcel
            yield self._as_stored(parcel.node) if parcel.stored else parcel.node

    def contents(self) -> list[tuple[Receipted, Node]]:
        """All of it, oldest first."""
        return [(key, parcel.node) for box in (self._under_way, self._waiting) for (key, _), parcel in box.items()]

    def _announcement(self) -> Node:
        kinds = Counter(parcel.node.tag for parcel in self._waiting.values() if parcel.stored)
        attrs = {kind: str(kinds[kind]) for kind in ("message", "receipt", "notification")}
        return _of_server(Node("offline_preview", {"count": str(self._backlog), "appdata": "0", **attrs}))

    def _as_stored(self, node: Node) -> Node:
        self._told += 1
        return Node(node.tag, {**node.attrs, "offline": str(self._told - 1)}, node.content)

    def _drop(self, key: tuple[Receipted, int]) -> bool:
        parcel = self._under_way.pop(key, None) or self._waiting.pop(key, None)
        if parcel is None:
            return False
        self._size -= parcel.size
        return True


def size_of(node: Node) -> int:
    """About as many bytes as it takes on the wire."""
    own = len(node.tag) + sum(len(name) + len(str(value)) for name, value in node.attrs.items())
    return own + len(node.data) + sum(size_of(child) for child in node.children)


def _of_server(child: Node) -> Node:
    return Node("ib", {"from": SERVER}, (child,))
