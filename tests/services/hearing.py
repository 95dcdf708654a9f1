"""What sessions hear, by hand, and an Inbound over the real database that takes it in: for tests without a line."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from structlog.testing import capture_logs

from talkabiz.domain.content import Content, Text
from talkabiz.domain.events import Event
from talkabiz.domain.heard import Heard, MessageHeard, ReceiptHeard, ReceiptType, Source, UndecryptableHeard
from talkabiz.domain.message import Message
from talkabiz.services.inbound import Inbound
from talkabiz.services.journal import Journal
from talkabiz.services.spool import Spool
from talkabiz.store import heard as kept, messages, parties
from talkabiz.store.database import connected
from talkabiz.store.events import last_id
from talkabiz.store.writing import Tell, Writer
from tests.fakes import NOW, ManualClock

ANI = "628111111111@s.whatsapp.net"
ANI_LID = "9111@lid"
BUDI = "628222222222@s.whatsapp.net"
GROUP = "120363000000000001@g.us"
ME = "6281200000001@s.whatsapp.net"
WAIT_SECONDS = 10
_ids = itertools.count(1)


def source(chat: str = ANI, sender: str = "", *, alt: str = "", id_: str = "", from_me: bool = False) -> Source:
    """By Ani, if by nobody else; in a group by whom is named."""
    is_group = chat.endswith("@g.us")
    return Source(
        id=id_ or f"3EB0{next(_ids):04}",
        chat=chat,
        chat_alt="" if is_group else alt,
        sender=ME if from_me else sender or (ANI if is_group else chat),
        sender_alt="" if from_me else alt,
        from_me=from_me,
        is_group=is_group,
        at=NOW - timedelta(seconds=5),
        push_name="Toko" if from_me else "Ani",
    )


def message(content: Content | str, where: Source | None = None, **more: Any) -> MessageHeard:
    said = Text(content) if isinstance(content, str) else content
    return MessageHeard(where or source(), said, more.pop("reply_to", ""), b"raw", **more)


def undecryptable(where: Source, *, is_hidden: bool = False) -> UndecryptableHeard:
    return UndecryptableHeard(where, is_hidden)


def receipt(type_: ReceiptType, *ids: str, chat: str = ANI, sender: str = "", from_me: bool = False) -> ReceiptHeard:
    return ReceiptHeard(ids, type_, chat, ME if from_me else sender or chat, "", from_me, NOW)


@dataclass
class Words:
    """The port as far as it reads: bytes stand for what was heard. `groups`: what is told of them."""

    said: dict[bytes, Heard | Exception | None] = field(default_factory=dict)
    groups: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def put(self, heard: Heard | Exception | None) -> bytes:
        data = str(len(self.said)).encode()
        self.said[data] = heard
        return data

    def connect_chats(self, overhear: Callable[[int, str, int, bytes], None]) -> None:
        self.overhear = overhear

    def read(self, _number: int, data: bytes) -> Heard | None:
        said = self.said[data]
        if isinstance(said, Exception):
            raise said
        return said

    async def group_info(self, attempt: str, group: str) -> Any:
        self.asked.append((attempt, group))
        return self.groups[group]


@dataclass
class Hearing:
    words: Words
    inbound: Inbound
    writer: Writer
    journal: Journal
    clock: ManualClock
    events: list[Event]
    settled: list[tuple[int, int, str, datetime]]
    fetches: list[None]

    def hear(self, klien_id: int, *all_: Heard | Exception | None) -> None:
        for each in all_:
            self.words.overhear(klien_id, "attempt", 17, self.words.put(each))

    async def hear_all(self, klien_id: int, *all_: Heard | Exception | None) -> list[Event]:
        """The events that come of it, once all is taken in."""
        before = len(self.events)
        self.hear(klien_id, *all_)
        await self.settle_down()
        return self.events[before:]

    async def settle_down(self) -> None:
        """Until everything was stored and taken in, and what is durable of it was told."""
        async with asyncio.timeout(WAIT_SECONDS):
            while self.inbound.figures.waiting or await kept.next(1) or not await self._has_told():
                await asyncio.sleep(0.005)

    async def _has_told(self) -> bool:
        return max((event.id or 0 for event in self.events), default=0) == await last_id()

    async def wait(self, is_right: Callable[[Event], bool]) -> Event:
        """The first event that is right, of those that came or come."""
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                for event in self.events:
                    if is_right(event):
                        return event
                await asyncio.sleep(0.005)

    async def all(self, klien_id: int, limit: int = 500) -> list[Message]:
        return await messages.page(klien_id, chat=None, direction=None, status=None, since=0, limit=limit)

    async def chat(self, klien_id: int, jid: str = ANI) -> Any:
        party = await parties.find(klien_id, jid)
        found = [chat for chat in await parties.chats(klien_id, None, 100) if party and chat.party.id == party.id]
        return found[0] if found else None


@asynccontextmanager
async def open_hearing(
    words: Words | None = None, writer: type[Writer] = Writer, spool: Spool | None = None
) -> AsyncIterator[Hearing]:
    """Over the database that is open."""
    words, clock, journal = words or Words(), ManualClock(), Journal(net_seconds=0.05)
    events: list[Event] = []
    settled: list[tuple[int, int, str, datetime]] = []
    fetches: list[None] = []

    async def settle(klien_id: int, chat_id: int, wa_id: str, at: datetime, _tell: Tell) -> None:
        settled.append((klien_id, chat_id, wa_id, at))

    async def listen() -> None:
        async for event in journal.reader():
            events.append(event)  # noqa: PERF401 - it never ends

    writes = writer(journal.publish)
    listener = asyncio.create_task(listen())
    while not journal.readers:
        await asyncio.sleep(0)
    inbound = Inbound(
        words,  # type: ignore[arg-type] # as much of it as is used
        writes,
        journal,
        clock,
        settle=settle,
        media_due=lambda: fetches.append(None),
        spool=spool,
    )
    try:
        # What goes wrong on purpose is logged with a traceback, and to draw one takes seconds.
        with capture_logs():
            async with inbound.serving():
                yield Hearing(words, inbound, writes, journal, clock, events, settled, fetches)
    finally:
        listener.cancel()
        await asyncio.gather(listener, return_exceptions=True)


async def count_kept() -> int:
    _, rows = await connected().execute_query("SELECT COUNT(*) AS n FROM heard")
    return int(rows[0]["n"])
