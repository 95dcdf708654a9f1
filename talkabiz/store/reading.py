"""What is unread in a chat, after it was read somewhere else."""

from __future__ import annotations

from talkabiz.domain.message import Direction, Status
from talkabiz.store.arrivals import ABOUT_OTHERS
from talkabiz.store.database import connected

_UNREAD = """
    UPDATE parties SET unread = (
        SELECT COUNT(*) FROM messages WHERE chat_id = parties.id AND id > ? AND direction = ? AND status IN (?, ?)
            AND type NOT IN ({})
    ) WHERE klien_id = ? AND id = ?
"""


async def note_read_up_to(klien_id: int, chat_id: int, message_id: int) -> None:
    """Inside a transaction: of this chat, only what came after this message is unread."""
    about_others = sorted(ABOUT_OTHERS)
    question = _UNREAD.format(", ".join("?" for _ in about_others))
    unread = [message_id, Direction.IN, Status.RECEIVED, Status.UNDECRYPTABLE, *about_others]
    await connected().execute_query(question, [*unread, klien_id, chat_id])
