"""The outbox on a real line: what virtual phones get of it, and what becomes of it when WhatsApp misbehaves."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from talkabiz.domain.content import Contact, Kind, Location, Media, Poll, Text
from talkabiz.domain.wishes import Wish
from tests.services.line import ANI, BUDI, NOBODY, OTHER_SHOP, SHOP, Line, jid
from tests.services.talking import Talk, open_talk

from talkabiz.whatsapp.conversations import LocalConversations  # isort: skip # needs the library, which the line loads

PATIENCE_SECONDS = 2.0
"""For a send's answer, instead of 80."""
VCARD = "BEGIN:VCARD\nVERSION:3.0\nFN:Ani\nEND:VCARD"


class Desk(Talk):
    async def error(self, message_id: int, status: str = "failed") -> str:
        return str((await self.told(message_id, status))["error"]["code"])

    def on(self, number: str, text: str) -> int:
        """How often a phone shows this text."""
        return sum(entry.content == Text(text) for entry in self.line.world.chats.handset(number).log.all())


@pytest.fixture(name="desk")
async def _desk(line: Line, tmp_path: Path) -> AsyncIterator[Desk]:
    loop = asyncio.get_running_loop()
    conversations = LocalConversations(line.whatsapp, loop=loop, send_seconds=PATIENCE_SECONDS)
    async with open_talk(line, tmp_path, conversations=conversations) as talk:
        yield Desk(talk.line, talk.rooms, talk.media)
    await conversations.shutdown(0)


async def test_each_kind_reaches_a_phone_as_it_was_wished_for(desk: Desk) -> None:
    shop = await desk.link()
    first = await desk.send(shop, "ada promo")
    assert (await desk.line.shown_text(ANI, "ada promo")).sender == jid(SHOP)
    await desk.told(first, "delivered")
    wishes: list[tuple[Kind, str | None, dict[str, Any], object]] = [
        (
            Kind.LOCATION,
            None,
            {"latitude": -6.2, "longitude": 106.8, "name": "Monas"},
            Location(-6.2, 106.8, "Monas"),
        ),
        (Kind.CONTACT, None, {"name": "Ani", "vcard": VCARD}, Contact("Ani", VCARD)),
        (Kind.POLL, "Jam?", {"options": ["9", "10"]}, Poll("Jam?", ("9", "10"), 1)),
    ]
    for kind, text, content, shown in wishes:
        await desk.send(shop, text, kind=kind, content=content)
        await desk.line.shown(ANI, lambda entry, shown=shown: entry.content == shown)  # type: ignore[misc]
    log = desk.line.world.chats.handset(ANI).log
    wa_id = (await desk.told(first, "delivered"))["wa_id"]
    await desk.send(shop, "👍", kind=Kind.REACTION, content={"message_id": first})
    await desk.send(shop, "ada promo besar", kind=Kind.EDIT, content={"message_id": first})
    edited = await desk.line.shown(ANI, lambda entry: entry.edited == "ada promo besar")
    assert edited.id == wa_id
    assert edited.reactions == {jid(SHOP): "👍"}
    await desk.send(shop, None, kind=Kind.REVOKE, content={"message_id": first})
    await desk.line.shown(ANI, lambda entry: entry.id == wa_id and entry.revoked)
    assert log.find(wa_id)


@pytest.mark.parametrize("kind", [Kind.DOCUMENT, Kind.IMAGE])
async def test_a_file_arrives_with_the_same_bytes(desk: Desk, kind: Kind) -> None:
    shop = await desk.link()
    data = b"%PDF-1.4\n" + os.urandom(60_000) if kind is Kind.DOCUMENT else _png()
    file = await desk.media.add(shop, data, kind=kind, filename="nota.pdf")
    await desk.send(shop, "lihat", kind=kind, media_id=file.id)
    entry = await desk.line.shown(ANI, lambda entry: isinstance(entry.content, Media))
    assert isinstance(entry.content, Media)
    assert (entry.content.kind, entry.content.caption) == (kind, "lihat")
    assert entry.content.stored.sha256 == hashlib.sha256(data).digest()


async def test_an_answer_quotes_and_a_message_comes_to_be_read(desk: Desk) -> None:
    shop = await desk.link()
    await desk.line.world.chats.send(ANI, SHOP, Text("ada?"))
    heard = await desk.hear(lambda data: data["text"] == "ada?")
    message_id = await desk.send(shop, "ada", reply_to=heard["id"])
    entry = await desk.line.shown_text(ANI, "ada")
    assert entry.reply_to == heard["wa_id"]
    await desk.line.world.chats.read(ANI, entry.id, "read")
    await desk.told(message_id, "read")


async def test_a_stranger_is_answered_for_by_whatsapp(desk: Desk) -> None:
    shop = await desk.link()
    assert await desk.error(await desk.send(shop, to=NOBODY)) == "not_on_whatsapp"
    await desk.told(await desk.send(shop), "delivered")


