"""What is old goes, in lots, and nothing else does."""

from __future__ import annotations

import itertools
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta

import pytest

from talkabiz.domain.heard import ReceiptType as R
from talkabiz.domain.klien import Klien
from talkabiz.domain.message import Party, Status
from talkabiz.store import heard, messages, parties, receipts, retention
from talkabiz.store.database import transaction
from tests.store.chatting import GROUP, accept, hear, meet, move, rows
from tests.store.conftest import NOW, later

DAY = 86_400
CUTOFF = later(0)
OLD, YOUNG = later(-1), later(1)


async def forget_messages(before: datetime = CUTOFF, limit: int = retention.LOT) -> int:
    """Lot by lot. How many lots there were."""
    after: int | None = 0
    lots = 0
    while after is not None:
        async with transaction():
            after = await retention.forget_messages(before, after, limit)
        lots += 1
    return lots


async def kept() -> list[str]:
    return [text for (text,) in await rows("SELECT text FROM messages ORDER BY id")]


async def test_what_came_in_goes_with_its_time(klien: Klien) -> None:
    chat = await meet(klien.id)
    await hear(klien.id, chat, "A", "old", now=OLD, at=later(-9))
    await hear(klien.id, chat, "B", "young", now=YOUNG, at=later(-9))
    await forget_messages()
    assert await kept() == ["young"]


@pytest.mark.parametrize(
    ("way", "is_kept"),
    [
        ((), True),
        ((Status.SENDING,), True),
        ((Status.CANCELLED,), False),
        ((Status.EXPIRED,), False),
        ((Status.SENDING, Status.FAILED), False),
        ((Status.SENDING, Status.UNCERTAIN), False),
        ((Status.SENDING, Status.SENT), False),
        ((Status.SENDING, Status.SENT, Status.READ), False),
    ],
)
async def test_what_waits_or_is_on_its_way_stays(klien: Klien, way: tuple[Status, ...], *, is_kept: bool) -> None:
    message = await accept(klien.id, await meet(klien.id), now=OLD)
    for status in way:
        await move(klien.id, message, status, now=OLD)
    await forget_messages()
    assert bool(await kept()) is is_kept


@pytest.mark.parametrize("end", [Status.SENT, Status.FAILED, Status.UNCERTAIN])
async def test_what_waited_for_long_is_as_young_as_its_end(klien: Klien, end: Status) -> None:
    message = await accept(klien.id, await meet(klien.id), now=later(-40 * DAY))
    await move(klien.id, message, Status.SENDING, now=YOUNG)
    await move(klien.id, message, end, now=YOUNG, sent_at=YOUNG if end is Status.SENT else None)
    await forget_messages()
    assert len(await kept()) == 1


async def test_a_receipt_makes_what_was_sent_no_younger(klien: Klien) -> None:
    message = await accept(klien.id, await meet(klien.id), now=OLD)
    await move(klien.id, message, Status.SENDING, Status.SENT, now=OLD, sent_at=OLD)
    await move(klien.id, message, Status.READ, now=YOUNG)
    await forget_messages()
    assert await kept() == []


async def sent(klien_id: int, chat: Party, wa_id: str, at: datetime) -> None:
    message = await accept(klien_id, chat, now=at)
    await move(klien_id, message, Status.SENDING, now=at)
    await move(klien_id, message, Status.SENT, now=at, sent_at=at, wa_id=wa_id)
    async with transaction():
        await receipts.note(klien_id, chat.id, wa_id, chat.id, R.DELIVERED, at)


async def test_receipts_go_with_their_message_and_no_others(klien: Klien) -> None:
    chat, group = await meet(klien.id), await meet(klien.id, GROUP)
    await sent(klien.id, chat, "A", OLD)
    await sent(klien.id, group, "A", YOUNG)
    await sent(klien.id, chat, "B", YOUNG)
    await forget_messages()
    assert await rows("SELECT chat_id, wa_id FROM receipts ORDER BY id") == [(group.id, "A"), (chat.id, "B")]


