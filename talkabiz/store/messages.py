"""The messages of a klien, in and out. In SQL, as `talkabiz.store.sessions`; what changes something is called inside a
transaction.

A message that waits has a place in the queue, `due_at`: when it was accepted, or when it may leave at the earliest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from talkabiz.domain.content import Kind
from talkabiz.domain.errors import NotFound
from talkabiz.domain.message import Message, Origin, Status, may_become
from talkabiz.store.database import connected, look_up
from talkabiz.store.message_rows import MESSAGE, content_column, message_of

LOT = 200
"""How many at most change at once, where a whole queue does: others wait for the transaction."""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """What a program or a person wants sent. `key` and `fingerprint` are of the request."""

    chat_id: int
    kind: Kind
    text: str | None
    now: datetime
    content: Mapping[str, Any] = field(default_factory=dict)
    media_id: int | None = None
    reply_to: str | None = None
    mentions: Sequence[str] = ()
    forwards: int = 0
    send_at: datetime | None = None
    expires_at: datetime | None = None
    key: str | None = None
    fingerprint: str | None = None


_ACCEPT = """
    INSERT INTO messages (klien_id, chat_id, direction, source, type, text, content, media_id, reply_to, mentions,
                          status, status_at, tries, send_at, due_at, expires_at, key, fingerprint, created_at)
    SELECT klien_id, id, 'out', 'api', ?, ?, ?, ?, ?, ?, 'queued', ?, 0, ?, ?, ?, ?, ?, ?
    FROM parties WHERE id = ? AND klien_id = ?
        AND (? IS NULL OR EXISTS (SELECT 1 FROM media WHERE media.id = ? AND media.klien_id = parties.klien_id))
    RETURNING id
"""
_LAST = "UPDATE parties SET last_message_id = ?, last_at = MAX(?, COALESCE(last_at, '')) WHERE klien_id = ? AND id = ?"
_OF_KLIEN = f"{MESSAGE} WHERE messages.klien_id = ?"
_ONE = f"{_OF_KLIEN} AND messages.id = ?"
_BY_WA_ID = f"{_OF_KLIEN} AND messages.chat_id = ? AND messages.wa_id = ?"
_NAMED = """
    SELECT messages.id FROM parties CROSS JOIN messages ON messages.chat_id = parties.id AND messages.wa_id = ?
    WHERE parties.klien_id = ? ORDER BY messages.id LIMIT ?
"""  # chat by chat, for which there is an index: not through all messages of the klien
_BY_MEDIA = f"{_OF_KLIEN} AND messages.media_id = ? ORDER BY messages.id"
_BY_KEY = f"{_OF_KLIEN} AND messages.key = ?"
_NEXT_DUE = f"""{_OF_KLIEN} AND messages.status = 'queued' AND (messages.send_at IS NULL OR messages.send_at <= ?)
    ORDER BY messages.due_at, messages.id LIMIT 1
"""
_POSITION = """
    SELECT COUNT(*) AS n FROM messages AS it JOIN messages AS other ON other.klien_id = it.klien_id
        AND other.status = 'queued' AND (other.due_at, other.id) < (it.due_at, it.id)
    WHERE it.klien_id = ? AND it.id = ?
"""
_NEXT = """
    SELECT {0} AS at FROM messages WHERE klien_id = ? AND status = 'queued' AND {0} IS NOT NULL ORDER BY {1} LIMIT 1
"""
_NEXT_SEND, _NEXT_EXPIRY = _NEXT.format("send_at", "due_at"), _NEXT.format("expires_at", "expires_at")
_WAITING = """
    SELECT id FROM kliens WHERE EXISTS (SELECT 1 FROM messages WHERE klien_id = kliens.id AND status = 'queued')
    ORDER BY id
"""
_SAME_WA_ID = """
    SELECT id, source FROM messages WHERE klien_id = ? AND wa_id = ? AND id <> ?
        AND chat_id = (SELECT chat_id FROM messages WHERE klien_id = ? AND id = ? AND status IN ({}))
"""
_DROP = "DELETE FROM messages WHERE klien_id = ? AND id = ?"
_LOSE_WA_ID = "UPDATE messages SET wa_id = NULL WHERE klien_id = ? AND id = ?"
_MOVE = """
    UPDATE messages SET status = ?, status_at = ?, error = ?, wa_id = COALESCE(?, wa_id),
        at = COALESCE(?, at), sending_at = COALESCE(?, sending_at), sent_at = COALESCE(?, sent_at),
        tries = tries + (? = 'sending')
    WHERE klien_id = ? AND id = ? AND status IN ({}) RETURNING id