async def test_a_refusal_with_463_pauses_the_queue(desk: Desk) -> None:
    shop = await desk.link()
    desk.line.fault("error_463", SHOP, count=1)
    first, second = await desk.send(shop, "satu"), await desk.send(shop, "dua")
    assert await desk.error(first) == "new_contact_limited"
    held = await desk.hear(lambda data: data["id"] == second and bool(data.get("held")))
    assert held["held"]["reason"] == "new_contact_limited"
    limited = await desk.line.wait(lambda event: event.data.get("reason") == "reachout_limited")
    assert (limited.type, limited.data["wa_terhubung"]) == ("connected", True)
    so_far = len(desk.line.events)
    await desk.rooms.messages.set_pace(shop, {"paused": False})
    assert (await desk.line.reach(shop, "connected", so_far)).data["reason"] is None
    await desk.told(second, "delivered")
    assert desk.on(ANI, "satu") == 0


async def test_an_acknowledgement_that_is_withheld_leaves_it_uncertain_until_the_receipt(desk: Desk) -> None:
    shop = await desk.link()
    await desk.told(await desk.send(shop, "kenalan"), "delivered")
    desk.line.fault("no_ack", SHOP, count=1)
    message_id = await desk.send(shop, "penting")
    assert await desk.error(message_id, "uncertain") == "unanswered"
    await desk.told(message_id, "delivered")
    assert desk.on(ANI, "penting") == 1


async def test_a_link_that_is_cut_mid_send_brings_it_once_or_leaves_it_uncertain(desk: Desk) -> None:
    shop = await desk.link()
    await desk.told(await desk.send(shop, "kenalan"), "delivered")
    desk.line.fault("cut_off", SHOP, count=1)
    first, second = await desk.send(shop, "satu"), await desk.send(shop, "dua")
    await desk.told(second, "delivered")
    settled = await desk.hear(lambda data: data["id"] == first and data["status"] in {"uncertain", "delivered"})
    assert desk.on(ANI, "satu") == (settled["status"] == "delivered")
    assert desk.on(ANI, "dua") == 1


async def test_what_waits_for_the_link_goes_when_it_is_back(desk: Desk) -> None:
    shop = await desk.link()
    await desk.told(await desk.send(shop, "kenalan"), "delivered")
    desk.line.fault("drop", SHOP, seconds=2)
    ids = [await desk.send(shop, f"{n}") for n in range(3)]
    await desk.told(ids[-1], "delivered")
    assert [desk.on(ANI, f"{n}") for n in range(3)] == [1, 1, 1]


async def test_a_device_that_is_removed_fails_what_waits(desk: Desk) -> None:
    shop = await desk.link()
    later = desk.line.clock.now() + timedelta(hours=1)
    waiting = [await desk.send(shop, send_at=later) for _ in range(2)]
    desk.line.fault("device_removed", SHOP)
    assert {await desk.error(message_id) for message_id in waiting} == {"logged_out"}


async def test_a_ban_holds_what_waits_until_its_end(desk: Desk) -> None:
    shop = await desk.link()
    await desk.line.sessions.stop(shop)
    desk.line.fault("temporary_ban", SHOP, seconds=3600)
    await desk.line.sessions.start(shop)
    await desk.line.wait(lambda event: event.data.get("reason") == "temporary_ban")
    accepted = await desk.rooms.messages.send(shop, Wish(ANI, Kind.TEXT, "halo"))
    held = accepted.as_dict()["held"]
    assert held["reason"] == "temporary_ban"
    assert held["until"]


async def test_a_group_without_us_is_told_by_its_code(desk: Desk) -> None:
    shop = await desk.link()
    group = await desk.line.world.chats.create_group(ANI, "Pelanggan", [jid(BUDI)])
    assert await desk.error(await desk.send(shop, to=group.jid)) == "not_in_group"
    assert await desk.error(await desk.send(shop, to="120363999999999999@g.us")) == "group_not_found"


async def test_two_kliens_send_side_by_side_though_one_gets_no_answers(desk: Desk) -> None:
    mute, other = await desk.link(), await desk.link(OTHER_SHOP)
    await desk.told(await desk.send(mute, "kenalan"), "delivered")
    desk.line.fault("no_ack", SHOP)
    hanging = await desk.send(mute, "satu")
    ids = [await desk.send(other, f"{n}", to=BUDI) for n in range(5)]
    for message_id in ids:
        await desk.told(message_id, "delivered")
    assert hanging not in {event.data.get("id") for event in desk.line.events if event.data.get("status") == "sent"}


def _png() -> bytes:
    """A picture of one dot."""
    import io

    from PIL import Image

    picture = io.BytesIO()
    Image.new("RGB", (1, 1)).save(picture, "PNG")
    return picture.getvalue()
