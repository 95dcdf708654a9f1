"""Messages by the port that the centre uses: through the real library, to virtual phones and back."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from talkabiz.domain import inputs as i
from talkabiz.domain.answers import CallFailed, Sent
from talkabiz.domain.content import (
    MEDIA,
    Contact,
    Content,
    Edit,
    Kind,
    Location,
    Media,
    Poll,
    Quote,
    Reaction,
    Ref,
    Revoke,
    Text,
    Unknown,
)
from talkabiz.domain.heard import MessageHeard, UndecryptableHeard
from talkabiz.sandbox.chats import Attachment
from talkabiz.whatsapp.calls import LARGEST_MESSAGE
from talkabiz.whatsapp.conversations import STUCK, STUCK_SECONDS, LocalConversations
from talkabiz.whatsapp.outgoing import message_of
from talkabiz.whatsapp.pool import THREADS
from talkabiz.whatsapp.run import Run
from tests.whatsapp.ear import Ear, fresh_attempt, link, until
from tests.whatsapp.shop import ANI, BUDI, SHOP, Shop, jid

NOBODY = "628999999999"
VCARD = "BEGIN:VCARD\nVERSION:3.0\nFN:Ani\nTEL;waid=628111111111:+62 811\nEND:VCARD"


@pytest.fixture
async def talks(shop: Shop) -> AsyncIterator[LocalConversations]:
    made = LocalConversations(shop.edge, loop=asyncio.get_running_loop())
    yield made
    await made.shutdown(0)


# --- what is said -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        Text("halo 🙏"),
        Location(-6.2, 106.8, "Monas", "Jakarta"),
        Contact("Ani", VCARD),
        Poll("Kapan?", ("Senin", "Selasa"), 1),
    ],
    ids=lambda content: content.kind.value,
)
async def test_a_content_goes_both_ways_unchanged(shop: Shop, talks: LocalConversations, content: Content) -> None:
    sent = await talks.send(shop.attempt, jid(ANI), content)
    assert (await shop.shown(ANI, sent.id)).content == content
    assert abs((datetime.now(UTC) - sent.at).total_seconds()) < 60
    back = await shop.world.chats.send(ANI, SHOP, content)
    assert (await shop.wait(MessageHeard, lambda heard: heard.source.id == back.id)).content == content


async def test_media_of_every_kind_go_both_ways_with_the_same_bytes(shop: Shop, talks: LocalConversations) -> None:
    for kind in sorted(MEDIA):
        data = os.urandom(50_000)
        stored = await talks.upload(shop.attempt, data, kind)
        sent = await talks.send(shop.attempt, jid(ANI), Media(kind, stored, "x/y", "lihat", "a.bin", 3))
        entry = await shop.shown(ANI, sent.id)
        assert entry.content.kind is kind
        assert (await shop.world.chats.media(ANI, sent.id))[0] == data

        back = await shop.world.chats.send_media(ANI, SHOP, Attachment(kind, data, "x/y"))
        heard = await shop.wait(MessageHeard, lambda heard, id_=back.id: heard.source.id == id_)  # type: ignore[misc]
        assert heard.content.kind is kind
        assert await talks.download(shop.attempt, heard.raw) == data


async def test_what_is_about_another_message_reaches_it(shop: Shop, talks: LocalConversations) -> None:
    asked = await shop.world.chats.send(ANI, SHOP, Text("ada?"))
    await shop.wait(MessageHeard)
    sent = await talks.send(shop.attempt, jid(ANI), Text("ada @Budi"), Quote(asked.id, jid(ANI), "ada?"), [jid(BUDI)])
    entry = await shop.shown(ANI, sent.id)
    assert entry.reply_to == asked.id
    await talks.send(shop.attempt, jid(ANI), Reaction(Ref(asked.id, jid(ANI)), "👍"))
    await until(lambda: shop.world.chats.entry(ANI, asked.id).reactions == {jid(SHOP): "👍"})
    await talks.send(shop.attempt, jid(ANI), Edit(Ref(sent.id), "ada satu"))
    await until(lambda: entry.edited == "ada satu")
    await talks.send(shop.attempt, jid(ANI), Revoke(Ref(sent.id)))
    await until(lambda: entry.revoked)
    await talks.mark_read(shop.attempt, [asked.id], datetime.now(UTC), jid(ANI))
    await until(lambda: shop.world.chats.entry(ANI, asked.id).status == "read")


async def test_the_other_calls_ask_and_tell(shop: Shop, talks: LocalConversations) -> None:
    made = await shop.world.chats.create_group(ANI, "Arisan", [SHOP])
    group = await talks.group_info(shop.attempt, made.jid)
    assert (group.name, len(group.members)) == ("Arisan", 2)
    found = await talks.is_on_whatsapp(shop.attempt, [ANI, NOBODY])
    assert {(one.number, one.is_in) for one in found} == {(ANI, True), (NOBODY, False)}
    # Its name, which this needs, the real WhatsApp tells a device in the state of its apps. The sandbox has none.
    assert await fails(talks.show_presence(shop.attempt, available=True)) == ("no_push_name", False)
    await talks.subscribe_presence(shop.attempt, jid(ANI))
    await talks.show_typing(shop.attempt, jid(ANI), "composing")
    await until(lambda: shop.world.chats.handset(ANI).log.typing == {(jid(SHOP), jid(SHOP)): "composing"})


async def test_what_is_heard_is_given_unread_and_read_here(shop: Shop, talks: LocalConversations) -> None:
    taken: list[tuple[int, str, int, bytes]] = []
    talks.connect_chats(lambda *heard: taken.append(heard))
    sent = await shop.world.chats.send(ANI, SHOP, Text("halo"))
    await until(lambda: taken)
    heard = [talks.read(number, data) for _, _, number, data in taken]
    assert [one.source.id for one in heard if isinstance(one, MessageHeard)] == [sent.id]
    assert {attempt for _, attempt, *_ in taken} == {shop.attempt}


async def test_a_message_that_comes_damaged_is_told_and_then_comes_whole(shop: Shop) -> None:
    before = await shop.world.chats.send(ANI, SHOP, Text("kenalan"))
    await shop.wait(MessageHeard, lambda heard: heard.source.id == before.id)
    shop.world.inject("undecryptable", SHOP, count=1)
    sent = await shop.world.chats.send(ANI, SHOP, Text("rusak"))
    damaged = await shop.wait(UndecryptableHeard)
    whole = await shop.wait(MessageHeard, lambda heard: heard.source.id == sent.id)
    assert (damaged.source.id, damaged.is_hidden, whole.content) == (sent.id, False, Text("rusak"))
    assert shop.heard.index(damaged) < shop.heard.index(whole)


@pytest.mark.parametrize("given", ["/etc/passwd", "http://127.0.0.1/", None, bytearray(b"x"), 5])
async def test_what_is_not_bytes_never_reaches_the_library(
    shop: Shop, talks: LocalConversations, monkeypatch: pytest.MonkeyPatch, given: Any
) -> None:
    monkeypatch.setattr(Run, "call", never)
    for call in (talks.upload(shop.attempt, given, Kind.IMAGE), talks.download(shop.attempt, given)):
        with pytest.raises(TypeError, match="bytes are needed"):
            await call


@pytest.mark.parametrize(
    "given", ["", "628111111111", f"{ANI}:3@s.whatsapp.net", "status@broadcast", "1@g.us\n", " 1@lid", None, b"1@lid"]
)
async def test_what_is_not_an_address_never_reaches_the_library(
    shop: Shop, talks: LocalConversations, monkeypatch: pytest.MonkeyPatch, given: Any
) -> None:
    monkeypatch.setattr(Run, "call", never)
    now, ani = datetime.now(UTC), jid(ANI)
    for call in (
        talks.send(shop.attempt, given, Text("x")),
        talks.send(shop.attempt, ani, Text("x"), Quote("3EB0", given)),
        talks.send(shop.attempt, ani, Text("x"), mentions=[given]),
        talks.mark_read(shop.attempt, ["3EB0"], now, given),
        talks.show_typing(shop.attempt, given, "composing"),
        talks.subscribe_presence(shop.attempt, given),
        talks.group_info(shop.attempt, given),
    ):
        with pytest.raises((ValueError, TypeError)):
            await call


async def test_what_can_not_be_sent_is_refused(shop: Shop, talks: LocalConversations) -> None:
    with pytest.raises(ValueError, match="can't be sent"):
        await talks.send(shop.attempt, jid(ANI), Unknown("x"))
    with pytest.raises(ValueError, match="more than"):
        await talks.send(shop.attempt, jid(ANI), Text("x" * (LARGEST_MESSAGE + 1)))
    assert await fails(talks.download(shop.attempt, message_of(Text("x"), jid(ANI)))) == ("no_media", False)


def never(run: Run, function: object) -> None:
    raise AssertionError("the library was called")


# --- what becomes of a send: the table of talkabiz.whatsapp.call_errors -----------------------------------------------


async def fails(sending: Awaitable[Any]) -> tuple[str, bool]:
    with pytest.raises(CallFailed) as failed:
        await sending
    return failed.value.code, failed.value.may_have_happened


def texts(shop: Shop, number: str = ANI) -> list[str]:
    return [
        entry.content.text for entry in shop.world.chats.handset(number).log.all() if isinstance(entry.content, Text)
    ]


async def arrives(shop: Shop, text: str) -> None:
    log = shop.world.chats.handset(ANI).log
    async with asyncio.timeout(20):
        while text not in texts(shop):
            await log.changed()


@pytest.fixture
async def mid_send(shop: Shop, talks: LocalConversations) -> asyncio.Task[Sent]:
    """A message that has arrived, but whose sender isn't told."""
    await talks.send(shop.attempt, jid(ANI), Text("kenalan"))
    shop.world.inject("no_ack", SHOP, count=1)
    sending = asyncio.create_task(talks.send(shop.attempt, jid(ANI), Text("di jalan")))
    await arrives(shop, "di jalan")
    assert not sending.done()
    return sending


