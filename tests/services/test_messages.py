"""What people and programs ask for about messages; what WhatsApp answers is played by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from talkabiz.domain.content import Kind, Quote, Reaction, Ref
from talkabiz.domain.errors import IllegalState, InvalidInput, NotFound, Unreachable
from talkabiz.domain.media_errors import MediaRefused
from talkabiz.domain.message import Message, Origin, Status
from talkabiz.domain.message_errors import KeyReused
from talkabiz.services import chat_calls
from talkabiz.store import arrivals, kliens, messages, parties
from talkabiz.store.database import transaction
from tests.fakes import NOW
from tests.services.conftest import Bench
from tests.services.sending import ANI, BUDI, GROUP, OFF, Post, jid, make_post, serving


@pytest.fixture
async def post(bench: Bench, tmp_path: Path) -> AsyncIterator[Post]:
    async with serving(make_post(bench, tmp_path)) as post:
        yield post


@pytest.fixture
async def shop(post: Post, klien_id: int) -> int:
    """A klien that is linked, and sends as fast as it goes."""
    await post.bench.link(klien_id)
    await post.messages.set_pace(klien_id, OFF)
    return klien_id


@pytest.fixture
async def idle(post: Post, shop: int) -> int:
    """A klien whose device is kept and that isn't connected: what is accepted stays queued."""
    await post.bench.sessions.stop(shop)
    return shop


async def hear(klien_id: int, wa_id: str, text: str = "hai", chat: str = jid(ANI), sender: str = jid(ANI)) -> Message:
    """Something that came in."""
    async with transaction():
        where, who = await parties.known(klien_id, jid=chat), await parties.known(klien_id, jid=sender)
        heard = arrivals.HeardMessage(
            chat_id=where.id,
            sender_id=who.id,
            source=Origin.CONTACT,
            wa_id=wa_id,
            kind=Kind.TEXT,
            text=text,
            at=NOW,
            now=NOW,
            status=Status.RECEIVED,
        )
        message = await arrivals.take_in(klien_id, heard)
    assert message
    return message


# --- accepting ---


async def test_what_is_accepted_is_told_as_it_is_answered(post: Post, idle: int) -> None:
    accepted = await post.accept(idle, to="0811-1111-111", mentions=(BUDI,), expires_in=60)
    told = await post.bench.wait_for(lambda event: event.type == "message")
    assert told.data == {**accepted.as_dict(), "seq": told.seq}
    assert accepted.message.chat.jid == "628111111111@s.whatsapp.net"
    assert told.data["mentions"] == [jid(BUDI)]
    assert told.data["expires_at"] == "2026-11-24T03:01:00.000Z"
    assert told.data["from"]["phone"] == "628123456789"


async def test_each_is_told_how_many_go_before_it(post: Post, idle: int) -> None:
    assert [(await post.accept(idle)).position for _ in range(3)] == [0, 1, 2]


async def test_a_klien_without_a_device_accepts_nothing(post: Post, klien_id: int) -> None:
    with pytest.raises(IllegalState):
        await post.accept(klien_id)
    with pytest.raises(NotFound):
        await post.accept(999)
    assert post.bench.events == []


async def test_what_is_wrong_is_refused_and_leaves_no_trace(post: Post, shop: int) -> None:
    with pytest.raises(InvalidInput):
        await post.accept(shop, to="nobody")
    assert await post.messages.page(shop) == []


async def test_numbers_are_read_as_in_the_kliens_region(post: Post, idle: int) -> None:
    await post.messages.set_pace(idle, {"region": "MY"})
    assert (await post.accept(idle, to="012-345 6789")).message.chat.phone == "60123456789"


async def test_a_file_has_to_fit_its_kind(post: Post, idle: int) -> None:
    file = await post.media.add(idle, b"%PDF-1.4\n%%EOF\n", kind=Kind.DOCUMENT)
    with pytest.raises(MediaRefused):
        await post.accept(idle, None, kind=Kind.IMAGE, media_id=file.id)
    other = (await kliens.add("Toko Bulan")).id
    foreign = await post.media.add(other, b"%PDF-1.4\n%%EOF\n", kind=Kind.DOCUMENT)
    with pytest.raises(NotFound):
        await post.accept(idle, None, kind=Kind.DOCUMENT, media_id=foreign.id)


