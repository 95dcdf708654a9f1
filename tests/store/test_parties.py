from __future__ import annotations

from dataclasses import replace

import pytest

from talkabiz.domain.content import Kind
from talkabiz.domain.errors import InvalidInput, NotFound
from talkabiz.domain.heard import ReceiptType
from talkabiz.domain.inputs import Me
from talkabiz.domain.klien import Klien
from talkabiz.domain.message import Party, Status
from talkabiz.domain.states import Session
from talkabiz.store import kliens, messages, parties, receipts, sessions
from talkabiz.store.database import transaction
from talkabiz.store.errors import StoreError
from talkabiz.store.reading import note_read_up_to
from tests.store.chatting import GROUP, LID, NUMBER, NUMBER_OF_OTHER, accept, hear, meet, rows
from tests.store.conftest import NOW, later


@pytest.mark.parametrize(
    ("jid", "alt", "known"),
    [
        (NUMBER, "", (NUMBER, "628111222", None)),
        (LID, "", (LID, None, LID)),
        (NUMBER, LID, (NUMBER, "628111222", LID)),
        (LID, NUMBER, (NUMBER, "628111222", LID)),
        ("628111222:7@s.whatsapp.net", "987:7@lid", (NUMBER, "628111222", LID)),
        (GROUP, "", (GROUP, None, None)),
        ("628111222-1600000000@g.us", "", ("628111222-1600000000@g.us", None, None)),
        ("status@broadcast", "", ("status@broadcast", None, None)),
    ],
)
async def test_each_address_makes_the_party_that_it_is_of(
    klien: Klien, jid: str, alt: str, known: tuple[object, ...]
) -> None:
    party = await meet(klien.id, jid, alt)
    assert (party.jid, party.phone, party.lid) == known
    assert await meet(klien.id, jid, alt) == party
    assert await parties.get(klien.id, party.id) == party
    assert await parties.find(klien.id, jid) == party


@pytest.mark.parametrize("jid", ["", "nobody", "628111222 @s.whatsapp.net", "@lid"])
async def test_what_is_no_address_is_refused(klien: Klien, jid: str) -> None:
    with pytest.raises(InvalidInput):
        await meet(klien.id, jid)
    assert await rows("SELECT * FROM parties") == []


async def test_a_party_is_found_by_each_of_its_addresses(klien: Klien) -> None:
    party = await meet(klien.id, LID, NUMBER)
    for spelled in ("628111222", NUMBER, "628111222:3@s.whatsapp.net", LID):
        assert await parties.find(klien.id, spelled) == party
    assert await parties.find(klien.id, "628111223") is None
    assert await parties.find(klien.id, GROUP) is None


async def test_a_name_is_kept_until_another_is_told_and_cleaned(klien: Klien) -> None:
    party = await meet(klien.id, NUMBER, name="Ibu\u202e Sari\n")
    assert party.name == "Ibu Sari"
    assert (await meet(klien.id, NUMBER)).name == "Ibu Sari"
    assert (await meet(klien.id, NUMBER, name=" \u202e")).name == "Ibu Sari"
    assert (await meet(klien.id, LID, NUMBER, name="Sari")) == replace(party, lid=LID, name="Sari")


async def test_what_was_known_of_both_addresses_becomes_one(klien: Klien) -> None:
    hidden, numbered = await meet(klien.id, LID, name="Sari"), await meet(klien.id, NUMBER)
    group = await meet(klien.id, GROUP)
    first = await hear(klien.id, hidden, "A", at=later(5))
    waiting = await accept(klien.id, hidden)
    said = await hear(klien.id, group, "B", sender_id=hidden.id)
    second = await hear(klien.id, numbered, "C", at=later(1))
    async with transaction():
        await receipts.note(klien.id, hidden.id, "X", hidden.id, ReceiptType.DELIVERED, NOW)
        await receipts.note(klien.id, group.id, "Y", hidden.id, ReceiptType.READ, NOW)
        await receipts.note(klien.id, group.id, "Y", numbered.id, ReceiptType.DELIVERED, NOW)

    joined = await meet(klien.id, LID, NUMBER)
    assert joined == Party(numbered.id, NUMBER, "628111222", LID, "Sari")
    assert await parties.get(klien.id, hidden.id) is None
    assert first
    assert second
    assert said
    in_chat = await messages.page(klien.id, chat=joined.id, direction=None, status=None, since=0, limit=10)
    assert [message.id for message in in_chat] == [first.id, waiting.id, second.id]
    found = await messages.get(klien.id, said.id)
    assert found
    assert found.sender == joined
    assert [(given.party, given.read_at) for given in await receipts.of(klien.id, group.id, "Y")] == [(joined, NOW)]
    assert await receipts.sums(klien.id, joined.id, "X") == {"delivered": 1, "read": 0, "played": 0}
    assert await rows("SELECT COUNT(*) FROM receipts") == [(2,)]
    (chat, *_) = await parties.chats(klien.id, None, 10)
    assert chat.party == joined
    assert (chat.unread, chat.last_at) == (2, later(5))


