"""The journal: one list of durable events, numbered as a whole by `id` and per klien by `seq`, neither ever repeated.

Transactions queue, so the order of ids is the order of commits: who has read up to an id never misses a lower one.
In SQL for the reason that `talkabiz.store.sessions` gives.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from talkabiz.domain.errors import NotFound
from talkabiz.domain.events import CHAT_TYPES, Event
from talkabiz.store.database import connected

_NEXT_SEQ = "UPDATE kliens SET seq = seq + 1 WHERE id = ? RETURNING seq"
_APPEND = "INSERT INTO journal_events (klien_id, seq, type, at, data) VALUES (?, ?, ?, ?, ?) RETURNING id"
_LAST_SEQ = "SELECT seq FROM kliens WHERE id = ?"
_SINCE = "SELECT * FROM journal_events WHERE klien_id = ? AND seq > ? ORDER BY seq LIMIT ?"
_CHATS = ", ".join(f"'{name}'" for name in sorted(CHAT_TYPES))
_SINCE_BUT_CHATS = f"""
    SELECT * FROM journal_events WHERE klien_id = ? AND seq > ? AND type NOT IN ({_CHATS}) ORDER BY seq LIMIT ?
"""  # noqa: S608 - words of our own
_AFTER = "SELECT * FROM journal_events WHERE id > ? ORDER BY id LIMIT ?"
_IDS_AFTER = "SELECT id FROM journal_events WHERE id > ? ORDER BY id LIMIT ?"
_LAST_SEQS = "SELECT id, seq FROM kliens"
_LAST_ID = "SELECT MAX(id) AS id FROM journal_events"


async def append(klien_id: int, type: str, at: datetime, data: dict[str, Any]) -> Event:  # noqa: A002 - the column's name
    """Inside a transaction. `data` is JSON, already without secrets (`domain.events.stored`); it gets its `seq`.

    Raises:
        NotFound: there is no such klien (any more).
    """
    _, numbered = await connected().execute_query(_NEXT_SEQ, [klien_id])
    if not numbered:
        raise NotFound
    seq = numbered[0]["seq"]
    data = {**data, "seq": seq}
    _, appended = await connected().execute_query(_APPEND, [klien_id, seq, type, at, json.dumps(data)])
    return Event(appended[0]["id"], klien_id, seq, type, at, data)


async def since(klien_id: int, seq: int, limit: int, *, with_chats: bool = True) -> tuple[list[Event], bool]:
    """The klien's events above `seq`, oldest first, and whether there is a gap: the first of them isn't kept any more.

    `limit` is at least 1. `with_chats`: those of CHAT_TYPES, too.
    """
    # First the klien: what is appended between the two questions must not look like something lost.
    _, last = await connected().execute_query(_LAST_SEQ, [klien_id])
    events = await _events(_SINCE, klien_id, seq, limit if with_chats else 1)
    first_kept = events[0].seq if events else last[0]["seq"] + 1 if last else 0
    if not with_chats:
        events = await _events(_SINCE_BUT_CHATS, klien_id, seq, limit)
    return events, first_kept > seq + 1


async def after(event_id: int, limit: int) -> list[Event]:
    """Of all kliens, oldest first."""
    return await _events(_AFTER, event_id, limit)


async def ids_after(event_id: int, limit: int) -> list[int]:
    """Of all kliens, oldest first."""
    _, rows = await connected().execute_query(_IDS_AFTER, [event_id, limit])
    return [row["id"] for row in rows]


async def last_id() -> int:
    """0: nothing has been appended, or nothing is kept."""
    _, rows = await connected().execute_query(_LAST_ID)
    return rows[0]["id"] or 0


async def last_seqs() -> dict[int, int]:
    """Of each klien, the seq of its last event; 0: nothing has been appended."""
    _, rows = await connected().execute_query(_LAST_SEQS)
    return {row["id"]: row["seq"] for row in rows}


async def _events(question: str, *values: int) -> list[Event]:
    _, rows = await connected().execute_query(question, list(values))
    return [
        Event(
            id=row["id"],
            klien_id=row["klien_id"],
            seq=row["seq"],
            type=row["type"],
            at=datetime.fromisoformat(row["at"]),
            data=json.loads(row["data"]),
        )
        for row in rows
    ]