"""
_EXPIRE = """
    UPDATE messages SET status = 'expired', error = 'expired', status_at = ? WHERE id IN (
        SELECT id FROM messages WHERE klien_id = ? AND status = 'queued' AND expires_at <= ?
        ORDER BY expires_at LIMIT ?
    ) RETURNING id
"""
_FAIL = """
    UPDATE messages SET status = 'failed', error = ?, status_at = ? WHERE id IN (
        SELECT id FROM messages WHERE klien_id = ? AND status = 'queued' ORDER BY due_at, id LIMIT ?
    ) RETURNING id
"""
_INTERRUPTED = """
    UPDATE messages SET status = 'uncertain', error = 'interrupted', status_at = ? WHERE id IN (
        SELECT messages.id FROM kliens CROSS JOIN messages ON klien_id = kliens.id AND status = 'sending'
    ) RETURNING id, klien_id
"""
_SENT_SINCE = "SELECT COUNT(*) AS n FROM messages WHERE klien_id = ? AND sent_at >= ?"
_HAS_WRITTEN = """
    SELECT EXISTS (SELECT 1 FROM messages WHERE +klien_id = ? AND chat_id = ?
                   AND (source <> 'api' OR sent_at IS NOT NULL)) AS has_written
"""  # + keeps SQLite from looking through all of the klien's
_UNCERTAIN = f"""{_OF_KLIEN} AND messages.status = 'uncertain' AND messages.chat_id = ? AND messages.sending_at >= ?
    ORDER BY messages.sending_at, messages.id
"""


async def accept(klien_id: int, new: NewMessage) -> Message:
    """Queued from now on, and the last one of its chat.

    Raises:
        NotFound: this klien has no such chat or no such media (any more).
        StoreError: the key is taken; ask `by_key` first, in the same transaction.
    """
    content = content_column(new.content, new.forwards)
    values: list[Any] = [new.kind, new.text, content, new.media_id, new.reply_to]
    values += [
        json.dumps(list(new.mentions)),
        new.now,
        new.send_at,
        max(new.send_at or new.now, new.now),
        new.expires_at,
    ]
    values += [new.key, new.fingerprint, new.now, new.chat_id, klien_id, new.media_id, new.media_id]
    _, rows = await connected().execute_query(_ACCEPT, values)
    if not rows:
        raise NotFound
    await connected().execute_query(_LAST, [rows[0]["id"], new.now, klien_id, new.chat_id])
    return await _existing(klien_id, rows[0]["id"])


async def by_key(klien_id: int, key: str) -> tuple[Message, str] | None:
    """What was accepted by the request with this key, and that request's fingerprint."""
    rows = await look_up(_BY_KEY, [klien_id, key])
    return (message_of(rows[0]), rows[0]["fingerprint"] or "") if rows else None


async def get(klien_id: int, message_id: int) -> Message | None:
    return await _message(_ONE, klien_id, message_id)


async def by_wa_id(klien_id: int, chat_id: int, wa_id: str) -> Message | None:
    return await _message(_BY_WA_ID, klien_id, chat_id, wa_id)


async def named(klien_id: int, wa_id: str, limit: int) -> list[Message]:
    """Those with that id, of all chats: whoever writes chooses the ids of what he writes, so there may be several."""
    _, rows = await connected().execute_query(_NAMED, [wa_id, klien_id, limit])
    found = await several(klien_id, [row["id"] for row in rows])
    return [found[each] for each in sorted(found)]


async def by_media(klien_id: int, media_id: int) -> list[Message]:
    """Those that have this file."""
    return await _messages(_BY_MEDIA, klien_id, media_id)


async def several(klien_id: int, ids: Sequence[int]) -> dict[int, Message]:
    """By id, those of them that there are."""
    question = f"{_OF_KLIEN} AND messages.id IN ({_marks(ids)})"
    return {message.id: message for message in await _messages(question, klien_id, *ids)} if ids else {}


async def page(
    klien_id: int, *, chat: int | None, direction: str | None, status: str | None, since: int, limit: int
) -> list[Message]:
    """Those whose id is above `since`, oldest first; None: of whatever chat, direction or status."""
    wanted = {"chat_id": chat, "direction": direction, "status": status}
    filters = {name: value for name, value in wanted.items() if value is not None}
    conditions = "".join(f" AND messages.{name} = ?" for name in filters)
    question = f"{_OF_KLIEN}{conditions} AND messages.id > ? ORDER BY messages.id LIMIT ?"
    return await _messages(question, klien_id, *filters.values(), since, limit)


async def position(klien_id: int, message_id: int) -> int:
    """How many that wait go before this one."""
    return await _count(_POSITION, klien_id, message_id)