async def test_the_same_message_under_both_addresses_is_one_afterwards_and_the_one_that_can_be_read(
    klien: Klien,
) -> None:
    hidden, numbered = await meet(klien.id, LID), await meet(klien.id, NUMBER)
    await hear(klien.id, hidden, "A", "", status=Status.UNDECRYPTABLE)
    readable = await hear(klien.id, numbered, "A", "terbaca")
    kept = await hear(klien.id, hidden, "B", "terbaca")
    await hear(klien.id, numbered, "B", "dua kali")
    joined = await meet(klien.id, NUMBER, LID)
    in_chat = await messages.page(klien.id, chat=joined.id, direction=None, status=None, since=0, limit=10)
    assert readable
    assert kept
    assert [message.id for message in in_chat] == [readable.id, kept.id]
    (chat,) = await parties.chats(klien.id, None, 9)
    assert (chat.unread, chat.last) == (2, in_chat[-1])


@pytest.mark.parametrize("has_later", [True, False])
@pytest.mark.parametrize("first", [LID, NUMBER])
async def test_a_chat_shows_as_its_last_one_what_is_still_there(klien: Klien, first: str, *, has_later: bool) -> None:
    chats = [await meet(klien.id, first), await meet(klien.id, NUMBER if first == LID else LID)]
    kept = await hear(klien.id, chats[0], "A", at=later(1))
    assert await hear(klien.id, chats[1], "A", at=later(2))  # the later one, and the one that goes
    last = await hear(klien.id, chats[0], "B", at=later(3)) if has_later else kept
    await meet(klien.id, NUMBER, LID)
    assert last
    (chat,) = await parties.chats(klien.id, None, 9)
    assert chat.last
    assert (chat.last.id, chat.last_at) == (last.id, last.at)


async def test_of_the_same_message_under_both_addresses_what_was_read_is_not_taken_off(klien: Klien) -> None:
    hidden, numbered = await meet(klien.id, LID), await meet(klien.id, NUMBER)
    for chat in (numbered, hidden):
        await hear(klien.id, chat, "A")
        await hear(klien.id, chat, "B", kind=Kind.REACTION)
        message = await hear(klien.id, chat, "C")
        assert message
        async with transaction():  # on the phone, which names the last one alone
            await note_read_up_to(klien.id, chat.id, message.id)
    await hear(klien.id, hidden, "D")
    await hear(klien.id, numbered, "E")
    assert await rows("SELECT unread FROM parties") == [(1,), (1,)]
    await meet(klien.id, NUMBER, LID)
    assert (await parties.chats(klien.id, None, 9))[0].unread == 2


async def test_a_lid_that_came_with_another_number_moves_to_the_number_that_is_told_last(klien: Klien) -> None:
    before = await meet(klien.id, NUMBER_OF_OTHER, LID)
    party = await meet(klien.id, NUMBER)
    assert await meet(klien.id, NUMBER, LID) == replace(party, lid=LID)
    assert await parties.get(klien.id, before.id) == replace(before, lid=None)


async def test_a_person_with_a_new_number_stays_the_same_party(klien: Klien) -> None:
    before = await meet(klien.id, NUMBER_OF_OTHER, LID)
    assert await meet(klien.id, NUMBER, LID) == Party(before.id, NUMBER, "628111222", LID)
    assert await parties.find(klien.id, "628222333") is None


async def test_a_number_with_a_new_lid_stays_the_same_party(klien: Klien) -> None:
    before = await meet(klien.id, NUMBER, LID)
    assert await meet(klien.id, NUMBER, "988@lid") == replace(before, lid="988@lid")


async def test_kliens_know_the_same_person_each_for_itself(klien: Klien) -> None:
    other = await kliens.add("Toko Lain")
    ours, theirs = await meet(klien.id, LID, name="Sari"), await meet(other.id, LID)
    numbered = await meet(other.id, NUMBER)
    assert ours.id != theirs.id
    assert await parties.get(klien.id, theirs.id) is None
    assert await parties.find(klien.id, "628111222") is None
    joined = await meet(other.id, NUMBER, LID, name="Bu Sari")
    assert joined.id == numbered.id
    assert await parties.get(klien.id, ours.id) == ours