# --- keys ---


async def test_fifty_who_ask_with_one_key_at_once_get_one_message(post: Post, shop: int) -> None:
    asked = [post.accept(shop, key="order-7", fingerprint="aa") for _ in range(50)]
    answers = await asyncio.gather(*asked)
    assert len({answer.message.id for answer in answers}) == 1
    assert sum(not answer.is_replay for answer in answers) == 1
    await post.reach(answers[0].message.id, "sent")
    await post.rest()
    assert len(post.conversations.sent) == 1


async def test_a_key_of_another_request_is_refused_also_at_the_same_moment(post: Post, shop: int) -> None:
    results = await asyncio.gather(
        *(post.accept(shop, key="order-7", fingerprint=each) for each in ("aa", "bb", "aa", "bb")),
        return_exceptions=True,
    )
    assert [isinstance(result, KeyReused) for result in results] == [False, True, False, True]
    with pytest.raises(KeyReused):
        await post.messages.earlier(shop, "order-7", "bb")


async def test_a_replay_tells_how_the_message_stands_now(post: Post, shop: int) -> None:
    first = await post.accept(shop, key="k", fingerprint="aa")
    await post.reach(first.message.id, "sent")
    again = await post.accept(shop, "whatever", key="k", fingerprint="aa")
    assert (again.message.id, again.message.status, again.is_replay) == (first.message.id, Status.SENT, True)
    await post.bench.sessions.disconnect(shop)
    assert (await post.accept(shop, key="k", fingerprint="aa")).is_replay
    assert await post.messages.earlier(shop, "other", "aa") is None


async def test_another_klien_may_use_the_same_key(post: Post, idle: int) -> None:
    other = (await kliens.add("Toko Bulan")).id
    await post.bench.link(other, "628999999999")
    first = await post.accept(idle, key="k", fingerprint="aa")
    second = await post.accept(other, key="k", fingerprint="bb")
    assert first.message.id != second.message.id


# --- messages about messages ---


async def test_an_answer_quotes_what_came_in(post: Post, shop: int) -> None:
    heard = await hear(shop, "IN1", "ada?")
    await post.reach(await post.send(shop, "ada", reply_to=heard.id), "sent")
    await post.reach(await post.send(shop, "ada", reply_to="IN1"), "sent")
    assert [sending.quote for sending in post.conversations.sent] == [Quote("IN1", jid(ANI), "ada?")] * 2


async def test_a_reaction_in_a_group_names_the_author(post: Post, shop: int) -> None:
    heard = await hear(shop, "IN1", chat=GROUP, sender=jid(BUDI))
    message_id = await post.send(shop, "👍", to=GROUP, kind=Kind.REACTION, content={"message_id": heard.id})
    told = await post.reach(message_id, "sent")
    assert told["content"] == {"wa_id": "IN1", "message_id": heard.id}
    assert post.conversations.sent[0].content == Reaction(Ref("IN1", jid(BUDI)), "👍")


async def test_what_the_phone_knows_and_we_do_not_may_be_named_in_a_chat_with_one_person(post: Post, shop: int) -> None:
    message_id = await post.send(shop, "👍", kind=Kind.REACTION, content={"message_id": "OLD1"})
    assert (await post.reach(message_id, "sent"))["content"] == {"wa_id": "OLD1", "message_id": None}
    with pytest.raises(InvalidInput):
        await post.accept(shop, "👍", to=GROUP, kind=Kind.REACTION, content={"message_id": "OLD1"})


async def test_only_what_is_there_and_has_left_can_be_pointed_at(post: Post, idle: int) -> None:
    queued, heard = await post.send(idle), await hear(idle, "IN1")
    elsewhere = await hear(idle, "IN2", chat=jid(BUDI), sender=jid(BUDI))
    for wrong in (queued, 999, elsewhere.id):
        with pytest.raises(InvalidInput) as refused:
            await post.accept(idle, "ya", reply_to=wrong)
        assert list(refused.value.fields) == ["reply_to"]
    for kind in (Kind.EDIT, Kind.REVOKE):
        text = "baru" if kind is Kind.EDIT else None
        with pytest.raises(InvalidInput) as refused:
            await post.accept(idle, text, kind=kind, content={"message_id": heard.id})
        assert list(refused.value.fields) == ["message_id"]


