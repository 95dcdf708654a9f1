"""Which WhatsApp a linked device belongs to: the real one, or a loopback one, each told by its root key.

A device doesn't know that by itself. Tried on another network than its own it would be refused there as a stranger and
thrown away here for it; and the real service would meet a machine that shows it devices of a sandbox. So the store file
of a device from a sandbox bears a mark, in SQLite's own header, where it stays wherever the file goes.
"""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

from talkabiz.whatsapp.library import WHATSAPP_ROOT_KEY

REAL = 0
"""The mark of the real WhatsApp, and so of each store file that bears none."""
_MAGIC = b"SQLite format 3\0"
_AT, _SIZE = 68, 4
"""Where SQLite's header has what `PRAGMA application_id` sets, and how long that is."""


def mark_of(root_key: bytes) -> int:
    """A network's number; it fits a positive 32-bit integer."""
    if root_key == WHATSAPP_ROOT_KEY:
        return REAL
    return int.from_bytes(hashlib.sha256(root_key).digest()[:4], "big") & 0x7FFFFFFF | 1


def put_mark(store: Path, mark: int) -> None:
    """Into an empty store file, which nobody has open."""
    if mark == REAL:
        return
    with closing(sqlite3.connect(store)) as database:
        database.execute(f"PRAGMA application_id = {mark}")


def mark_in(store: Path) -> int:
    """The number of the network that the store belongs to. Read as mere bytes: the library may have it open, and two
    copies of SQLite in one process don't see each other's locks. OSError if it can't be read, or isn't a store.
    """
    with store.open("rb") as file:
        header = file.read(_AT + _SIZE)
    if header and not header.startswith(_MAGIC):  # an empty one is still to be written
        raise OSError(f"{store.name} is no SQLite file")
    return int.from_bytes(header[_AT:], "big")