async def test_a_klien_that_does_not_exist_knows_nobody(klien: Klien) -> None:
    with pytest.raises(NotFound):
        await meet(klien.id + 1, NUMBER)
    with pytest.raises(NotFound):
        await parties.account(klien.id + 1)


async def test_a_party_is_made_in_a_transaction_only(klien: Klien) -> None:
    with pytest.raises(StoreError):
        await parties.known(klien.id, jid=NUMBER)


async def test_the_account_is_the_linked_one(klien: Klien) -> None:
    assert await parties.account(klien.id) == Party(0, "")
    async with transaction():
        await sessions.save(klien.id, Session(since=NOW, me=Me("628999", "5@lid", "Toko")), None, NOW)
    assert await parties.account(klien.id) == Party(0, "628999@s.whatsapp.net", "628999", "5@lid", "Toko")


async def test_chats_come_in_pages_the_latest_first(klien: Klien) -> None:
    chats = [await meet(klien.id, f"62811{n}@s.whatsapp.net") for n in range(5)]
    for n, chat in enumerate(chats[:4]):
        await hear(klien.id, chat, "A", at=later(min(n, 2)))
    other = await kliens.add("Toko Lain")
    await hear(other.id, await meet(other.id), "A")

    first = await parties.chats(klien.id, None, 3)
    assert [chat.party for chat in first] == [chats[3], chats[2], chats[1]]
    second = await parties.chats(klien.id, (first[-1].last_at, first[-1].party.id), 3)
    assert [chat.party for chat in second] == [chats[0]]
    assert await parties.chats(klien.id, (second[0].last_at, second[0].party.id), 3) == []
    between = await parties.chats(klien.id, (first[0].last_at, first[0].party.id), 1)
    assert [chat.party for chat in between] == [chats[2]]  # of the same moment


async def test_a_chat_shows_what_was_last_said_in_it_and_how_much_is_unread(klien: Klien) -> None:
    party = await meet(klien.id, NUMBER, name="Sari")
    for n in range(3):
        await hear(klien.id, party, f"A{n}", at=later(n))
    answer = await accept(klien.id, party, "Siap", now=later(9))
    (chat,) = await parties.chats(klien.id, None, 10)
    assert (chat.party, chat.last, chat.unread, chat.last_at) == (party, answer, 3, later(9))
    assert chat.as_dict() == {
        "id": party.id,
        "chat": party.as_dict(),
        "is_group": False,
        "unread": 3,
        "last_at": "2026-11-24T03:04:14.123Z",
        "last_message": answer.as_dict(),
    }
    async with transaction():
        await parties.note_read(klien.id + 1, party.id)
    assert (await parties.chats(klien.id, None, 10))[0].unread == 3
    async with transaction():
        await parties.note_read(klien.id, party.id)
    assert (await parties.chats(klien.id, None, 10))[0].unread == 0


async def test_what_whatsapp_said_of_a_number_is_remembered(klien: Klien) -> None:
    party = await meet(klien.id, NUMBER)
    assert await parties.last_check(klien.id, "628111222") is None
    for is_on in (True, False):
        async with transaction():
            await parties.set_on_whatsapp(klien.id, party.id, is_on, NOW)
        assert await parties.last_check(klien.id, "628111222") == (is_on, NOW)
    async with transaction():
        await parties.set_on_whatsapp(klien.id + 1, party.id, True, later(1))  # not theirs
    assert await parties.last_check(klien.id, "628111222") == (False, NOW)
    assert await parties.last_check(klien.id + 1, "628111222") is None


async def test_a_group_has_a_name_and_a_size_once_they_are_told(klien: Klien) -> None:
    group = await meet(klien.id, GROUP)
    async with transaction():
        await parties.note_group(klien.id, group.id, name="Arisan", members=12)
        await parties.note_group(klien.id, group.id)
        await parties.note_group(klien.id + 1, group.id, name="other", members=1)
    assert await parties.get(klien.id, group.id) == replace(group, name="Arisan")
    assert await rows("SELECT members FROM parties") == [(12,)]


async def test_everything_of_a_klien_goes_with_it_and_nothing_of_another(klien: Klien) -> None:
    other = await kliens.add("Toko Lain")
    for each in (klien, other):
        party = await meet(each.id)
        await accept(each.id, party)
        async with transaction():
            await receipts.note(each.id, party.id, "A", party.id, ReceiptType.READ, NOW)
    await kliens.erase(klien.id)
    left = (
        "SELECT klien_id FROM parties UNION ALL SELECT klien_id FROM messages UNION ALL SELECT klien_id FROM receipts"
    )
    assert await rows(left) == [(other.id,)] * 3
