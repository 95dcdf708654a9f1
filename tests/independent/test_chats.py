"""Another client of the protocol, which nobody here wrote, links to the sandbox and chats with the product."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime

import pytest

from talkabiz.domain.content import Edit, Kind, Media, Quote, Reaction, Ref, Revoke, Text
from talkabiz.domain.heard import GroupHeard, MessageHeard, ReceiptHeard, ReceiptType
from talkabiz.sandbox.errors import SandboxError
from talkabiz.sandbox.world import Sandbox
from tests.independent.conftest import OpenGuest
from tests.independent.session import LINKED, Refused, Session, give, text_of
from tests.whatsapp.ear import until
from tests.whatsapp.shop import ANI, BUDI, SHOP, Shop, jid

SENT, DELIVERED, READ = 2, 3, 4
NOBODY = "628999999999"


async def test_it_links_by_qr_is_sent_back_once_and_is_a_device_of_the_phone(world: Sandbox, guest: Session) -> None:
    (device,) = world.phones.get(BUDI).devices.values()
    assert device.platform == "Mac OS"
    assert device.jid in world.online()
    assert [fact["code"] for fact in guest.facts if fact["event"] == "closed"] == [LINKED]


async def test_it_links_by_a_code_that_is_typed_into_the_phone(world: Sandbox, open_guest: OpenGuest) -> None:
    async with open_guest() as guest:
        await guest.connect()
        await guest.qr()
        code = await guest.call("requestPairingCode", BUDI)
        wrong = ("1" if code[0] != "1" else "2") + code[1:]
        with pytest.raises(SandboxError, match="isn't the code"):
            await world.phones.enter_code(BUDI, wrong)
        guest.known.add("unexpected error in 'handling notification'")  # that the codes don't fit
        await world.phones.enter_code(BUDI, code)
        await guest.opened()
        await _say(world, guest)


async def test_it_chats_with_a_session_of_the_product(guest: Session, shop: Shop) -> None:
    asked = await guest.send(jid(SHOP), {"text": "buka jam berapa?"})
    heard = await shop.wait(MessageHeard, lambda heard: heard.source.id == asked)
    assert heard.content == Text("buka jam berapa?")
    assert {heard.source.chat, heard.source.chat_alt} == {jid(BUDI), str(shop.world.phones.get(BUDI).lid)}
    assert heard.source.push_name == "Budi"
    await shop.ask(lambda calls: calls.mark_read([asked], datetime.now(UTC), jid(BUDI)))
    await guest.updated(asked, lambda update: update.get("status") == READ)

    sent = await shop.send(jid(BUDI), Text("jam 9 😀"), Quote(asked, jid(BUDI), "buka jam berapa?"))
    got = await guest.message(sent.id)
    assert text_of(got) == "jam 9 😀"
    assert got["key"]["remoteJidAlt"] == jid(SHOP)
    assert got["message"]["extendedTextMessage"]["contextInfo"]["stanzaId"] == asked
    await shop.wait(ReceiptHeard, lambda receipt: receipt.ids == (sent.id,) and receipt.type is ReceiptType.DELIVERED)
    await guest.call("readMessages", [got["key"]])
    await shop.wait(ReceiptHeard, lambda receipt: receipt.ids == (sent.id,) and receipt.type is ReceiptType.READ)


async def test_it_chats_with_a_phone(world: Sandbox, guest: Session) -> None:
    await _say(world, guest)
    sent = await world.chats.send(ANI, BUDI, Text("halo Budi"))
    got = await guest.message(sent.id)
    assert (text_of(got), got["pushName"]) == ("halo Budi", "Ani")
    await guest.call("readMessages", [got["key"]])
    await until(lambda: world.chats.entry(ANI, sent.id).status == "read")


async def test_many_messages_keep_their_order_in_both_directions(guest: Session, shop: Shop) -> None:
    texts = [str(number) for number in range(20)]
    for text in texts:
        await guest.send(jid(SHOP), {"text": text})
        await shop.send(jid(BUDI), Text(text))
    await shop.wait(MessageHeard, lambda heard: heard.content == Text(texts[-1]))
    await guest.event("messages.upsert", lambda _: texts[-1] in guest.texts())
    assert [heard.content for heard in shop.heard if isinstance(heard, MessageHeard)] == [Text(text) for text in texts]
    assert guest.texts() == texts


async def test_a_picture_goes_both_ways_byte_by_byte(guest: Session, shop: Shop) -> None:
    picture = os.urandom(150_000)
    sent = await guest.send(jid(SHOP), {"image": give(picture), "caption": "ini", "jpegThumbnail": "", "width": 9})
    heard = await shop.wait(MessageHeard, lambda heard: heard.source.id == sent)
    assert isinstance(heard.content, Media)
    assert (heard.content.kind, heard.content.caption) == (Kind.IMAGE, "ini")
    assert await shop.ask(lambda calls: calls.download(heard.raw)) == picture

    back = os.urandom(80_000)
    stored = await shop.ask(lambda calls: calls.upload(back, Kind.DOCUMENT))
    paper = await shop.send(jid(BUDI), Media(Kind.DOCUMENT, stored, "application/pdf", filename="faktur.pdf"))
    got = await guest.message(paper.id)
    assert got["message"]["documentMessage"]["fileName"] == "faktur.pdf"
    assert await guest.download(paper.id) == back


async def test_reactions_edits_and_what_is_taken_back_reach_the_other_side(guest: Session, shop: Shop) -> None:
    first = await guest.send(jid(SHOP), {"text": "satu"})
    await shop.wait(MessageHeard, lambda heard: heard.source.id == first)
    await shop.send(jid(BUDI), Reaction(Ref(first, jid(BUDI)), "🙏"))
    await guest.event("messages.reaction", lambda told: told[0]["reaction"]["text"] == "🙏")
    own = {"remoteJid": jid(SHOP), "fromMe": True, "id": first}
    await guest.send(jid(SHOP), {"text": "dua", "edit": own})
    await shop.wait(MessageHeard, lambda heard: heard.content == Edit(Ref(first), "dua"))
    await guest.send(jid(SHOP), {"delete": own})
    await shop.wait(MessageHeard, lambda heard: heard.content == Revoke(Ref(first)))

    sent = await shop.send(jid(BUDI), Text("tiga"))
    key = (await guest.message(sent.id))["key"]
    await guest.send(jid(SHOP), {"react": {"text": "👍", "key": key}})
    liked = await shop.wait(MessageHeard, lambda heard: heard.content.kind is Kind.REACTION)
    assert isinstance(liked.content, Reaction)
    assert (liked.content.to.id, liked.content.emoji) == (sent.id, "👍")
    await shop.send(jid(BUDI), Edit(Ref(sent.id), "empat"))
    await guest.updated(sent.id, lambda update: "editedMessage" in (update.get("message") or {}))


async def test_its_group_is_talked_in_by_all_three(world: Sandbox, guest: Session, shop: Shop) -> None:
    made = await guest.call("groupCreate", "Keluarga", [jid(SHOP), jid(ANI)])
    group = made["id"]
    assert made["subject"] == "Keluarga"
    joined = await shop.wait(GroupHeard, lambda heard: heard.group == group)
    assert len(joined.joined) == 3
    sent = await guest.send(group, {"text": "halo semua"})
    heard = await shop.wait(MessageHeard, lambda heard: heard.source.id == sent)
    assert (heard.source.is_group, heard.content) == (True, Text("halo semua"))
    assert jid(BUDI) in {heard.source.sender, heard.source.sender_alt}
    entry = await shop.shown(ANI, sent)
    assert (entry.chat, entry.content) == (group, Text("halo semua"))

    by_shop = await shop.send(group, Text("dari toko"))
    by_phone = await world.chats.send(ANI, group, Text("dari Ani"))
    for id_, text in ((by_shop.id, "dari toko"), (by_phone.id, "dari Ani")):
        got = await guest.message(id_)
        assert (got["key"]["remoteJid"], text_of(got)) == (group, text)


async def test_a_group_of_the_product_has_it_as_a_member(guest: Session, shop: Shop) -> None:
    group = await shop.ask(lambda calls: calls.create_group("Pelanggan", [jid(BUDI)]))
    sent = await shop.send(group.jid, Text("selamat datang"))
    assert text_of(await guest.message(sent.id)) == "selamat datang"
    told = await guest.call("groupMetadata", group.jid)
    assert (told["subject"], len(told["participants"])) == ("Pelanggan", 2)
    await guest.call("groupLeave", group.jid)
    await shop.wait(GroupHeard, lambda heard: bool(heard.left))


async def test_what_comes_while_it_is_away_waits_for_it_in_order(
    world: Sandbox, open_guest: OpenGuest, shop: Shop
) -> None:
    async with open_guest() as guest:
        await guest.connect()
        await world.phones.scan(BUDI, await guest.qr())
        await guest.opened()
        await guest.send(jid(SHOP), {"text": "sampai nanti"})
    await until(lambda: len(world.online()) == 1)
    sent = [await shop.send(jid(BUDI), Text(str(number))) for number in range(5)]

    async with open_guest() as guest:
        await guest.connect()
        await guest.message(sent[-1].id)
        assert guest.texts() == list("01234")
        assert "qr" not in {name for fact in guest.facts for name in fact.get("data", ())}
        await guest.send(jid(SHOP), {"text": "ada lagi?"})
        await shop.wait(MessageHeard, lambda heard: heard.content == Text("ada lagi?"))


async def test_it_sees_and_shows_who_types_and_knows_who_is_on_whatsapp(guest: Session, shop: Shop) -> None:
    await guest.send(jid(SHOP), {"text": "halo"})
    await shop.wait(MessageHeard)
    await shop.ask(lambda calls: calls.show_typing(jid(BUDI), "composing"))
    await guest.event("presence.update", lambda told: "composing" in str(told["presences"]))
    found = await guest.call("onWhatsApp", SHOP, NOBODY)
    assert [one["jid"] for one in found if one["exists"]] == [jid(SHOP)]
    with pytest.raises(Refused, match="item-not-found"):
        await guest.call("profilePictureUrl", jid(SHOP))

    await _say(shop.world, guest)
    await guest.call("sendPresenceUpdate", "composing", jid(ANI))
    await until(lambda: shop.world.chats.handset(ANI).log.typing == {(jid(BUDI), jid(BUDI)): "composing"})


@pytest.mark.parametrize(
    ("fault", "code"), [("device_removed", 401), ("replaced", 440), ("account_locked", 403), ("temporary_ban", 402)]
)
async def test_it_understands_why_its_link_ends(world: Sandbox, guest: Session, fault: str, code: int) -> None:
    await guest.call("fetchPrivacySettings", True)  # behind what it asks at each login
    world.inject(fault, BUDI)
    if await guest.closed() != code:
        seen = len(guest.facts)
        await guest.connect()  # these are told at the next login
        assert await guest.closed(seen) == code


async def test_its_logout_ends_the_device(world: Sandbox, guest: Session) -> None:
    await guest.call("logout")
    await until(lambda: not world.phones.get(BUDI).devices)


async def _say(world: Sandbox, guest: Session) -> None:
    """Something to Ani, who reads it."""
    sent = await guest.send(jid(ANI), {"text": "halo Ani"})
    log = world.chats.handset(ANI).log
    async with asyncio.timeout(20):
        while not (entry := log.find(sent)):
            await log.changed()
    assert (entry.content, entry.sender) == (Text("halo Ani"), jid(BUDI))
    await guest.updated(sent, lambda update: update.get("status") == DELIVERED)
    await world.chats.read(ANI, sent, "read")
    await guest.updated(sent, lambda update: update.get("status") == READ)
