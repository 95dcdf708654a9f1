"""Deletes what nobody needs any more, in small lots: each function is one, called inside a transaction of its own.

Old rows have low ids, so each looks through the rows in their order and stops at the first that is too young: what is
kept isn't looked through.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from talkabiz.domain.message import Direction, Status
from talkabiz.store.database import connected
from talkabiz.store.heard import MOST_TRIES

LOT = 200

_HEARD = "DELETE FROM heard WHERE id IN (SELECT id FROM heard WHERE tries >= ? AND at < ? ORDER BY id LIMIT ?)"
_RECEIPTS = "SELECT id, created_at FROM receipts WHERE id > ? ORDER BY id LIMIT ?"
_UNCLAIMED = """
    DELETE FROM receipts WHERE id BETWEEN ? AND ? AND created_at < ? AND NOT EXISTS (
        SELECT 1 FROM messages WHERE messages.chat_id = receipts.chat_id AND messages.wa_id = receipts.wa_id
    )
"""
_MESSAGES = """
    SELECT id, chat_id, wa_id, created_at, status,
           CASE direction WHEN 'in' THEN created_at ELSE COALESCE(sent_at, status_at) END AS ended_at
    FROM messages WHERE id > ? ORDER BY id LIMIT ?
"""
_MESSAGE = "DELETE FROM messages WHERE id = ?"
_RECEIPTS_OF = "DELETE FROM receipts WHERE chat_id = ? AND wa_id = ?"
_CHAT = """
    UPDATE parties SET
        last_message_id = (SELECT id FROM messages WHERE id = last_message_id),
        unread = CASE WHEN unread = 0 THEN 0 ELSE MIN(unread, (
            SELECT COUNT(*) FROM messages WHERE chat_id = parties.id AND direction = ? AND status IN (?, ?)
        )) END
    WHERE id = ?
"""
_IN_HAND = frozenset({Status.QUEUED.value, Status.SENDING.value})


async def forget_failed_heard(before: datetime, limit: int = LOT) -> bool:
    """What couldn't be taken in, and was heard before then. Whether there may be more."""
    return (await connected().execute_query(_HEARD, [MOST_TRIES, before, limit]))[0] == limit


async def forget_unclaimed(before: datetime, after: int = 0, limit: int = LOT) -> int | None:
    """Receipts that came before then, of messages that nobody has. The id to go on after; None: the rest is younger."""
    _, rows = await connected().execute_query(_RECEIPTS, [after, limit])
    if rows:
        await connected().execute_query(_UNCLAIMED, [rows[0]["id"], rows[-1]["id"], before])
    return next_after(rows, before, limit)


async def forget_messages(before: datetime, after: int = 0, limit: int = LOT) -> int | None:
    """Those that came in, were sent or ended before then, and their receipts; nothing that is still to be sent or on
    its way. Their chats stay. The id to go on after; None: the rest is younger.
    """
    _, rows = await connected().execute_query(_MESSAGES, [after, limit])
    old = [row for row in rows if row["status"] not in _IN_HAND and _time(row["ended_at"]) < before]
    if old:
        receipts = [[row["chat_id"], row["wa_id"]] for row in old if row["wa_id"]]
        await connected().execute_many(_RECEIPTS_OF, receipts)
        await connected().execute_many(_MESSAGE, [[row["id"]] for row in old])
        unread = [Direction.IN, Status.RECEIVED, Status.UNDECRYPTABLE]
        await connected().execute_many(_CHAT, [[*unread, chat_id] for chat_id in sorted({r["chat_id"] for r in old})])
    return next_after(rows, before, limit)


def next_after(rows: Sequence[Mapping[str, Any]], before: datetime, limit: int) -> int | None:
    """The id to go on after, when these were looked through; None: there are no more, or they are too young."""
    is_last = len(rows) < limit or _time(rows[-1]["created_at"]) >= before
    return None if is_last else int(rows[-1]["id"])


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
