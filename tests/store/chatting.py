"""Short ways to fill the tables of messages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from talkabiz.domain.content import Kind
from talkabiz.domain.message import Message, Origin, Party, Status
from talkabiz.store import arrivals, messages, parties
from talkabiz.store.arrivals import HeardMessage
from talkabiz.store.database import connected, transaction
from talkabiz.store.messages import NewMessage
from tests.store.conftest import NOW

NUMBER, LID, GROUP = "628111222@s.whatsapp.net", "987@lid", "120363@g.us"
NUMBER_OF_OTHER = "628222333@s.whatsapp.net"


async def meet(klien_id: int, jid: str = "628111222@s.whatsapp.net", alt: str = "", name: str | None = None) -> Party:
    async with transaction():
        return await parties.known(klien_id, jid=jid, alt=alt, name=name)


async def accept(klien_id: int, chat: Party, text: str = "Halo", **more: Any) -> Message:
    new = replace(NewMessage(chat_id=chat.id, kind=Kind.TEXT, text=text, now=NOW), **more)
    async with transaction():
        return await messages.accept(klien_id, new)


async def move(klien_id: int, message: Message, *way: Status, **more: Any) -> Message | None:
    moved = None
    for to in way:
        async with transaction():
            moved = await messages.move(klien_id, message.id, to, more.pop("now", NOW), **more)
    return moved


async def hear(klien_id: int, chat: Party, wa_id: str = "3EB0", text: str = "Halo juga", **more: Any) -> Message | None:
    heard = HeardMessage(
        chat_id=chat.id,
        sender_id=chat.id,
        source=Origin.CONTACT,
        wa_id=wa_id,
        kind=Kind.TEXT,
        text=text,
        at=NOW,
        now=NOW,
        status=Status.RECEIVED,
    )
    async with transaction():
        return await arrivals.take_in(klien_id, replace(heard, **more))


async def rows(question: str, *values: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in (await connected().execute_query(question, list(values)))[1]]
