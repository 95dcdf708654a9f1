"""Databases for tests: the first is migrated, the others are copies of it, because making one takes a second."""

from __future__ import annotations

from pathlib import Path

from talkabiz.store import database

_EMPTY: list[bytes] = []


async def make_database(file: Path) -> str:
    """The address of a new one there, up to date, without a row."""
    url = f"sqlite:///{file}"
    if _EMPTY:
        file.write_bytes(_EMPTY[0])
    else:
        await database.migrate(url)
        _EMPTY.append(file.read_bytes())
    return url
