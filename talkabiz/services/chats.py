"""Chats, as people and programs look at them: who was written with last, and who is there right now."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from talkabiz.domain.chats import Chat
from talkabiz.domain.errors import InvalidInput
from talkabiz.domain.ids import LARGEST_ID
from talkabiz.store import parties

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_CURSOR = re.compile(r"([0-9]{1,17})-([0-9]{1,19})", re.ASCII)


class Chats:
    async def page(self, klien_id: int, cursor: str | None, limit: int) -> tuple[list[Chat], str | None]:
        """Up to `limit` chats, the newest first, and the cursor to go on after; None: that was the end.

        Raises:
            InvalidInput: that is no cursor.
        """
        found = await parties.chats(klien_id, parse_cursor(cursor) if cursor is not None else None, limit + 1)
        shown = found[:limit]
        return shown, make_cursor(shown[-1]) if len(found) > limit else None


def make_cursor(chat: Chat) -> str:
    """Microseconds since 1970 when something was last said in it, and its party's id."""
    return f"{(chat.last_at - _EPOCH) // _TICK}-{chat.party.id}"


def parse_cursor(text: str) -> tuple[datetime, int]:
    """Raises InvalidInput."""
    match = _CURSOR.fullmatch(text)
    if not match or int(match[2]) > LARGEST_ID:
        raise InvalidInput(fields={"cursor": "What `next` of the page before says."})
    return _EPOCH + int(match[1]) * _TICK, int(match[2])