async def test_a_chat_stays_and_shows_what_is_left_of_it(klien: Klien) -> None:
    gone, left = await meet(klien.id), await meet(klien.id, GROUP)
    for chat, wa_id, at in ((gone, "A", OLD), (gone, "B", OLD), (left, "C", OLD), (left, "D", YOUNG)):
        await hear(klien.id, chat, wa_id, wa_id, now=at, at=at)
    await forget_messages()
    shown = {chat.party.id: chat for chat in await parties.chats(klien.id, None, 9)}
    assert (shown[gone.id].last, shown[gone.id].unread, shown[gone.id].last_at) == (None, 0, OLD)
    last = shown[left.id].last
    assert (last and last.text, shown[left.id].unread) == ("D", 1)


async def test_what_was_read_does_not_become_unread_again(klien: Klien) -> None:
    chat = await meet(klien.id)
    await hear(klien.id, chat, "A", now=OLD)
    await hear(klien.id, chat, "B", now=YOUNG)
    async with transaction():
        await parties.note_read(klien.id, chat.id)
    await forget_messages()
    assert (await parties.chats(klien.id, None, 9))[0].unread == 0


async def test_a_chat_without_anything_unread_is_not_counted_through(klien: Klien, database: str) -> None:
    read, unread = await meet(klien.id), await meet(klien.id, GROUP)
    for number in range(100):
        for chat in (read, unread):
            await hear(klien.id, chat, f"A{number}")
    async with transaction():
        await parties.note_read(klien.id, read.id)
    assert effort(database, read) * 10 < effort(database, unread)


def effort(url: str, chat: Party) -> int:
    """Of bringing what a chat shows up to date, in SQLite's own instructions."""
    count = itertools.count()
    with closing(sqlite3.connect(url.removeprefix("sqlite://"))) as file:
        file.execute("SELECT 1 FROM parties")  # reads the schema
        file.set_progress_handler(lambda: next(count) < 0, 1)
        file.execute(retention._CHAT, ["in", "received", "undecryptable", chat.id])
    return next(count)


async def test_messages_go_in_lots_and_what_is_young_is_not_looked_through(klien: Klien) -> None:
    chat = await meet(klien.id)
    waiting = await accept(klien.id, chat, "waits", now=OLD)
    for number in range(7):
        await hear(klien.id, chat, f"A{number}", now=OLD)
    for number in range(9):
        await hear(klien.id, chat, f"B{number}", f"young {number}", now=YOUNG)
    assert await forget_messages(limit=3) == 3
    assert await kept() == [waiting.text, *(f"young {number}" for number in range(9))]


async def test_what_could_not_be_taken_in_goes_and_what_waits_stays(klien: Klien) -> None:
    async with transaction():
        await heard.add(
            [(klien.id, 1, each, at) for each, at in ((b"a", OLD), (b"b", OLD), (b"c", YOUNG), (b"d", OLD))]
        )
    failed = [row.id for row in await heard.next(9)][:3]
    for _ in range(heard.MOST_TRIES):
        async with transaction():
            for each in failed:
                await heard.failed(each, "ValueError: nonsense")
    more = []
    for _ in range(3):
        async with transaction():
            more.append(await retention.forget_failed_heard(CUTOFF, 1))
    assert more == [True, True, False]
    assert [bytes(data) for (data,) in await rows("SELECT data FROM heard ORDER BY id")] == [b"c", b"d"]


async def test_unclaimed_receipts_go_in_lots(klien: Klien) -> None:
    chat = await meet(klien.id)
    await sent(klien.id, chat, "mine", OLD)
    async with transaction():
        for wa_id, at in (("A", OLD), ("B", OLD), ("C", OLD), ("D", YOUNG), ("E", YOUNG)):
            await receipts.note(klien.id, chat.id, wa_id, chat.id, R.DELIVERED, at)
    after: int | None = 0
    lots = 0
    while after is not None:
        async with transaction():
            after = await retention.forget_unclaimed(CUTOFF, after, 2)
        lots += 1
    assert lots == 3
    assert await rows("SELECT wa_id FROM receipts ORDER BY id") == [("mine",), ("D",), ("E",)]


async def test_nothing_at_all_is_no_fault(klien: Klien) -> None:
    assert await messages.kliens_waiting() == []
    assert klien.id
    assert await forget_messages(NOW + timedelta(days=9)) == 1
    async with transaction():
        assert await retention.forget_unclaimed(CUTOFF) is None
        assert not await retention.forget_failed_heard(CUTOFF)
