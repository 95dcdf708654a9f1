"""What stands in a server's database and folders right now, read from outside it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """A klien and its session, as the tables have them."""

    wa_terhubung: bool
    wa_nomor: str | None
    status: str
    reason: str | None


def row(home: Path, klien_id: int) -> Row:
    found = rows(home)
    return found[klien_id]


def rows(home: Path) -> dict[int, Row]:
    """By klien id; those that have a session."""
    query = (
        "SELECT k.id, k.wa_terhubung, k.wa_nomor, s.status, s.reason FROM kliens k JOIN sessions s ON s.klien_id = k.id"
    )
    with closing(sqlite3.connect(f"file:{home / 'talkabiz.db'}?mode=ro", uri=True)) as database:
        return {found[0]: Row(bool(found[1]), *found[2:]) for found in database.execute(query)}


def told(home: Path, klien_id: int) -> list[str]:
    """The journal of a klien: what was told of it, in order, as `status(reason)`."""
    query = "SELECT type, data ->> 'reason' FROM journal_events WHERE klien_id = ? ORDER BY seq"
    with closing(sqlite3.connect(f"file:{home / 'talkabiz.db'}?mode=ro", uri=True)) as database:
        return [f"{type_}({reason or ''})" for type_, reason in database.execute(query, (klien_id,))]


def device_files(home: Path, klien_id: int) -> list[str]:
    """What lies in the klien's folder of sessions/."""
    return sorted(path.name for path in (home / "sessions" / str(klien_id)).glob("*"))
