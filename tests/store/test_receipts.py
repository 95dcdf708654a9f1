from __future__ import annotations

from datetime import datetime

import pytest

from talkabiz.domain.heard import ReceiptType as R
from talkabiz.domain.klien import Klien
from talkabiz.domain.message import Message, Party, Status
from talkabiz.store import kliens, messages, parties, receipts, retention
from talkabiz.store.database import transaction
from talkabiz.store.receipts import Given
from tests.store.chatting import GROUP, NUMBER, NUMBER_OF_OTHER, accept, hear, meet, move
from tests.store.conftest import NOW, later


async def note(klien_id: int, chat: Party, party: Party, type_: R, at: datetime = NOW, *, wa_id: str = "A") -> bool:
    async with transaction():
        return await receipts.note(klien_id, chat.id, wa_id, party.id, type_, at)


async def sent(klien_id: int, chat: Party, wa_id: str = "A") -> Message:
    moved = await move(klien_id, await accept(klien_id, chat), Status.SENDING, Status.SENT, wa_id=wa_id)
    assert moved
    return moved


async def test_a_receipt_is_new_where_it_says_more_than_is_known(klien: Klien) -> None:
    party = await meet(klien.id)
    told = [R.SENDER, R.SENDER, R.DELIVERED, R.INACTIVE, R.READ, R.DELIVERED, R.READ, R.PLAYED, R.READ]
    new = [await note(klien.id, party, party, type_, later(n)) for n, type_ in enumerate(told)]
    assert new == [True, False, True, False, True, False, False, True, False]
    assert await receipts.of(klien.id, party.id, "A") == [Given(party, later(2), later(4), later(7))]


async def test_who_has_read_it_has_got_it(klien: Klien) -> None:
    party = await meet(klien.id)
    assert await note(klien.id, party, party, R.PLAYED)
    assert await receipts.of(klien.id, party.id, "A") == [Given(party, NOW, NOW, NOW)]


@pytest.mark.parametrize("type_", [R.READ_SELF, R.PLAYED_SELF, R.RETRY, R.OTHER])
async def test_what_says_nothing_of_the_way_is_not_kept(klien: Klien, type_: R) -> None:
    party = await meet(klien.id)
    assert await note(klien.id, party, party, type_) is False
    assert await receipts.of(klien.id, party.id, "A") == []


async def test_in_a_group_each_counts_and_the_sums_stand_in_the_message(klien: Klien) -> None:
    group, account = await meet(klien.id, GROUP), await meet(klien.id, NUMBER)
    message = await sent(klien.id, group)
    assert message.receipts == {"delivered": 0, "read": 0, "played": 0}
    people = [await meet(klien.id, f"{n}@lid") for n in range(3)]
    await note(klien.id, group, account, R.SENDER)
    for person, type_ in zip(people, (R.DELIVERED, R.READ, R.PLAYED), strict=True):
        await note(klien.id, group, person, type_)
    await note(klien.id, group, people[0], R.READ, wa_id="B")
    sums = {"delivered": 3, "read": 2, "played": 1}
    assert await receipts.sums(klien.id, group.id, "A") == sums
    async with transaction():
        await parties.note_group(klien.id, group.id, members=7)
    assert await receipts.sums(klien.id, group.id, "A") == {**sums, "of": 7}
    found = await messages.get(klien.id, message.id)
    assert found
    assert found.receipts == {**sums, "of": 7}


async def test_sums_are_of_what_a_klien_sent_to_groups(klien: Klien) -> None:
    assert (await sent(klien.id, await meet(klien.id))).receipts is None
    heard = await hear(klien.id, await meet(klien.id, GROUP))
    assert heard
    assert heard.receipts is None


async def test_no_klien_gives_or_sees_receipts_of_another(klien: Klien) -> None:
    other = await kliens.add("Toko Lain")
    party = await meet(klien.id)
    assert await note(other.id, party, party, R.READ) is False
    assert await note(klien.id, party, party, R.READ) is True
    assert await receipts.of(other.id, party.id, "A") == []
    assert await receipts.sums(other.id, party.id, "A") == {"delivered": 0, "read": 0, "played": 0}
    assert await receipts.unclaimed(other.id, party.id, NOW) == []


async def test_receipts_of_messages_that_nobody_has_are_found_and_forgotten_later(klien: Klien) -> None:
    party, group = await meet(klien.id), await meet(klien.id, GROUP)
    await sent(klien.id, party, "mine")
    for wa_id, at in (("old", later(-1)), ("B", later(1)), ("A", later(2)), ("mine", NOW)):
        await note(klien.id, party, party, R.DELIVERED, at, wa_id=wa_id)
    await note(klien.id, party, await meet(klien.id, NUMBER_OF_OTHER), R.SENDER, later(3), wa_id="B")
    await note(klien.id, group, party, R.DELIVERED, NOW, wa_id="mine")  # of another chat
    assert await receipts.unclaimed(klien.id, party.id, NOW) == ["B", "A"]
    async with transaction():
        await retention.forget_unclaimed(later(2))
    assert await receipts.unclaimed(klien.id, party.id, later(-9)) == ["A", "B"]
    assert await receipts.unclaimed(klien.id, group.id, later(-9)) == []
    assert len(await receipts.of(klien.id, party.id, "mine")) == 1