async def next_due(klien_id: int, now: datetime) -> Message | None:
    """The first that may leave now."""
    return await _message(_NEXT_DUE, klien_id, now)


async def next_times(klien_id: int) -> tuple[datetime | None, datetime | None]:
    """When the first of what waits for its time may leave, and when the first runs out. Either may have passed."""
    found = [await look_up(question, [klien_id]) for question in (_NEXT_SEND, _NEXT_EXPIRY)]
    begins, ends = [datetime.fromisoformat(rows[0]["at"]) if rows else None for rows in found]
    return begins, ends


async def kliens_waiting() -> list[int]:
    """Who has something in the queue."""
    _, rows = await connected().execute_query(_WAITING)
    return [row["id"] for row in rows]


async def move(
    klien_id: int,
    message_id: int,
    to: Status,
    now: datetime,
    *,
    error: str | None = None,
    wa_id: str | None = None,
    at: datetime | None = None,
    sending_at: datetime | None = None,
    sent_at: datetime | None = None,
) -> Message | None:
    """As it is then; None: there is no such message, or it may not go there from where it is (`may_become`).

    `error` is what it has from now on, none where None. `wa_id` is this one's, whoever in this chat had it before.
    """
    before = [status for status in Status if may_become(status, to)]
    if wa_id:
        await _free(klien_id, message_id, wa_id, before)
    values: list[Any] = [to, now, error, wa_id, at, sending_at, sent_at, to, klien_id, message_id, *before]
    _, rows = await connected().execute_query(_MOVE.format(_marks(before)), values)
    return await _existing(klien_id, message_id) if rows else None


async def expire_due(klien_id: int, now: datetime, limit: int = LOT) -> list[Message]:
    """Those that waited past their time, now `expired`; as many as `limit`: there may be more."""
    return await _changed(klien_id, _EXPIRE, now, klien_id, now, limit)


async def fail_waiting(klien_id: int, code: str, now: datetime, limit: int = LOT) -> list[Message]:
    """Those in the queue, now `failed` for this reason; as many as `limit`: there may be more."""
    return await _changed(klien_id, _FAIL, code, now, klien_id, limit)


async def interrupted(now: datetime) -> list[Message]:
    """At start: what was on its way when the program stopped, of whichever klien, now `uncertain`."""
    _, rows = await connected().execute_query(_INTERRUPTED, [now])
    found = [await get(row["klien_id"], row["id"]) for row in sorted(rows, key=lambda row: row["id"])]
    return [message for message in found if message]


async def count_sent_since(klien_id: int, moment: datetime) -> int:
    """How many of those accepted by us have left since then."""
    return await _count(_SENT_SINCE, klien_id, moment)


async def has_written_with(klien_id: int, chat_id: int) -> bool:
    """Whether anything ever came from this chat or left for it, from us or from the phone."""
    rows = await look_up(_HAS_WRITTEN, [klien_id, chat_id])
    return bool(rows[0]["has_written"])


async def uncertain_in(klien_id: int, chat_id: int, since: datetime) -> list[Message]:
    """Those in this chat that may have left since then, in the order of sending."""
    return await _messages(_UNCERTAIN, klien_id, chat_id, since)


async def _free(klien_id: int, message_id: int, wa_id: str, before: Sequence[Status]) -> None:
    """An echo of it goes; a message that was only taken to be it stays, without that id."""
    values = [klien_id, wa_id, message_id, klien_id, message_id, *before]
    _, rows = await connected().execute_query(_SAME_WA_ID.format(_marks(before)), values)
    for row in rows:
        statement = _DROP if row["source"] == Origin.PHONE else _LOSE_WA_ID
        await connected().execute_query(statement, [klien_id, row["id"]])


async def _changed(klien_id: int, statement: str, *values: Any) -> list[Message]:
    _, rows = await connected().execute_query(statement, list(values))
    found = await several(klien_id, [row["id"] for row in rows])
    return [found[each] for each in sorted(found)]


async def _existing(klien_id: int, message_id: int) -> Message:
    return (await _messages(_ONE, klien_id, message_id))[0]


async def _messages(question: str, *values: Any) -> list[Message]:
    _, rows = await connected().execute_query(question, list(values))
    return [message_of(row) for row in rows]


async def _message(question: str, *values: Any) -> Message | None:
    """The only one, found by an index."""
    rows = await look_up(question, values)
    return message_of(rows[0]) if rows else None


async def _count(question: str, *values: Any) -> int:
    _, rows = await connected().execute_query(question, list(values))
    return int(rows[0]["n"])


def _marks(values: Iterable[Any]) -> str:
    return ", ".join("?" for _ in values)