async def test_a_refusal_has_its_number_and_nothing_has_left(shop: Shop, talks: LocalConversations) -> None:
    await talks.send(shop.attempt, jid(ANI), Text("satu"))
    shop.world.inject("error_463", SHOP, count=1)
    assert await fails(talks.send(shop.attempt, jid(ANI), Text("dua"))) == ("error_463", False)


async def test_a_group_without_us_and_a_number_that_is_not_there(shop: Shop, talks: LocalConversations) -> None:
    group = await shop.world.chats.create_group(ANI, "Tanpa kami", [BUDI])
    assert await fails(talks.send(shop.attempt, group.jid, Text("x"))) == ("not_in_group", False)
    assert await fails(talks.send(shop.attempt, "120363999999999999@g.us", Text("x"))) == ("group_not_found", False)
    assert await fails(talks.send(shop.attempt, jid(NOBODY), Text("x"))) == ("no_lid", False)
    assert await fails(talks.group_info(shop.attempt, group.jid)) == ("not_in_group", False)


async def test_no_link_is_told_before_anything_leaves(shop: Shop, talks: LocalConversations) -> None:
    assert await fails(talks.send(fresh_attempt(), jid(ANI), Text("x"))) == ("not_connected", False)
    await talks.send(shop.attempt, jid(ANI), Text("kenalan"))
    shop.world.inject("drop", SHOP, seconds=30)
    await until(lambda: not [device for device in shop.world.online() if device.user == SHOP])
    code, may_have_happened = await fails(talks.send(shop.attempt, jid(ANI), Text("x")))
    assert (code, may_have_happened) == ("not_connected", False)
    assert texts(shop) == ["kenalan"]


