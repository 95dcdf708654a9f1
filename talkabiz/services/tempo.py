"""How fast one klien has been sending, and so when its next message may go. It forgets with the process, but for what
the tables tell.
"""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime

from talkabiz.domain import pacing
from talkabiz.domain.message import Message
from talkabiz.domain.pacing import History, Pacing
from talkabiz.services.paces import Paces
from talkabiz.store import messages

MOST_CHATS = 1000
"""Of those that are known to be no strangers. The tables know them all."""


class Tempo:
    def __init__(self, klien_id: int, paces: Paces) -> None:
        self._klien_id = klien_id
        self._paces = paces
        self._history: History | None = None
        self._settings = Pacing()
        self._familiar: set[int] = set()

    async def when(self, now: datetime, *, is_new: bool, unstored: int) -> datetime:
        """When the next message may go; `unstored`: so many have gone that the tables don't have yet."""
        self._settings = settings = (await self._paces.of(self._klien_id)).settings
        if self._history is None:
            self._history = pacing.begun(now, settings, await self._lately(now, settings), _chance())
        today = await self._paces.sent_today(self._klien_id, now, settings) + unstored
        return pacing.when(now, settings, replace(self._history, is_new=is_new, sent_today=today))[0]

    async def is_new(self, message: Message) -> bool:
        """Whether it is for somebody who never wrote, and whom nobody ever wrote to."""
        chat = message.chat
        if chat.is_group or chat.id in self._familiar:
            return False
        if not await messages.has_written_with(self._klien_id, chat.id):
            return True
        self.note_familiar(message)
        return False

    def note_sent(self, now: datetime) -> None:
        """Whatever comes of it: for WhatsApp it is a message. After `when`."""
        assert self._history  # noqa: S101 - as it says
        self._history = pacing.after(now, self._settings, self._history, _chance())

    def note_familiar(self, message: Message) -> bool:
        """Whether he was a stranger until now."""
        chat = message.chat
        if chat.is_group or chat.id in self._familiar:
            return False
        if len(self._familiar) >= MOST_CHATS:
            self._familiar.clear()
        self._familiar.add(chat.id)
        return True

    async def _lately(self, now: datetime, settings: Pacing) -> int:
        """How many went before this process began, of those that still count."""
        if not settings.per_minute:
            return 0
        return await messages.count_sent_since(self._klien_id, now - pacing.memory(settings))


def _chance() -> float:
    return random.random()  # noqa: S311 - jitter
