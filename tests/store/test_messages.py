from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from talkabiz.domain.content import Kind
from talkabiz.domain.errors import NotFound
from talkabiz.domain.inputs import Me
from talkabiz.domain.klien import Klien
from talkabiz.domain.message import Direction, MediaState, Message, Origin, Party, Status, may_become
from talkabiz.domain.states import Session
from talkabiz.store import kliens, media, messages, sessions
from talkabiz.store.database import transaction
from talkabiz.store.errors import StoreError
from tests.store.chatting import GROUP, NUMBER, accept, hear, meet, move, rows
from tests.store.conftest import NOW, later

S = Status
ME = Me("628999", "5@lid", "Toko", "android")


async def test_a_message_is_read_as_it_was_accepted(klien: Klien) -> None:
    async with transaction():
        await sessions.save(klien.id, Session(since=NOW, me=ME), None, NOW)
        stored = await media.add(klien.id, status="stored", mimetype="image/webp", path="1/x", size=9, now=NOW)
    party = await meet(klien.id, NUMBER, name="Sari")
    content = {"latitude": -6.2, "name": "Monas \U0001f5fc '\x00"}
    accepted = await accept(
        klien.id,
        party,
        "Halo \U0001f6d2 '; --\x00",
        kind=Kind.LOCATION,
        content=content,
        media_id=stored.id,
        reply_to="3EB0",
        mentions=("628111@s.whatsapp.net", "987@lid"),
        send_at=later(60).astimezone(timezone(timedelta(hours=7))),
        expires_at=later(3600),
        key="k",
        fingerprint="f",
    )
    account = Party(0, "628999@s.whatsapp.net", "628999", "5@lid", "Toko")
    assert accepted == Message(
        id=accepted.id,
        klien_id=klien.id,
        chat=party,
        sender=account,
        account=account,
        direction=Direction.OUT,
        source=Origin.API,
        kind=Kind.LOCATION,
        text="Halo \U0001f6d2 '; --\x00",
        content=content,
        status=S.QUEUED,
        status_at=NOW,
        created_at=NOW,
        media=MediaState(stored.id, "image/webp", "stored", size=9),
        reply_to="3EB0",
        mentions=("628111@s.whatsapp.net", "987@lid"),
        send_at=later(60),
        expires_at=later(3600),
    )
    assert accepted.send_at
    assert accepted.send_at.utcoffset() == timedelta(0)
    assert await messages.get(klien.id, accepted.id) == accepted
    assert await messages.by_key(klien.id, "k") == (accepted, "f")
    assert await messages.several(klien.id, [accepted.id, accepted.id + 1]) == {accepted.id: accepted}
    assert accepted.as_dict()["to"]["name"] == "Sari"


async def test_each_kind_status_and_source_comes_back(klien: Klien) -> None:
    party = await meet(klien.id)
    for kind in Kind:
        assert (await accept(klien.id, party, kind=kind)).kind is kind
    for n, (source, status) in enumerate([(Origin.CONTACT, S.RECEIVED), (Origin.PHONE, S.SENT)]):
        heard = await hear(klien.id, party, str(n), source=source, status=status)
        assert heard
        assert (heard.source, heard.status) == (source, status)


async def test_one_key_makes_one_message_of_a_klien(klien: Klien) -> None:
    other = await kliens.add("Toko Lain")
    party, theirs = await meet(klien.id), await meet(other.id)
    await accept(klien.id, party, key="k")
    with pytest.raises(StoreError):
        await accept(klien.id, party, key="k")
    assert await messages.by_key(other.id, "k") is None
    await accept(other.id, theirs, key="k")
    await accept(klien.id, party)
    await accept(klien.id, party)  # as many as one likes have none
    assert await rows("SELECT COUNT(*) FROM messages") == [(4,)]


async def test_nothing_is_accepted_for_a_chat_or_with_a_medium_of_another_klien(klien: Klien) -> None:
    other = await kliens.add("Toko Lain")
    ours, theirs = await meet(klien.id), await meet(other.id)
    async with transaction():
        medium = await media.add(other.id, status="stored", mimetype="image/png", path="2/x", now=NOW)
    with pytest.raises(NotFound):
        await accept(klien.id, theirs)
    with pytest.raises(NotFound):
        await accept(klien.id, ours, media_id=medium.id)
    assert await rows("SELECT * FROM messages") == []


