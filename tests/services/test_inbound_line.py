"""What comes in, through the real library, from virtual phones."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from talkabiz.domain.content import Contact, Content, Edit, Kind, Location, Poll, Reaction, Ref, Revoke, Text
from talkabiz.domain.events import Event
from talkabiz.domain.message import Message
from talkabiz.services.inbound import Inbound
from talkabiz.store import heard as kept, media, messages
from talkabiz.store.writing import Tell
from tests.services.line import ANI, BUDI, OTHER_SHOP, SHOP, Line, jid

from talkabiz.sandbox.chats import Attachment  # isort: skip # needs the library, which the line loads


@dataclass
class Desk:
    """A line with an Inbound on it."""

    line: Line
    inbound: Inbound
    settled: list[tuple[Any, ...]] = field(default_factory=list)

    async def says(self, content: Content, to: str = SHOP, by: str = ANI, reply_to: str | None = None) -> str:
        return (await self.line.world.chats.send(by, to, content, reply_to)).id

    async def told(self, is_right: Callable[[dict[str, Any]], bool], type_: str = "message") -> dict[str, Any]:
        return (await self.line.wait(lambda event: event.type == type_ and is_right(event.data))).data

    async def told_of(self, wa_id: str, type_: str = "message") -> dict[str, Any]:
        return await self.told(lambda data: data["wa_id"] == wa_id, type_)

    def types(self, *names: str) -> list[Event]:
        return [event for event in self.line.events if event.type in names]

    async def rows(self, klien_id: int) -> list[Message]:
        return await messages.page(klien_id, chat=None, direction=None, status=None, since=0, limit=500)


@pytest.fixture(name="desk")
async def _desk(line: Line) -> AsyncIterator[Desk]:
    settled: list[tuple[Any, ...]] = []

    async def settle(klien_id: int, chat_id: int, wa_id: str, at: datetime, _tell: Tell) -> None:
        settled.append((klien_id, chat_id, wa_id, at))

    inbound = Inbound(line.conversations, line.writer, line.journal, line.clock, settle=settle, media_due=lambda: None)
    async with inbound.serving():
        yield Desk(line, inbound, settled)


async def test_each_kind_that_a_phone_sends_arrives_as_documented(desk: Desk) -> None:
    klien_id = await desk.line.link()
    first = await desk.says(Text("halo"))
    told = await desk.told_of(first)
    lid = str(desk.line.world.phones.get(ANI).lid)
    ani = {"phone": ANI, "lid": lid, "jid": jid(ANI), "name": "Ani"}
    assert told["chat"] == told["from"] == ani
    assert told["to"]["phone"] == SHOP
    expected = {"type": "text", "text": "halo", "status": "received", "direction": "in", "source": "contact"}
    assert {name: told[name] for name in expected} == expected
    about = {"wa_id": first, "message_id": told["id"]}
    place = {"latitude": -6.2, "longitude": 106.8, "name": "Monas", "address": ""}
    kinds: list[tuple[Content, str | None, dict[str, Any]]] = [
        (Location(-6.2, 106.8, "Monas"), None, place),
        (Contact("Cici", "BEGIN:VCARD\nEND:VCARD"), None, {"name": "Cici", "vcard": "BEGIN:VCARD\nEND:VCARD"}),
        (Poll("Kapan?", ("Senin", "Selasa"), 1), "Kapan?", {"options": ["Senin", "Selasa"], "choices": 1}),
        (Reaction(Ref(first), "👍"), "👍", about),
        (Edit(Ref(first), "halo!"), "halo!", about),
        (Revoke(Ref(first)), None, about),
    ]
    for content, text, shape in kinds:
        told = await desk.told_of(await desk.says(content))
        assert (told["type"], told["text"], told["content"]) == (content.kind.value, text, shape)
    told = await desk.told(lambda data: bool(data["revoked_at"]), "message_status")
    assert (told["wa_id"], told["text"], bool(told["edited_at"])) == (first, "halo!", True)
    answer = await desk.told_of(await desk.says(Text("ya"), reply_to=first))
    assert answer["reply_to"] == first
    assert len(await desk.rows(klien_id)) == 8
    assert await kept.count() == 0


@pytest.mark.parametrize("kind", [Kind.IMAGE, Kind.VOICE, Kind.DOCUMENT])
async def test_a_file_arrives_and_can_be_fetched(desk: Desk, kind: Kind) -> None:
    klien_id = await desk.line.link()
    data = os.urandom(50_000)
    sent = await desk.line.world.chats.send_media(
        ANI, SHOP, Attachment(kind, data, "application/pdf", "a.pdf", "lihat")
    )
    told = await desk.told_of(sent.id)
    assert (told["type"], told["media"]["status"]) == (kind.value, "pending")
    assert told["media"]["sha256"] == hashlib.sha256(data).hexdigest()
    (row,) = await media.due(desk.line.clock.now(), 10, [klien_id])
    assert await desk.line.conversations.download(await desk.line.attempt(klien_id), row.source or b"") == data


async def test_what_the_own_phone_sends_and_reads_is_known(desk: Desk) -> None:
    klien_id = await desk.line.link()
    await desk.line.world.chats.set_chats(SHOP, chats=True)
    asked = await desk.says(Text("ada?"))
    await desk.told_of(asked)
    await desk.line.shown_text(SHOP, "ada?")
    typed = await desk.says(Text("ada"), to=ANI, by=SHOP)
    told = await desk.told_of(typed)
    assert (told["direction"], told["source"], told["status"], told["to"]["phone"]) == ("out", "phone", "sent", ANI)
    assert told["from"]["phone"] == SHOP
    delivered = await desk.told_of(typed, "message_status")
    assert delivered["status"] == "delivered"
    await desk.line.world.chats.read(SHOP, asked, "read")
    assert (await desk.told_of(asked, "message_status"))["status"] == "read"
    assert [row.chat.name for row in await desk.rows(klien_id)] == ["Ani", "Ani"]


async def test_a_group_has_its_name_and_its_people(desk: Desk) -> None:
    klien_id = await desk.line.link()
    group = await desk.line.world.chats.create_group(ANI, "Pelanggan", [SHOP, BUDI])
    first = await desk.told_of(await desk.says(Text("halo"), to=group.jid))
    assert (first["chat"]["jid"], first["from"]["phone"], first["to"]) == (group.jid, ANI, first["chat"])
    second = await desk.told_of(await desk.says(Text("hai"), to=group.jid, by=BUDI))
    assert (second["from"]["phone"], second["from"]["name"]) == (BUDI, "Budi")
    async with asyncio.timeout(10):
        while {row.chat.name for row in await desk.rows(klien_id)} != {"Pelanggan"}:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("fault", ["duplicate", "reorder", "offline_backlog"])
async def test_each_message_is_there_once_whatever_way_it_takes(desk: Desk, fault: str) -> None:
    klien_id = await desk.line.link()
    await desk.told_of(await desk.says(Text("mula")))
    desk.line.fault(fault, SHOP, count=4)
    ids = [await desk.says(Text(str(number))) for number in range(8)]
    for wa_id in ids:
        await desk.told_of(wa_id)
    await desk.told_of(await desk.says(Text("akhir")))
    found = [row.wa_id for row in await desk.rows(klien_id) if row.text not in {"mula", "akhir"}]
    assert sorted(map(str, found)) == sorted(ids)
    assert fault == "reorder" or found == ids
    assert len(desk.types("message")) == 10


async def test_what_cannot_be_decrypted_is_shown_until_it_comes_again(desk: Desk) -> None:
    klien_id = await desk.line.link()
    await desk.told_of(await desk.says(Text("mula")))
    desk.line.fault("undecryptable", SHOP, count=1)
    wa_id = await desk.says(Text("rahasia"))
    shown = await desk.told(lambda data: data["wa_id"] == wa_id and data["status"] == "undecryptable")
    told = await desk.told(lambda data: data["wa_id"] == wa_id and data["status"] == "received")
    assert (told["id"], told["text"]) == (shown["id"], "rahasia")
    assert [row.text for row in await desk.rows(klien_id)] == ["mula", "rahasia"]


async def test_what_one_klien_hears_no_other_one_has(desk: Desk) -> None:
    kliens = {number: await desk.line.link(number) for number in (SHOP, OTHER_SHOP)}
    for number in kliens:
        await desk.told_of(await desk.says(Text(number), to=number))
    for number, klien_id in kliens.items():
        assert [row.text for row in await desk.rows(klien_id)] == [number]
        assert {event.klien_id for event in desk.types("message") if event.data["text"] == number} == {klien_id}


async def test_what_comes_while_the_session_ends_is_not_lost(desk: Desk) -> None:
    """The library has acknowledged what it hands over, also after it was told to end."""
    klien_id = await desk.line.link()
    await desk.told_of(await desk.says(Text("mula")))
    ids: list[str] = []

    async def write() -> None:
        for number in range(40):
            ids.append(await desk.says(Text(str(number))))  # noqa: PERF401 - the others look at it meanwhile

    writing = asyncio.create_task(write())
    while len(ids) < 10:
        await asyncio.sleep(0)
    await desk.line.sessions.stop(klien_id)
    await writing
    await desk.line.sessions.start(klien_id)
    for wa_id in ids:
        await desk.told_of(wa_id)
    assert [row.wa_id for row in await desk.rows(klien_id)][1:] == ids


async def test_how_long_it_takes_until_it_is_stored_is_measured(desk: Desk) -> None:
    await desk.line.link()
    ids = [await desk.says(Text(str(number))) for number in range(20)]
    await desk.told_of(ids[-1])
    stored = desk.inbound.figures.stored
    assert stored.count >= 20
    assert stored.buckets()[-1] == ("+Inf", stored.count)
    assert 0 < stored.longest_seconds < 5


async def test_who_is_online_is_told_to_who_looks(desk: Desk) -> None:
    klien_id = await desk.line.link()
    await desk.told_of(await desk.says(Text("halo")))
    attempt = await desk.line.attempt(klien_id)
    await desk.line.conversations.subscribe_presence(attempt, jid(ANI))
    told = await desk.told(lambda data: data["online"] is not None, "presence")
    assert (told["who"]["phone"], told["who"]["name"], told["klien_id"]) == (ANI, "Ani", klien_id)
    assert await kept.count() == 0
