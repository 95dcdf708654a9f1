"""A look at the database that alters nothing: it makes no file, applies no step, and waits for nobody for long.

`migrate` and `open_database` do what they find missing; the doctor only wants to know.
"""

from __future__ import annotations

import os
import pkgutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote

from talkabiz.store import migrations
from talkabiz.store.database import parse_url

BUSY_SECONDS = 2.0
"""Whoever holds the database for longer holds up the server, too."""

_APPLIED = "SELECT name FROM tortoise_migrations WHERE app = 'talkabiz'"
_MAGIC = b"SQLite format 3\0"
# Of the file's header (SQLite's file format, 1.3): 2 for a write-ahead log.
_JOURNAL_VERSION, _WAL = 18, 2


class Fault(StrEnum):
    MISSING = "missing"  #: before the first start there is none
    UNREADABLE = "unreadable"
    NOT_A_DATABASE = "not_a_database"  #: another file, or a broken one
    LOCKED = "locked"
    NEWER = "newer"  #: made by a newer version of the program
    PENDING = "pending"  #: steps that `migrate` would take


@dataclass(frozen=True, slots=True)
class Inspection:
    path: Path
    fault: Fault | None = None
    detail: str = ""
    """What is pending or unknown, or what SQLite says."""


def inspect(url: str) -> Inspection:
    """Raises StoreError for a URL that is none of ours."""
    path = parse_url(url).absolute()
    try:
        with path.open("rb") as file:
            header = file.read(32)
    except FileNotFoundError:
        return Inspection(path, Fault.MISSING)
    except OSError as error:
        return Inspection(path, Fault.UNREADABLE, error.strerror or str(error))
    if not header:  # as an empty file is an empty database
        return Inspection(path, Fault.PENDING, ", ".join(_known()))
    if not header.startswith(_MAGIC):
        return Inspection(path, Fault.NOT_A_DATABASE, "its first bytes are another file's")
    try:
        return _look(path, is_at_rest=header[_JOURNAL_VERSION] == _WAL and not _has_log(path))
    except sqlite3.Error as error:
        is_held = "locked" in str(error) or "busy" in str(error)
        return Inspection(path, Fault.LOCKED if is_held else Fault.NOT_A_DATABASE, str(error))


def _look(path: Path, *, is_at_rest: bool) -> Inspection:
    """With a write-ahead log but no file of it, nobody has it open: then it is read as a mere file, for to open it
    properly would make those files.
    """
    with closing(_open(path, "ro&immutable=1" if is_at_rest else "ro")) as reader:
        applied = _applied(reader)
        if not is_at_rest and os.access(path, os.W_OK):
            _try_lock(path)  # while the reader stays: else this would be the last to leave, and clear the log away
    known = _known()
    if newer := sorted(applied - set(known)):
        return Inspection(path, Fault.NEWER, newer[-1])
    if pending := [name for name in known if name not in applied]:
        return Inspection(path, Fault.PENDING, ", ".join(pending))
    return Inspection(path)


def _try_lock(path: Path) -> None:
    with closing(_open(path, "rw")) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("ROLLBACK")


def _open(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path))}?mode={mode}", uri=True, timeout=BUSY_SECONDS, isolation_level=None)


def _applied(reader: sqlite3.Connection) -> set[str]:
    if not reader.execute("SELECT 1 FROM sqlite_master WHERE name = 'tortoise_migrations'").fetchone():
        return set()
    return {name for (name,) in reader.execute(_APPLIED)}


def _known() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(migrations.__path__))


def _has_log(path: Path) -> bool:
    return path.with_name(path.name + "-wal").exists()
