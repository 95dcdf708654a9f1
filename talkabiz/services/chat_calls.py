"""What is done in a chat at once, or not at all: marking as read, typing, looking at somebody's presence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from functools import partial

import structlog

from talkabiz.domain.answers import CallFailed
from talkabiz.domain.errors import IllegalState, Unreachable
from talkabiz.domain.message import Direction, Message, Status
from talkabiz.domain.message_errors import NOT_CONNECTED, NOT_RECEIVED
from talkabiz.domain.wish_contents import wrong
from talkabiz.services import records
from talkabiz.services.conversations import Conversations
from talkabiz.services.links import Links
from talkabiz.services.ports import Clock
from talkabiz.services.visibility import ONLINE_SECONDS, Visibility
from talkabiz.store import messages
from talkabiz.store.reading import note_read_up_to
from talkabiz.store.writing import Tell, Writer

TYPING = ("composing", "recording", "paused")
MOST_READ = 200
"""Messages that are marked at once; of more, one lot after the other."""

log = structlog.get_logger(__name__)


class ChatCalls:
    def __init__(
        self,
        conversations: Conversations,
        links: Links,
        writer: Writer,
        clock: Clock,
        *,
        online_seconds: float = ONLINE_SECONDS,
    ) -> None:
        self._visibility = Visibility(conversations, links, online_seconds)
        self._conversations = conversations
        self._links = links
        self._writer = writer
        self._clock = clock

    async def mark_read(self, message: Message) -> None:
        """It and all that came before it. WhatsApp first: what it didn't take isn't read. Raises IllegalState,
        Unreachable: then some of them may be read.
        """
        if message.direction is not Direction.IN:
            raise IllegalState(NOT_RECEIVED)
        now, unread = self._clock.now(), await self._unread_up_to(message)
        while unread and unread[-1].id < message.id:
            await self._mark_read(message, unread, unread[-1].id, now)
            unread = await self._unread_up_to(message, unread[-1].id)
        await self._mark_read(message, unread, message.id, now)

    async def show_typing(self, klien_id: int, chat: str, state: str) -> None:
        if state not in TYPING:
            raise wrong("state", f"salah satu dari {', '.join(TYPING)}", f"one of {', '.join(TYPING)}")
        await self._call(klien_id, lambda attempt: self._conversations.show_typing(attempt, chat, state))

    async def watch_presence(self, klien_id: int, who: str) -> None:
        """It is told to those alone who are shown as online themselves: so is this klien, for ONLINE_SECONDS."""
        if who.endswith("@g.us"):
            raise wrong("chat", "bukan alamat orang", "not a person's address")
        with suppress(Unreachable):  # who isn't shown may still have been shown before
            await self._call(klien_id, lambda attempt: self._visibility.show(klien_id, attempt))
        await self._call(klien_id, lambda attempt: self._conversations.subscribe_presence(attempt, who))

    async def close(self) -> None:
        """At the end, before the links are closed."""
        await self._visibility.close()

    async def _mark_read(self, message: Message, unread: list[Message], up_to: int, now: datetime) -> None:
        """These, of the chat of `message`; `up_to` is the last message there that is read by that."""
        for sender, ids in _by_sender(unread).items():
            tell = partial(self._conversations.mark_read, ids=ids, at=now, chat=message.chat.jid, sender=sender)
            await self._call(message.klien_id, tell)

        async def job(tell: Tell) -> None:
            for each in unread:
                if moved := await messages.move(each.klien_id, each.id, Status.READ, now):
                    await records.tell_moved(tell, moved)
            await note_read_up_to(message.klien_id, message.chat.id, up_to)

        await self._writer.write(job)

    async def _unread_up_to(self, message: Message, since: int = 0) -> list[Message]:
        """The first of them that came after `since`."""
        if message.status is not Status.RECEIVED:
            return []
        found = await messages.page(
            message.klien_id,
            chat=message.chat.id,
            direction=Direction.IN.value,
            status=Status.RECEIVED.value,
            since=since,
            limit=MOST_READ,
        )
        return [each for each in found if each.id <= message.id]

    async def _call(self, klien_id: int, call: Callable[[str], Awaitable[None]]) -> None:
        attempt = self._links.attempt_of(klien_id)
        if attempt is None:
            raise IllegalState(NOT_CONNECTED)
        try:
            await call(attempt)
        except CallFailed as failure:
            log.warning("chat_call_failed", klien_id=klien_id, code=failure.code)
            raise IllegalState(NOT_CONNECTED) if failure.code == "not_connected" else Unreachable from None


def _by_sender(found: list[Message]) -> dict[str, list[str]]:
    """WhatsApp's ids; in a group by who wrote them, with a person under nobody."""
    ids: defaultdict[str, list[str]] = defaultdict(list)
    for message in found:
        if message.wa_id:
            ids[message.sender.jid if message.chat.is_group else ""].append(message.wa_id)
    return ids