async def test_no_klien_reaches_a_message_of_another(klien: Klien) -> None:
    other = await kliens.add("Toko Lain")
    party = await meet(klien.id)
    message = await accept(klien.id, party, key="k", expires_at=NOW)
    heard = await hear(klien.id, party, "A")
    assert heard
    assert await messages.get(other.id, message.id) is None
    assert await messages.by_wa_id(other.id, party.id, "A") is None
    assert await messages.several(other.id, [message.id]) == {}
    assert await messages.page(other.id, chat=party.id, direction=None, status=None, since=0, limit=9) == []
    assert await messages.position(other.id, message.id) == 0
    assert await messages.next_due(other.id, NOW) is None
    assert await messages.next_times(other.id) == (None, None)
    assert await messages.has_written_with(other.id, party.id) is False
    assert await messages.count_sent_since(other.id, NOW) == 0
    assert await move(other.id, message, S.CANCELLED) is None
    async with transaction():
        assert await messages.expire_due(other.id, NOW) == []
        assert await messages.fail_waiting(other.id, "logged_out", NOW) == []
    assert await messages.get(klien.id, message.id) == message


async def test_pages_are_filtered_by_what_was_asked_for(klien: Klien) -> None:
    one, two = await meet(klien.id), await meet(klien.id, GROUP)
    for chat in (one, two):
        await accept(klien.id, chat)
        await hear(klien.id, chat, "A")
    ids = [row[0] for row in await rows("SELECT id FROM messages ORDER BY id")]

    async def page(
        chat: int | None = None, direction: str | None = None, status: str | None = None, since: int = 0, limit: int = 9
    ) -> list[int]:
        found = await messages.page(klien.id, chat=chat, direction=direction, status=status, since=since, limit=limit)
        return [ids.index(message.id) for message in found]

    assert await page() == [0, 1, 2, 3]
    assert await page(limit=2) == [0, 1]
    assert await page(since=ids[1]) == [2, 3]
    assert await page(since=ids[1], limit=1) == [2]
    assert await page(chat=one.id) == [0, 1]
    assert await page(direction="in") == [1, 3]
    assert await page(status="queued") == [0, 2]
    assert await page(chat=two.id, direction="in", status="received", since=ids[0]) == [3]
    assert await page(status="nonsense") == []


async def test_the_queue_goes_by_when_each_may_leave(klien: Klien) -> None:
    party, other = await meet(klien.id), await kliens.add("Toko Lain")
    await accept(other.id, await meet(other.id), now=later(-99))
    tonight = await accept(klien.id, party, send_at=later(60))
    soon = await accept(klien.id, party, send_at=later(20))
    first, second = await accept(klien.id, party, now=later(10)), await accept(klien.id, party, now=later(10))
    late = await accept(klien.id, party, now=later(30))
    line = [first, second, soon, late, tonight]
    assert [await messages.position(klien.id, each.id) for each in line] == [0, 1, 2, 3, 4]
    went = []
    while due := await messages.next_due(klien.id, later(59)):
        went.append(due)
        await move(klien.id, due, S.SENDING)
    assert went == line[:4]
    assert await messages.next_due(klien.id, later(60)) == tonight
    assert await messages.position(klien.id, tonight.id) == 0


async def test_what_is_sent_at_once_waits_for_no_clock(klien: Klien) -> None:
    """Somebody may set it back."""
    message = await accept(klien.id, await meet(klien.id))
    await accept(klien.id, message.chat, send_at=later(-1800))
    assert await messages.next_due(klien.id, later(-3600)) == message


async def test_a_message_that_goes_back_keeps_its_place(klien: Klien) -> None:
    party = await meet(klien.id)
    first, second = await accept(klien.id, party), await accept(klien.id, party)
    await move(klien.id, first, S.SENDING, S.QUEUED)
    found = await messages.next_due(klien.id, NOW)
    assert found
    assert found.id == first.id
    assert await messages.position(klien.id, second.id) == 1


async def test_the_alarm_rings_for_what_may_leave_and_for_what_runs_out_first(klien: Klien) -> None:
    party = await meet(klien.id)
    assert await messages.next_times(klien.id) == (None, None)
    await accept(klien.id, party)
    assert await messages.next_times(klien.id) == (None, None)
    running_out = await accept(klien.id, party, expires_at=later(50))
    assert await messages.next_times(klien.id) == (None, later(50))
    await accept(klien.id, party, send_at=later(40), expires_at=later(90))
    assert await messages.next_times(klien.id) == (later(40), later(50))
    await move(klien.id, running_out, S.CANCELLED)
    await accept(klien.id, party, send_at=later(95))
    assert await messages.next_times(klien.id) == (later(40), later(90))


