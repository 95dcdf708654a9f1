"""All that chats need, put together: what is sent, what comes in, and the files of both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from talkabiz.services import records
from talkabiz.services.acceptance import Acceptance
from talkabiz.services.allowances import Allowances
from talkabiz.services.chat_calls import ChatCalls
from talkabiz.services.chats import Chats
from talkabiz.services.contacts import Contacts
from talkabiz.services.conversations import Conversations
from talkabiz.services.delivery import Delivery
from talkabiz.services.inbound import HeardFigures, Inbound
from talkabiz.services.journal import Journal
from talkabiz.services.links import Links
from talkabiz.services.media import MediaStore
from talkabiz.services.media_arrivals import Arrivals
from talkabiz.services.media_sweeping import Sweeper
from talkabiz.services.messages import Messages
from talkabiz.services.outbox import DRAIN_SECONDS, Outbox
from talkabiz.services.paces import Paces
from talkabiz.services.ports import Clock
from talkabiz.services.previews import Previews
from talkabiz.services.retention import KeepDays, Retention
from talkabiz.services.spool import Spool
from talkabiz.services.turns import Room
from talkabiz.store import messages
from talkabiz.store.writing import Tell, Writer


@dataclass(frozen=True, slots=True)
class Rooms:
    """What the edges ask for."""

    messages: Messages
    contacts: Contacts
    chats: Chats
    outbox: Outbox


class Chatting:
    """Hears from the moment it is made; `hearing` and `open` are entered once each, in this order."""

    def __init__(
        self,
        conversations: Conversations,
        media: MediaStore,
        *,
        writer: Writer,
        journal: Journal,
        clock: Clock,
        spool: Spool | None = None,
        keep: KeepDays | None = None,
    ) -> None:
        self.media = media
        self._conversations = conversations
        self._writer = writer
        self._journal = journal
        self._clock = clock
        self._retention = Retention(writer, clock, keep or KeepDays())
        self._outbox: Outbox | None = None
        self._inbound = Inbound(
            conversations, writer, journal, clock, settle=self._settle, media_due=media.wake, spool=spool
        )

    @property
    def heard(self) -> HeardFigures:
        return self._inbound.figures

    @property
    def queues(self) -> int:
        """Kliens that have messages waiting, or on their way."""
        return self._outbox.running if self._outbox else 0

    def hearing(self) -> AbstractAsyncContextManager[None]:
        """Take in what comes. To be left when nothing can come any more: what is heard until then is stored."""
        return self._inbound.serving()

    @asynccontextmanager
    async def open(
        self, links: Links, allowances: Allowances, drain_seconds: float = DRAIN_SECONDS
    ) -> AsyncIterator[Rooms]:
        """Before any session is restored. At the end, what is being sent gets so long, and sessions have to be there
        until then.
        """
        conversations, writer, clock = self._conversations, self._writer, self._clock
        paces = Paces(writer, links.session_of, clock, limit=links.limit)
        previews = Previews(self.media.fetch, self.media.on_thread)
        delivery = Delivery(conversations, self.media, previews, writer, clock)
        outbox = Outbox(Room(delivery, paces, writer, clock, links.session_of), self._journal)
        acceptance = Acceptance(links, paces, self.media, writer, clock)
        calls = ChatCalls(conversations, links, writer, clock)
        arrivals = Arrivals(self.media, writer, clock, conversations, connected=links.connected, changed=_tell_of_file)
        rooms = Rooms(
            Messages(acceptance, outbox, paces, calls, writer=writer, clock=clock),
            Contacts(conversations, links, paces, writer=writer, clock=clock, allowances=allowances),
            Chats(),
            outbox,
        )
        tasks = [
            asyncio.create_task(arrivals.run(), name="fetch files that came in"),
            asyncio.create_task(Sweeper(self.media, writer, clock).run(), name="sweep files"),
            asyncio.create_task(self._retention.run(), name="delete what is old"),
        ]
        try:
            self._outbox, readers = outbox, self._journal.readers
            async with outbox.serving(drain_seconds):
                while self._journal.readers == readers:  # noqa: ASYNC110 - who counts readers after us counts its own
                    await asyncio.sleep(0)
                yield rooms
        finally:
            await calls.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _settle(self, klien_id: int, chat_id: int, wa_id: str, at: datetime, tell: Tell) -> object:
        """Before the outbox is there nothing is uncertain that the last process sent; it looks at receipts first."""
        return await self._outbox.settle(klien_id, chat_id, wa_id, at, tell) if self._outbox else None


async def _tell_of_file(tell: Tell, klien_id: int, media_id: int) -> None:
    """That the file of a message has come, or won't."""
    for message in await messages.by_media(klien_id, media_id):
        await records.tell_moved(tell, message)