async def test_an_admin_may_take_back_what_others_wrote_in_a_group(post: Post, shop: int) -> None:
    heard = await hear(shop, "IN1", chat=GROUP, sender=jid(BUDI))
    await post.reach(await post.send(shop, None, GROUP, kind=Kind.REVOKE, content={"message_id": heard.id}), "sent")
    assert (await post.row(shop, heard.id)).revoked_at


# --- looking ---


async def test_messages_are_paged_by_chat_direction_and_status(post: Post, idle: int) -> None:
    out, heard = await post.send(idle), await hear(idle, "IN1")
    other = await post.send(idle, to=BUDI)

    async def ids(**filters: str) -> list[int]:
        return [each.message.id for each in await post.messages.page(idle, **filters)]  # type: ignore[arg-type]

    assert await ids() == [out, heard.id, other]
    assert await ids(chat="0811 1111 111") == [out, heard.id]
    assert await ids(chat=jid(BUDI)) == [other]
    assert await ids(chat="081299999999") == []
    assert await ids(direction="in") == [heard.id]
    assert await ids(status="queued") == [out, other]
    assert [each.message.id for each in await post.messages.page(idle, since=out, limit=1)] == [heard.id]
    shown = [each.as_dict() for each in await post.messages.page(idle)]
    assert [each.get("held", {}).get("reason") for each in shown] == ["stopped", None, "stopped"]


async def test_another_kliens_message_is_not_found(post: Post, idle: int) -> None:
    message_id = await post.send(idle)
    other = (await kliens.add("Toko Bulan")).id
    for ask in (post.messages.get, post.messages.cancel, post.messages.mark_read):
        with pytest.raises(NotFound):
            await ask(other, message_id)


# --- cancelling ---


async def test_what_waits_can_be_cancelled_and_is_never_sent(post: Post, idle: int) -> None:
    first, second = await post.send(idle, "satu"), await post.send(idle, "dua")
    assert (await post.messages.cancel(idle, first)).message.status is Status.CANCELLED
    await post.reach(first, "cancelled")
    await post.bench.sessions.start(idle)
    post.bench.whatsapp.enter(idle)
    post.bench.whatsapp.link_up(idle)
    await post.reach(second, "sent")
    assert post.conversations.texts() == ["dua"]


async def test_what_is_on_its_way_cannot_be_cancelled(post: Post, shop: int) -> None:
    post.conversations.before_answer = lambda _sending: asyncio.Event().wait()
    message_id = await post.send(shop)
    await post.conversations.be_sent(1)
    with pytest.raises(IllegalState):
        await post.messages.cancel(shop, message_id)


# --- at once ---


async def test_reading_a_message_reads_all_before_it_in_its_chat(post: Post, shop: int) -> None:
    found = [await hear(shop, f"IN{n}") for n in range(3)]
    standing = await post.messages.mark_read(shop, found[1].id)
    assert standing.message.status is Status.READ
    (call,) = post.conversations.calls
    assert call[2:] == (("IN0", "IN1"), jid(ANI), "", "read")
    assert [await post.status(shop, each.id) for each in found] == [Status.READ, Status.READ, Status.RECEIVED]
    assert (await parties.chats(shop, None, 9))[0].unread == 1
    await post.reach(found[0].id, "read")


async def test_all_before_it_are_read_however_many_they_are(
    post: Post, shop: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat_calls, "MOST_READ", 2)
    found = [await hear(shop, f"IN{n}") for n in range(6)]
    await post.messages.mark_read(shop, found[4].id)
    assert [call[2] for call in post.conversations.calls] == [("IN0", "IN1"), ("IN2", "IN3"), ("IN4",)]
    assert [await post.status(shop, each.id) for each in found] == [Status.READ] * 5 + [Status.RECEIVED]
    assert (await parties.chats(shop, None, 9))[0].unread == 1