async def test_what_should_have_left_long_ago_goes_behind_what_waits_already(klien: Klien) -> None:
    party = await meet(klien.id)
    first = await accept(klien.id, party)
    late = await accept(klien.id, party, send_at=later(-3600))
    assert (await messages.position(klien.id, first.id), await messages.position(klien.id, late.id)) == (0, 1)


async def test_kliens_with_something_in_the_queue_are_known(klien: Klien) -> None:
    others = [await kliens.add(f"Toko {n}") for n in range(3)]
    sent = await accept(others[0].id, await meet(others[0].id))
    await move(others[0].id, sent, S.SENDING)
    await accept(others[2].id, await meet(others[2].id), send_at=later(999))
    await accept(klien.id, await meet(klien.id))
    assert await messages.kliens_waiting() == [klien.id, others[2].id]


@pytest.mark.parametrize("before", Status)
async def test_a_message_moves_where_it_may_and_nowhere_else(klien: Klien, before: Status) -> None:
    party = await meet(klien.id)
    for n, after in enumerate(Status):
        heard = await hear(klien.id, party, f"{n}", status=before)
        assert heard
        moved = await move(klien.id, heard, after, now=later(1))
        assert await messages.get(klien.id, heard.id) == (moved or heard)
        assert (moved == replace(heard, status=after, status_at=later(1))) is may_become(before, after)


async def test_what_a_move_tells_is_kept(klien: Klien) -> None:
    message = await accept(klien.id, await meet(klien.id))
    sending = await move(klien.id, message, S.SENDING, sending_at=later(1))
    back = await move(klien.id, message, S.QUEUED, error="internal")
    assert sending
    assert back
    assert back.error == "internal"
    again = await move(klien.id, message, S.SENDING)
    assert again
    assert again.error is None
    sent = await move(klien.id, message, S.SENT, wa_id="3EB0", at=later(2), sent_at=later(3))
    read = await move(klien.id, message, S.READ)
    assert sent
    assert (sent.wa_id, sent.at) == ("3EB0", later(2))
    assert read == replace(sent, status=S.READ)
    assert await messages.by_wa_id(klien.id, message.chat.id, "3EB0") == read
    assert await rows("SELECT tries, sending_at, sent_at FROM messages") == [
        (2, "2026-11-24 03:04:06.123456+00:00", "2026-11-24 03:04:08.123456+00:00")
    ]
    assert await move(klien.id, replace(message, id=message.id + 1), S.SENDING) is None


async def test_of_many_who_want_to_move_a_message_one_does(klien: Klien) -> None:
    message = await accept(klien.id, await meet(klien.id))
    ways = [S.SENDING, S.CANCELLED, S.EXPIRED] * 5
    moved = await asyncio.gather(*(move(klien.id, message, way) for way in ways))
    assert len([each for each in moved if each]) == 1


async def test_an_id_that_another_message_was_taken_to_have_goes_to_the_one_that_is_answered_with_it(
    klien: Klien,
) -> None:
    party = await meet(klien.id)
    guessed, answered = [await accept(klien.id, party) for _ in range(2)]
    for message in (guessed, answered):
        await move(klien.id, message, S.SENDING)
    settled = await move(klien.id, guessed, S.UNCERTAIN, S.SENT, wa_id="3EB0")
    assert await move(klien.id, await accept(klien.id, party), S.SENT, wa_id="3EB0") is None
    assert await messages.by_wa_id(klien.id, party.id, "3EB0") == settled  # who may not move takes nothing
    sent = await move(klien.id, answered, S.SENT, wa_id="3EB0")
    assert sent
    assert settled
    assert await messages.by_wa_id(klien.id, party.id, "3EB0") == sent
    assert await messages.get(klien.id, guessed.id) == replace(settled, wa_id=None)  # nothing accepted is lost


async def test_an_echo_that_came_before_the_answer_gives_way_to_what_was_sent(klien: Klien) -> None:
    message = await accept(klien.id, await meet(klien.id))
    await move(klien.id, message, S.SENDING)
    await hear(klien.id, message.chat, "3EB0", source=Origin.PHONE, sender_id=None, status=S.SENT)
    sent = await move(klien.id, message, S.SENT, wa_id="3EB0")
    assert await messages.page(klien.id, chat=None, direction=None, status=None, since=0, limit=9) == [sent]