@pytest.mark.parametrize("fault", ["drop", "cut_off"])
async def test_a_link_that_is_lost_mid_send_and_comes_back_ends_in_one_message(
    shop: Shop, talks: LocalConversations, fault: str
) -> None:
    await talks.send(shop.attempt, jid(ANI), Text("kenalan"))
    if fault == "cut_off":
        shop.world.inject("cut_off", SHOP, count=1)
        sent = await talks.send(shop.attempt, jid(ANI), Text("di jalan"))
    else:
        shop.world.inject("no_ack", SHOP, count=1)
        sending = asyncio.create_task(talks.send(shop.attempt, jid(ANI), Text("di jalan")))
        await arrives(shop, "di jalan")
        shop.world.inject("drop", SHOP)
        sent = await sending
    assert (await shop.shown(ANI, sent.id)).content == Text("di jalan")
    await talks.send(shop.attempt, jid(ANI), Text("sesudahnya"))
    await arrives(shop, "sesudahnya")
    assert texts(shop) == ["kenalan", "di jalan", "sesudahnya"]


async def test_a_link_that_is_lost_mid_send_twice_leaves_it_open(shop: Shop, talks: LocalConversations) -> None:
    await talks.send(shop.attempt, jid(ANI), Text("kenalan"))
    shop.world.inject("cut_off", SHOP, count=2)
    assert await fails(talks.send(shop.attempt, jid(ANI), Text("x"))) == ("unanswered", True)


