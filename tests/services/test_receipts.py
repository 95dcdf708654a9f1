"""What becomes of messages, as receipts tell it. Over the real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from talkabiz.domain.content import Kind
from talkabiz.domain.heard import ReceiptHeard, ReceiptType
from talkabiz.domain.message import Message, Status
from talkabiz.services.receipts import MOST_IDS
from talkabiz.store import kliens, messages, parties, receipts
from talkabiz.store.database import connected
from talkabiz.store.messages import NewMessage
from talkabiz.store.writing import Tell
from tests.fakes import NOW
from tests.services.hearing import (
    ANI,
    ANI_LID,
    BUDI,
    GROUP,
    ME,
    Hearing,
    count_kept,
    message,
    open_hearing,
    receipt,
    source,
)

DELIVERED, READ, PLAYED = ReceiptType.DELIVERED, ReceiptType.READ, ReceiptType.PLAYED


@pytest.fixture(name="hearing")
async def _hearing(db_url: str) -> AsyncIterator[Hearing]:
    async with open_hearing() as hearing:
        yield hearing


async def sent(
    hearing: Hearing, klien_id: int, to: str = ANI, wa_id: str = "3EB0A", status: Status = Status.SENT
) -> Message:
    """A message of ours that has gone so far."""

    async def job(_tell: Tell) -> Message:
        chat = await parties.known(klien_id, jid=to)
        it = await messages.accept(klien_id, NewMessage(chat.id, Kind.TEXT, "halo", NOW))
        it = await messages.move(klien_id, it.id, Status.SENDING, NOW, sending_at=NOW) or it
        if status is not Status.SENDING:
            known = wa_id if status is Status.SENT else None
            it = await messages.move(klien_id, it.id, status, NOW, wa_id=known, at=NOW, sent_at=NOW) or it
        assert it.status is status
        return it

    it: Message = await hearing.writer.write(job)
    return it


async def now(hearing: Hearing, klien_id: int, it: Message) -> Message:
    return {row.id: row for row in await hearing.all(klien_id)}[it.id]


async def test_of_a_receipt_that_names_too_many_only_the_first_count(hearing: Hearing, klien_id: int) -> None:
    it = await sent(hearing, klien_id)
    await hearing.hear_all(klien_id, receipt(DELIVERED, "3EB0A", *(f"3EB0{n:06}" for n in range(300_000))))
    assert (await now(hearing, klien_id, it)).status is Status.DELIVERED
    _, rows = await connected().execute_query("SELECT COUNT(*) AS n FROM receipts")
    assert rows[0]["n"] == MOST_IDS


@pytest.mark.parametrize(
    ("types", "told"),
    [
        ([DELIVERED, READ, PLAYED], ["delivered", "read", "played"]),
        ([ReceiptType.INACTIVE, DELIVERED], ["delivered"]),
        ([READ, DELIVERED, READ, READ], ["read"]),
        ([PLAYED, READ, DELIVERED], ["played"]),
        ([ReceiptType.RETRY, ReceiptType.OTHER, ReceiptType.READ_SELF], []),
    ],
)
async def test_a_status_only_moves_forward(
    hearing: Hearing, klien_id: int, types: list[ReceiptType], told: list[str]
) -> None:
    it = await sent(hearing, klien_id)
    events = await hearing.hear_all(klien_id, *(receipt(type_, "3EB0A") for type_ in types))
    assert [(event.type, event.data["id"], event.data["status"]) for event in events] == [
        ("message_status", it.id, status) for status in told
    ]
    assert (await now(hearing, klien_id, it)).status == (told[-1] if told else "sent")


async def test_a_receipt_names_many_and_comes_from_either_address(hearing: Hearing, klien_id: int) -> None:
    first, second = await sent(hearing, klien_id), await sent(hearing, klien_id, wa_id="3EB0B")
    both = ReceiptHeard(("3EB0A", "3EB0A", "two words", "3EB0B"), READ, ANI_LID, ANI_LID, ANI, False, NOW)
    events = await hearing.hear_all(klien_id, both, both)
    assert [event.data["id"] for event in events] == [first.id, second.id]
    assert {event.data["chat"]["lid"] for event in events} == {ANI_LID}


async def test_a_receipt_from_an_address_that_nobody_knew_joins_the_two(hearing: Hearing, klien_id: int) -> None:
    it = await sent(hearing, klien_id)
    unknown = await hearing.hear_all(klien_id, receipt(DELIVERED, "3EB0FF", chat=ANI_LID))
    assert unknown == []
    delivered, read = await hearing.hear_all(
        klien_id, *(receipt(type_, "3EB0A", chat=ANI_LID) for type_ in (DELIVERED, READ))
    )
    assert [(event.data["id"], event.data["status"]) for event in (delivered, read)] == [
        (it.id, "delivered"),
        (it.id, "read"),
    ]
    assert (delivered.data["chat"]["jid"], delivered.data["chat"]["lid"]) == (ANI, ANI_LID)


async def test_only_who_got_it_is_joined(hearing: Hearing, klien_id: int) -> None:
    other = (await kliens.add("Toko Lain")).id
    await sent(hearing, klien_id)
    await sent(hearing, klien_id, to=GROUP, wa_id="3EB0B")
    await sent(hearing, klien_id, to=BUDI, wa_id="3EB0C")
    await hearing.hear_all(
        klien_id, message("halo", source(BUDI, alt="9222@lid")), message("theirs", source(id_="3EB0D"))
    )
    for klien, *ids in ((other, "3EB0A"), (klien_id, "3EB0B"), (klien_id, "3EB0C"), (klien_id, "3EB0D")):
        assert await hearing.hear_all(klien, receipt(READ, *ids, chat=ANI_LID)) == []
    ani = await parties.find(klien_id, ANI)
    assert ani
    assert ani.lid is None


async def test_in_a_group_each_counts_once_and_the_first_moves_the_status(hearing: Hearing, klien_id: int) -> None:
    it = await sent(hearing, klien_id, GROUP)

    async def job(_tell: Tell) -> None:
        await parties.note_group(klien_id, it.chat.id, name="Pelanggan", members=3)

    await hearing.writer.write(job)
    by_ani, by_budi = (
        receipt(DELIVERED, "3EB0A", chat=GROUP, sender=ANI),
        receipt(DELIVERED, "3EB0A", chat=GROUP, sender=BUDI),
    )
    (event,) = await hearing.hear_all(klien_id, by_ani)
    assert event.data["receipts"] == {"delivered": 1, "read": 0, "played": 0, "of": 3}
    hearing.hear(klien_id, by_budi, by_budi, by_ani)
    passing = await hearing.wait(lambda event: event.id is None)
    assert (passing.type, passing.data["status"]) == ("message_status", "delivered")
    assert passing.data["receipts"] == {"delivered": 2, "read": 0, "played": 0, "of": 3}
    assert passing.seq == passing.data["seq"] == event.seq
    (read,) = await hearing.hear_all(klien_id, receipt(READ, "3EB0A", chat=GROUP, sender=BUDI))
    assert read.data["status"] == "read"
    assert read.data["receipts"] == {"delivered": 2, "read": 1, "played": 0, "of": 3}
    assert len([event for event in hearing.events if event.type == "message_status"]) == 3
    given = {each.party.jid: bool(each.read_at) for each in await receipts.of(klien_id, it.chat.id, "3EB0A")}
    assert given == {ANI: False, BUDI: True}


async def test_a_receipt_that_comes_before_the_answer_is_kept(hearing: Hearing, klien_id: int) -> None:
    it = await sent(hearing, klien_id, status=Status.SENDING)
    events = await hearing.hear_all(klien_id, receipt(DELIVERED, "3EB0A"))
    assert events == []
    assert hearing.settled == [(klien_id, it.chat.id, "3EB0A", NOW)]
    assert await receipts.unclaimed(klien_id, it.chat.id, NOW - timedelta(hours=1)) == ["3EB0A"]
    assert (await now(hearing, klien_id, it)).status is Status.SENDING


async def test_what_another_device_has_got_has_left(hearing: Hearing, klien_id: int) -> None:
    it = await sent(hearing, klien_id, status=Status.UNCERTAIN)
    (events, known) = (
        await hearing.hear_all(klien_id, receipt(ReceiptType.SENDER, "3EB0A", from_me=True)),
        await sent(hearing, klien_id, wa_id="3EB0B"),
    )
    await hearing.hear_all(klien_id, receipt(ReceiptType.SENDER, "3EB0B", from_me=True))
    assert (events, known.status) == ([], Status.SENT)
    assert hearing.settled == [(klien_id, it.chat.id, "3EB0A", NOW)]
    assert await receipts.unclaimed(klien_id, it.chat.id, NOW - timedelta(hours=1)) == ["3EB0A"]


async def test_what_is_settled_moves_on_with_the_receipt_that_settled_it(hearing: Hearing, klien_id: int) -> None:
    it = await sent(hearing, klien_id, status=Status.UNCERTAIN)

    async def settle(klien: int, chat_id: int, wa_id: str, _at: object, tell: Tell) -> None:
        (open_,) = await messages.uncertain_in(klien, chat_id, NOW - timedelta(minutes=10))
        moved = await messages.move(klien, open_.id, Status.SENT, NOW, wa_id=wa_id)
        assert moved
        await tell(klien, "message_status", NOW, moved.as_dict())

    hearing.inbound._taker._settle = settle
    events = await hearing.hear_all(klien_id, receipt(READ, "3EB0A"))
    assert [(event.data["id"], event.data["status"]) for event in events] == [(it.id, "sent"), (it.id, "read")]


async def test_what_the_own_phone_reads_is_read(hearing: Hearing, klien_id: int) -> None:
    first, second, third = source(), source(), source()
    await hearing.hear_all(klien_id, message("satu", first), message("dua", second), message("tiga", third))
    for type_ in (READ, ReceiptType.READ_SELF):
        events = await hearing.hear_all(klien_id, receipt(type_, first.id, second.id, from_me=True))
        expected = [("message_status", first.id, "read"), ("message_status", second.id, "read")]
        assert [(event.type, event.data["wa_id"], event.data["status"]) for event in events] == (
            expected if type_ is READ else []
        )
        assert (await hearing.chat(klien_id)).unread == 1
    (played,) = await hearing.hear_all(klien_id, receipt(ReceiptType.PLAYED_SELF, third.id, from_me=True))
    assert played.data["status"] == "played"
    assert (await hearing.chat(klien_id)).unread == 0


async def test_what_came_before_what_is_read_is_not_unread_either(hearing: Hearing, klien_id: int) -> None:
    first, second, third = source(), source(), source()
    await hearing.hear_all(klien_id, message("satu", first), message("dua", second), message("tiga", third))
    await hearing.hear_all(klien_id, receipt(READ, second.id, from_me=True))
    assert (await hearing.chat(klien_id)).unread == 1


async def test_sums_that_a_status_has_overtaken_are_not_told_again(hearing: Hearing, klien_id: int) -> None:
    await sent(hearing, klien_id, GROUP)
    given = [(DELIVERED, ANI), (DELIVERED, BUDI), (READ, BUDI)]
    await hearing.hear_all(klien_id, *(receipt(type_, "3EB0A", chat=GROUP, sender=who) for type_, who in given))
    await hearing.hear_all(klien_id, message("sesudahnya"))
    told = [(event.is_durable, event.data["status"]) for event in hearing.events if event.type == "message_status"]
    assert told == [(True, "delivered"), (True, "read")]


async def test_what_a_rule_of_the_tables_forbids_holds_nothing_up(hearing: Hearing, klien_id: int) -> None:
    async def settle(*_: object) -> None:
        await connected().execute_query("INSERT INTO kliens (id, nama) VALUES (?, NULL)", [klien_id])

    hearing.inbound._taker._settle = settle
    (event,) = await hearing.hear_all(klien_id, receipt(DELIVERED, "3EB0A"), message("sesudahnya"))
    assert event.data["text"] == "sesudahnya"
    assert await count_kept() == 1


async def test_nobody_else_says_what_became_of_what_came_in(hearing: Hearing, klien_id: int) -> None:
    theirs = source()
    await hearing.hear_all(klien_id, message("satu", theirs))
    for type_ in ReceiptType:
        assert await hearing.hear_all(klien_id, receipt(type_, theirs.id)) == []
    assert (await hearing.chat(klien_id)).unread == 1
    ours = await sent(hearing, klien_id)
    for type_ in (READ, ReceiptType.READ_SELF, PLAYED, DELIVERED):
        assert await hearing.hear_all(klien_id, receipt(type_, "3EB0A", from_me=True)) == []
    assert (await now(hearing, klien_id, ours)).status is Status.SENT
    assert await hearing.hear_all(klien_id, receipt(READ, "3EB0A", chat=BUDI)) == []
    assert (await now(hearing, klien_id, ours)).status is Status.SENT


async def test_a_chat_that_is_only_read_elsewhere_does_not_become_known(hearing: Hearing, klien_id: int) -> None:
    await hearing.hear_all(klien_id, receipt(ReceiptType.READ_SELF, "3EB0", chat=BUDI, from_me=True))
    assert await parties.find(klien_id, BUDI) is None
    assert await parties.find(klien_id, ME) is None
