"""What comes in: messages of others and of the klien's own phone, each once, and what is changed in them later."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from talkabiz.domain.content import Kind
from talkabiz.domain.errors import NotFound
from talkabiz.domain.message import Direction, Message, Origin, Status
from talkabiz.store import messages
from talkabiz.store.database import connected
from talkabiz.store.message_rows import content_column

ABOUT_OTHERS = frozenset({Kind.REACTION, Kind.EDIT, Kind.REVOKE})
"""Kinds that say something of another message: they are neither unread nor the last one of a chat."""


@dataclass(frozen=True, slots=True)
class HeardMessage:
    """`sender_id` None: the klien's own account, by its phone. `at` is WhatsApp's time, `now` ours."""

    chat_id: int
    sender_id: int | None
    source: Origin
    wa_id: str
    kind: Kind
    text: str | None
    at: datetime
    now: datetime
    status: Status
    content: Mapping[str, Any] = field(default_factory=dict)
    media_id: int | None = None
    reply_to: str | None = None
    mentions: Sequence[str] = ()
    forwards: int = 0

    @property
    def direction(self) -> Direction:
        return Direction.IN if self.source is Origin.CONTACT else Direction.OUT


_IS_THERE = "SELECT id, sender_id, status FROM messages WHERE klien_id = ? AND chat_id = ? AND wa_id = ?"
_ADD = """
    INSERT INTO messages (klien_id, chat_id, sender_id, direction, source, wa_id, type, text, content, media_id,
                          reply_to, mentions, status, status_at, tries, at, created_at)
    SELECT klien_id, id, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ? FROM parties WHERE id = ? AND klien_id = ?
    RETURNING id
"""
_REPLACE = """
    UPDATE messages SET sender_id = ?, type = ?, text = ?, content = ?, media_id = ?, reply_to = ?, mentions = ?,
        status = ?, status_at = ?, at = ?
    WHERE klien_id = ? AND id = ?
"""
_COUNT = """
    UPDATE parties SET unread = unread + ?,
        last_message_id = CASE WHEN last_at > ? THEN last_message_id ELSE ? END,
        last_at = CASE WHEN last_at > ? THEN last_at ELSE ? END
    WHERE klien_id = ? AND id = ?
"""
_EDIT = """
    UPDATE messages SET text = ?, edited_at = ? WHERE klien_id = ? AND chat_id = ? AND wa_id = ? AND sender_id IS ?
        AND revoked_at IS NULL AND (edited_at IS NULL OR edited_at <= ?)
    RETURNING id
"""
_REVOKE = """
    UPDATE messages SET revoked_at = ?
    WHERE klien_id = ? AND chat_id = ? AND wa_id = ? AND (sender_id IS ? OR ?) AND revoked_at IS NULL
    RETURNING id
"""


async def take_in(klien_id: int, heard: HeardMessage) -> Message | None:
    """Inside a transaction. None: it was there already. One that couldn't be read gives way to the one by the same
    sender that can be; others may have given theirs its id.

    Counts it as unread where somebody else wrote it, and as the last one of its chat unless a later one is there.

    Raises:
        NotFound: this klien has no such chat (any more).
    """
    _, rows = await connected().execute_query(_IS_THERE, [klien_id, heard.chat_id, heard.wa_id])
    if not rows:
        return await _add(klien_id, heard)
    if rows[0]["status"] != Status.UNDECRYPTABLE or heard.status is Status.UNDECRYPTABLE:
        return None
    if rows[0]["sender_id"] != heard.sender_id:
        return None
    values = [heard.sender_id, *_said(heard), heard.status, heard.now, heard.at, klien_id, rows[0]["id"]]
    await connected().execute_query(_REPLACE, values)
    return await messages.get(klien_id, rows[0]["id"])


async def set_edited(
    klien_id: int, chat_id: int, wa_id: str, *, sender_id: int | None, text: str, at: datetime
) -> Message | None:
    """Inside a transaction: its author gave it another text. `sender_id` None: the klien's account.

    None: there is no such message by this sender, it is revoked, or it was edited later than `at`.
    """
    return await _changed(klien_id, _EDIT, text, at, klien_id, chat_id, wa_id, sender_id, at)


async def set_revoked(
    klien_id: int, chat_id: int, wa_id: str, *, sender_id: int | None, at: datetime, by_admin: bool = False
) -> Message | None:
    """Inside a transaction: its author took it back, or, `by_admin`, somebody who may, whoever wrote it.

    What it said is kept. `sender_id` None: the klien's account. None: there is no such message by this sender, or it
    is revoked already.
    """
    return await _changed(klien_id, _REVOKE, at, klien_id, chat_id, wa_id, sender_id, by_admin)


async def _add(klien_id: int, heard: HeardMessage) -> Message | None:
    values = [heard.sender_id, heard.direction, heard.source, heard.wa_id, *_said(heard)]
    values += [heard.status, heard.now, heard.at, heard.now, heard.chat_id, klien_id]
    _, rows = await connected().execute_query(_ADD, values)
    if not rows:
        raise NotFound
    if heard.kind not in ABOUT_OTHERS:
        unread = int(heard.source is Origin.CONTACT and heard.status in {Status.RECEIVED, Status.UNDECRYPTABLE})
        values = [unread, heard.at, rows[0]["id"], heard.at, heard.at, klien_id, heard.chat_id]
        await connected().execute_query(_COUNT, values)
    return await messages.get(klien_id, rows[0]["id"])


def _said(heard: HeardMessage) -> list[Any]:
    content, mentions = content_column(heard.content, heard.forwards), json.dumps(list(heard.mentions))
    return [heard.kind, heard.text, content, heard.media_id, heard.reply_to, mentions]


async def _changed(klien_id: int, statement: str, *values: Any) -> Message | None:
    _, rows = await connected().execute_query(statement, list(values))
    return await messages.get(klien_id, rows[0]["id"]) if rows else None