async def test_a_link_that_does_not_come_back_leaves_it_open(shop: Shop, mid_send: asyncio.Task[Sent]) -> None:
    shop.world.inject("drop", SHOP, seconds=30)
    assert await fails(mid_send) == ("unanswered", True)


async def test_a_device_that_is_removed_mid_send_leaves_it_open(shop: Shop, mid_send: asyncio.Task[Sent]) -> None:
    shop.world.inject("device_removed", SHOP)
    assert await fails(mid_send) == ("unanswered", True)


async def test_a_device_that_is_replaced_mid_send_leaves_it_open(shop: Shop, mid_send: asyncio.Task[Sent]) -> None:
    shop.world.inject("replaced", SHOP)
    assert await fails(mid_send) == ("unanswered", True)


async def test_a_session_that_we_close_mid_send_leaves_it_open(shop: Shop, mid_send: asyncio.Task[Sent]) -> None:
    shop.edge.close(shop.attempt)
    assert await fails(mid_send) == ("unanswered", True)


async def test_an_answer_that_does_not_come_in_time_leaves_it_open_and_the_next_is_not_begun(shop: Shop) -> None:
    """The library sends nothing else of the session meanwhile."""
    talks = LocalConversations(shop.edge, loop=asyncio.get_running_loop(), send_seconds=1)
    await talks.send(shop.attempt, jid(ANI), Text("kenalan"))
    shop.world.inject("no_ack", SHOP, count=1)
    assert await fails(talks.send(shop.attempt, jid(ANI), Text("tanpa jawaban"))) == ("unanswered", True)
    assert (talks.sending, talks.overdue) == (1, 1)
    assert await fails(talks.send(shop.attempt, jid(ANI), Text("berikutnya"))) == ("not_begun", False)
    await talks.show_typing(shop.attempt, jid(ANI), "composing")
    shop.world.inject("drop", SHOP)  # the library says it again, and is answered now
    await until(lambda: talks.sending == 0)
    await talks.send(shop.attempt, jid(ANI), Text("lagi"))
    await arrives(shop, "lagi")
    assert texts(shop) == ["kenalan", "tanpa jawaban", "lagi"]


async def test_a_session_whose_send_never_ends_is_started_anew(shop: Shop, ear: Ear) -> None:
    """Over a new link the library waits for the acknowledgement without end."""
    talks = LocalConversations(shop.edge, loop=asyncio.get_running_loop(), send_seconds=1, stuck_seconds=1)
    await talks.send(shop.attempt, jid(ANI), Text("kenalan"))
    shop.world.inject("no_ack", SHOP, count=2)
    sending = asyncio.create_task(talks.send(shop.attempt, jid(ANI), Text("di jalan")))
    await arrives(shop, "di jalan")
    shop.world.inject("drop", SHOP)
    assert await fails(sending) == ("unanswered", True)
    assert (await ear.wait(shop.attempt, i.EngineFailed)).detail == STUCK
    shop.edge.close(shop.attempt)  # as the centre does
    await until(lambda: talks.sending == 0)