async def test_of_many_those_are_read_that_whatsapp_took(
    post: Post, shop: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat_calls, "MOST_READ", 2)
    found = [await hear(shop, f"IN{n}") for n in range(5)]
    first = asyncio.create_task(post.conversations.be_called("mark_read", 1))
    first.add_done_callback(lambda _: post.conversations.fail("mark_read", "unanswered"))
    with pytest.raises(Unreachable):
        await post.messages.mark_read(shop, found[-1].id)
    assert [await post.status(shop, each.id) for each in found] == [Status.READ] * 2 + [Status.RECEIVED] * 3
    assert (await parties.chats(shop, None, 9))[0].unread == 3


async def test_in_a_group_each_author_is_told_of_his_own(post: Post, shop: int) -> None:
    wrote = (("IN0", ANI), ("IN1", BUDI), ("IN2", ANI))
    found = [await hear(shop, wa_id, chat=GROUP, sender=jid(number)) for wa_id, number in wrote]
    await post.messages.mark_read(shop, found[-1].id)
    assert [call[2:5] for call in post.conversations.calls] == [
        (("IN0", "IN2"), GROUP, jid(ANI)),
        (("IN1",), GROUP, jid(BUDI)),
    ]


async def test_what_whatsapp_did_not_take_is_not_read(post: Post, shop: int) -> None:
    heard = await hear(shop, "IN0")
    post.conversations.fail("mark_read", "unanswered")
    with pytest.raises(Unreachable):
        await post.messages.mark_read(shop, heard.id)
    assert await post.status(shop, heard.id) is Status.RECEIVED


async def test_what_we_wrote_ourselves_cannot_be_marked_as_read(post: Post, shop: int) -> None:
    with pytest.raises(IllegalState):
        await post.messages.mark_read(shop, await post.send(shop))


async def test_typing_is_shown_and_presence_watched_while_connected(post: Post, shop: int) -> None:
    await post.messages.show_typing(shop, "0811 1111 111", "composing")
    await post.messages.watch_presence(shop, ANI)
    attempt = post.bench.sessions.links.attempt_of(shop)
    assert post.conversations.calls == [
        ("show_typing", attempt, jid(ANI), "composing"),
        ("show_presence", attempt, True),
        ("subscribe_presence", attempt, jid(ANI)),
    ]
    with pytest.raises(InvalidInput):
        await post.messages.show_typing(shop, ANI, "singing")
    with pytest.raises(InvalidInput):
        await post.messages.watch_presence(shop, GROUP)
    await post.bench.sessions.stop(shop)
    with pytest.raises(IllegalState):
        await post.messages.show_typing(shop, ANI, "paused")


# --- the pace ---


async def test_a_klien_sends_carefully_until_somebody_says_otherwise(post: Post, klien_id: int) -> None:
    pace = await post.messages.pace(klien_id)
    assert (pace["per_minute"], pace["burst"], pace["new_contact_seconds"], pace["zone"]) == (20, 5, 15, "WIB")
    changed = await post.messages.set_pace(klien_id, {"per_minute": 6, "quiet": {"from": "21:00", "to": "06:00"}})
    assert changed == await post.messages.pace(klien_id)
    assert (changed["per_minute"], changed["quiet"]) == (6, {"from": "21:00", "to": "06:00"})
    reset = await post.messages.set_pace(klien_id, {"per_minute": None, "quiet": None})
    assert (reset["per_minute"], reset["quiet"]) == (20, None)


async def test_a_pace_that_cannot_be_is_refused_and_nothing_changes(post: Post, klien_id: int) -> None:
    for changes in ({"per_minute": -1}, {"paused": True}, {"speed": 1}):
        with pytest.raises(InvalidInput):
            await post.messages.set_pace(klien_id, {"burst": 9, **changes})
    assert (await post.messages.pace(klien_id))["burst"] == 5
    with pytest.raises(NotFound):
        await post.messages.set_pace(999, {"burst": 9})
    with pytest.raises(NotFound):
        await post.messages.pace(999)


async def test_what_is_accepted_survives_the_process(post: Post, idle: int) -> None:
    message_id = await post.send(idle)
    found = await messages.get(idle, message_id)
    assert found
    assert found.status is Status.QUEUED