async def test_what_waited_past_its_time_expires(klien: Klien) -> None:
    party = await meet(klien.id)
    waiting = [await accept(klien.id, party, expires_at=later(n)) for n in (3, 1, 2, 9)]
    leaving = await accept(klien.id, party, expires_at=later(1))
    await accept(klien.id, party)
    await move(klien.id, leaving, S.SENDING)
    async with transaction():
        expired = await messages.expire_due(klien.id, later(3), limit=2)
        rest = await messages.expire_due(klien.id, later(3))
        assert await messages.expire_due(klien.id, later(3)) == []
    assert expired == [replace(waiting[n], status=S.EXPIRED, status_at=later(3), error="expired") for n in (1, 2)]
    assert [message.id for message in rest] == [waiting[0].id]


async def test_a_whole_queue_fails_in_lots(klien: Klien) -> None:
    party, other = await meet(klien.id), await kliens.add("Toko Lain")
    waiting = [await accept(klien.id, party, send_at=later(n) if n % 2 else None) for n in range(5)]
    leaving = await accept(klien.id, party)
    theirs = await accept(other.id, await meet(other.id))
    await move(klien.id, leaving, S.SENDING)
    failed = []
    async with transaction():
        while lot := await messages.fail_waiting(klien.id, "logged_out", later(1), limit=2):
            failed += lot
    wanted = [replace(each, status=S.FAILED, status_at=later(1), error="logged_out") for each in waiting]
    assert sorted(failed, key=lambda message: message.id) == wanted
    assert await messages.get(other.id, theirs.id) == theirs


async def test_what_was_on_its_way_when_the_program_stopped_is_uncertain(klien: Klien) -> None:
    other = await kliens.add("Toko Lain")
    ours, theirs = await accept(klien.id, await meet(klien.id)), await accept(other.id, await meet(other.id))
    waits = await accept(klien.id, ours.chat)
    for message in (ours, theirs):
        await move(message.klien_id, message, S.SENDING)
    async with transaction():
        interrupted = await messages.interrupted(later(1))
        assert await messages.interrupted(later(1)) == []
    assert interrupted == [
        replace(each, status=S.UNCERTAIN, status_at=later(1), error="interrupted") for each in (ours, theirs)
    ]
    assert await messages.get(klien.id, waits.id) == waits


async def test_what_left_since_a_moment_is_counted(klien: Klien) -> None:
    party = await meet(klien.id)
    for n in range(4):
        await move(klien.id, await accept(klien.id, party), S.SENDING, S.SENT, sent_at=later(n))
    await accept(klien.id, party)
    await hear(klien.id, party, "A", source=Origin.PHONE, sender_id=None, status=S.SENT)
    assert await messages.count_sent_since(klien.id, later(2)) == 2
    assert await messages.count_sent_since(klien.id, later(4)) == 0


async def test_a_contact_is_new_until_something_came_or_left(klien: Klien) -> None:
    asked, sent, came, phoned = [await meet(klien.id, f"62811122{n}@s.whatsapp.net") for n in range(4)]
    await accept(klien.id, asked)
    await move(klien.id, await accept(klien.id, sent), S.SENDING, S.SENT, sent_at=NOW)
    await hear(klien.id, came, "A")
    await hear(klien.id, phoned, "A", source=Origin.PHONE, sender_id=None, status=S.SENT)
    known = [await messages.has_written_with(klien.id, party.id) for party in (asked, sent, came, phoned)]
    assert known == [False, True, True, True]


async def test_uncertain_ones_of_a_chat_are_found_in_the_order_of_sending(klien: Klien) -> None:
    party, other = await meet(klien.id), await meet(klien.id, GROUP)
    first, second, old = [await accept(klien.id, party) for _ in range(3)]
    for message, at in ((second, later(1)), (first, later(2)), (old, later(-1)), (await accept(klien.id, other), NOW)):
        await move(klien.id, message, S.SENDING, sending_at=at)
        await move(klien.id, message, S.UNCERTAIN)
    await move(klien.id, await accept(klien.id, party), S.SENDING, sending_at=later(3))
    found = await messages.uncertain_in(klien.id, party.id, NOW)
    assert [message.id for message in found] == [second.id, first.id]