class Timers:
    """In place of the loop's: they ring when the test says so, however slow the machine is."""

    def __init__(self) -> None:
        self.armed: list[tuple[float, Callable[[], None]]] = []

    def call_later(self, seconds: float, ring: Callable[..., None], *given: object) -> None:
        self.armed.append((seconds, partial(ring, *given)))


async def test_a_send_that_ends_late_costs_no_session(
    shop: Shop, talks: LocalConversations, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasty, timers = LocalConversations(shop.edge, loop=asyncio.get_running_loop(), send_seconds=1), Timers()
    monkeypatch.setattr(hasty, "_loop", timers)
    await talks.send(shop.attempt, jid(ANI), Text("kenalan"))
    shop.world.inject("no_ack", SHOP, count=1)
    assert await fails(hasty.send(shop.attempt, jid(ANI), Text("lambat"))) == ("unanswered", True)
    [(seconds, ring)] = timers.armed
    assert seconds == STUCK_SECONDS
    shop.world.inject("drop", SHOP)
    await until(lambda: hasty.sending == 0)
    ring()
    await talks.send(shop.attempt, jid(ANI), Text("lagi"))
    assert i.EngineFailed not in ear.kinds(shop.attempt)


# --- threads ----------------------------------------------------------------------------------------------------------


async def test_sessions_whose_answers_are_withheld_hold_up_nobody_else(shop: Shop, ear: Ear) -> None:
    """More of them than there were threads for calls before."""
    talks = LocalConversations(shop.edge, loop=asyncio.get_running_loop())
    numbers = {klien_id: f"62812000001{klien_id}" for klien_id in range(20, 20 + THREADS + 2)}
    attempts = [await link(shop.edge, shop.world, ear, klien_id, number) for klien_id, number in numbers.items()]
    for number in numbers.values():
        await shop.world.chats.set_chats(number, chats=False)
        shop.world.inject("no_ack", number)
    sends = [asyncio.create_task(talks.send(attempt, jid(ANI), Text("tertahan"))) for attempt in attempts]
    await until(lambda: texts(shop).count("tertahan") == len(attempts))
    for number in numbers.values():
        shop.world.inject("silence", number)
    asked = [asyncio.create_task(talks.is_on_whatsapp(attempt, [NOBODY])) for attempt in attempts for _ in range(2)]
    await until(lambda: talks._calls.under_way == len(asked))

    began = time.monotonic()
    await talks.send(shop.attempt, jid(ANI), Text("lancar"))
    await talks.is_on_whatsapp(shop.attempt, [ANI])
    stored = await talks.upload(shop.attempt, b"x" * 1000, Kind.IMAGE)
    assert time.monotonic() - began < 3
    assert stored.size == 1000
    assert not any(task.done() for task in (*sends, *asked))
    assert talks.sending == len(attempts)

    for attempt in attempts:
        shop.edge.close(attempt)
    assert {await fails(task) for task in sends} == {("unanswered", True)}
    assert {code for code, _ in [await fails(task) for task in asked]} == {"not_connected"}


async def test_at_the_end_a_send_that_is_under_way_gets_its_time(
    shop: Shop, talks: LocalConversations, mid_send: asyncio.Task[Sent]
) -> None:
    assert await talks.shutdown(0.1) == 1
    assert await fails(talks.send(shop.attempt, jid(ANI), Text("x"))) == ("not_begun", False)
    waiting = asyncio.create_task(talks.shutdown(10))
    shop.world.inject("drop", SHOP)  # now it is answered
    assert await waiting == 0
    assert (await shop.shown(ANI, (await mid_send).id)).content == Text("di jalan")
