"""Earlier messages sent on to another chat, on a real line: what the phone there gets to see."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from talkabiz.domain.content import Contact, Kind, Location, Media, Text
from talkabiz.domain.wishes import Forward
from tests.services.line import ANI, BUDI, SHOP, Line
from tests.services.talking import Talk, open_talk

from talkabiz.sandbox.chats import Attachment  # isort: skip # needs the library, which the line loads

VCARD = "BEGIN:VCARD\nVERSION:3.0\nFN:Cici\nEND:VCARD"


@pytest.fixture(name="talk")
async def _talk(line: Line, tmp_path: Path) -> AsyncIterator[Talk]:
    async with open_talk(line, tmp_path) as talk:
        yield talk


async def test_a_text_of_ours_arrives_elsewhere_as_forwarded(talk: Talk) -> None:
    shop = await talk.link()
    first = await talk.told(await talk.send(shop, "ada promo"), "delivered")
    assert not first["forwarded"]
    assert not (await talk.line.shown_text(ANI, "ada promo")).forwards
    for n, reference in enumerate((first["id"], first["wa_id"]), 1):
        accepted = (await talk.rooms.messages.send(shop, Forward(BUDI, reference))).as_dict()
        assert (accepted["type"], accepted["text"], accepted["forwarded"]) == ("text", "ada promo", True)
        assert accepted["content"] == {}
        assert (await talk.told(accepted["id"], "delivered"))["forwarded"]
        shown = [entry for entry in talk.line.world.chats.handset(BUDI).log.all() if entry.content == Text("ada promo")]
        assert [entry.forwards for entry in shown] == [1] * n


async def test_what_came_in_forwarded_says_so_and_counts_one_more_when_it_is_sent_on(talk: Talk) -> None:
    shop = await talk.link()
    await talk.line.world.chats.send(ANI, SHOP, Text("kabar"), forwards=4)
    heard = await talk.hear(lambda data: data["text"] == "kabar")
    assert heard["forwarded"] is True
    await talk.rooms.messages.send(shop, Forward(BUDI, heard["id"]))
    assert (await talk.line.shown_text(BUDI, "kabar")).forwards == 5


async def test_a_picture_that_came_in_arrives_elsewhere_with_the_same_bytes(talk: Talk) -> None:
    shop = await talk.link()
    data = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40  # a damaged one: it was sent to us, and goes on as it is
    file = Attachment(Kind.IMAGE, data, "image/png", "", "lihat")
    await talk.line.world.chats.send_media(ANI, SHOP, file)
    heard = await talk.hear(lambda data: data["type"] == "image" and data["media"]["status"] == "stored")
    accepted = (await talk.rooms.messages.send(shop, Forward(BUDI, heard["id"]))).as_dict()
    assert accepted["media"]["id"] == heard["media"]["id"]
    entry = await talk.line.shown(BUDI, lambda entry: isinstance(entry.content, Media))
    assert isinstance(entry.content, Media)
    assert (entry.forwards, entry.content.kind, entry.content.caption) == (1, Kind.IMAGE, "lihat")
    assert entry.content.stored.sha256 == hashlib.sha256(data).digest()
    assert (await talk.line.world.chats.media(BUDI, entry.id))[0] == data


async def test_places_and_contacts_go_on_too(talk: Talk) -> None:
    shop = await talk.link()
    place = Location(-6.2, 106.8, "Monas", "Jakarta")
    for content in (place, Contact("Cici", VCARD)):
        sent = await talk.line.world.chats.send(ANI, SHOP, content)
        heard = await talk.hear(lambda data, sent=sent: data["wa_id"] == sent.id)  # type: ignore[misc]
        await talk.rooms.messages.send(shop, Forward(BUDI, heard["id"]))
        entry = await talk.line.shown(BUDI, lambda entry, content=content: entry.content == content)  # type: ignore[misc]
        assert entry.forwards == 1
