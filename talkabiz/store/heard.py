"""What sessions heard of their chats, as the library gave it, kept until it has been taken in. What changes something
is called inside a transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from talkabiz.store.database import connected, look_up

MOST_TRIES = 3

Heard = tuple[int, int, bytes, datetime]
"""Klien, the event's number, its bytes, when it was heard."""


@dataclass(frozen=True, slots=True)
class HeardRow:
    id: int
    klien_id: int
    number: int
    data: bytes = field(repr=False)
    at: datetime
    tries: int


_ADD = "INSERT INTO heard (klien_id, number, data, tries, at) SELECT id, ?, ?, 0, ? FROM kliens WHERE id = ?"
_TRIED = "SELECT id FROM heard WHERE tries = {}"
_ROWS = "SELECT * FROM heard WHERE id IN ({} ORDER BY id LIMIT ?) ORDER BY id"
_NEXT = _ROWS.format(" UNION ALL ".join(map(_TRIED.format, range(MOST_TRIES))))
"""With tries < ?, SQLite looks through all that have failed, or sorts all that wait."""
_DONE = "DELETE FROM heard WHERE id = ?"
_FAILED = "UPDATE heard SET tries = tries + 1, error = ? WHERE id = ?"
_COUNT = "SELECT COUNT(*) AS n FROM heard"


async def add(rows: Sequence[Heard]) -> None:
    """In this order. What a klien heard that doesn't exist any more is dropped."""
    await connected().execute_many(_ADD, [[number, data, at, klien_id] for klien_id, number, data, at in rows])


async def next(limit: int) -> list[HeardRow]:  # noqa: A001 - heard.next
    """What hasn't been taken in, in the order in which it was heard; not what has failed MOST_TRIES times."""
    rows = await look_up(_NEXT, [limit])
    return [
        HeardRow(
            row["id"], row["klien_id"], row["number"], row["data"], datetime.fromisoformat(row["at"]), row["tries"]
        )
        for row in rows
    ]


async def done(ids: Iterable[int]) -> None:
    """It has been taken in."""
    await connected().execute_many(_DONE, [[each] for each in ids])


async def failed(heard_id: int, error: str) -> None:
    """It couldn't be taken in; it is kept, and handed out again up to MOST_TRIES times."""
    await connected().execute_query(_FAILED, [error, heard_id])


async def count() -> int:
    """How many are kept, those that have failed among them."""
    _, rows = await connected().execute_query(_COUNT)
    return int(rows[0]["n"])
