"""Edits and revocations that came before the message that they mean: out of order, or it couldn't be read at first."""

from __future__ import annotations

from talkabiz.domain.message import Message
from talkabiz.store.database import connected
from talkabiz.store.message_rows import MESSAGE, message_of

RECENT = 100
"""How many messages of the chat are looked through."""

_AMENDMENTS = f"""{MESSAGE} WHERE messages.klien_id = ? AND messages.id IN (
        SELECT id FROM (SELECT id, type, content FROM messages WHERE chat_id = ? ORDER BY id DESC LIMIT ?)
        WHERE type IN ('edit', 'revoke') AND json_extract(content, '$.wa_id') = ?
    ) ORDER BY messages.id
"""  # noqa: S608 - columns of our own


async def amendments(klien_id: int, chat_id: int, wa_id: str) -> list[Message]:
    """Those of this message, oldest first, among the latest RECENT of its chat; whoever they are from."""
    _, rows = await connected().execute_query(_AMENDMENTS, [klien_id, chat_id, RECENT, wa_id])
    return [message_of(row) for row in rows]
