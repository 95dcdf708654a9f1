from __future__ import annotations

from dataclasses import replace

import pytest

from talkabiz.domain.content import Kind
from talkabiz.domain.errors import NotFound
from talkabiz.domain.klien import Klien
from talkabiz.domain.message import Direction, Message, Origin, Party, Status
from talkabiz.store import arrivals, kliens, messages, parties
from talkabiz.store.database import transaction
from talkabiz.store.reading import note_read_up_to
from tests.store.chatting import GROUP, NUMBER, accept, hear, meet, move
from tests.store.conftest import NOW, later


async def test_a_message_is_read_as_it_was_taken_in(klien: Klien) -> None:
    group, sender = await meet(klien.id, GROUP, name="Arisan"), await meet(klien.id, NUMBER, name="Sari")
    heard = await hear(
        klien.id,
        group,
        "3EB0",
        sender_id=sender.id,
        content={"a": [1, None]},
        reply_to="3EAF",
        mentions=["987@lid"],
        at=later(-3),
    )
    assert heard == Message(
        id=heard.id if heard else 0,
        klien_id=klien.id,
        chat=group,
        sender=sender,
        account=Party(0, ""),
        direction=Direction.IN,
        source=Origin.CONTACT,
        kind=Kind.TEXT,
        text="Halo juga",
        content={"a": [1, None]},
        status=Status.RECEIVED,
        status_at=NOW,
        created_at=NOW,
        wa_id="3EB0",
        at=later(-3),
        reply_to="3EAF",
        mentions=("987@lid",),
    )
    assert await messages.by_wa_id(klien.id, group.id, "3EB0") == heard


async def test_what_the_phone_sent_is_by_the_account_itself(klien: Klien) -> None:
    party = await meet(klien.id)
    heard = await hear(klien.id, party, source=Origin.PHONE, sender_id=None, status=Status.SENT)
    assert heard
    assert (heard.direction, heard.sender) == (Direction.OUT, heard.account)
    assert (await parties.chats(klien.id, None, 1))[0].unread == 0


async def test_a_message_is_taken_in_once_in_each_chat_of_each_klien(klien: Klien) -> None:
    other = await kliens.add("Toko Lain")
    party, group, theirs = await meet(klien.id), await meet(klien.id, GROUP), await meet(other.id)
    first = await hear(klien.id, party, "A")
    assert await hear(klien.id, party, "A", "again", at=later(9)) is None
    assert await hear(klien.id, group, "A")
    assert await hear(other.id, theirs, "A")
    assert first
    assert await messages.get(klien.id, first.id) == first
    chats = {chat.party: chat for chat in await parties.chats(klien.id, None, 9)}
    assert (chats[party].unread, chats[party].last_at) == (1, NOW)


async def test_one_that_could_not_be_read_gives_way_to_the_one_that_can_be_and_counts_once(klien: Klien) -> None:
    party = await meet(klien.id)
    blank = await hear(klien.id, party, "A", "", status=Status.UNDECRYPTABLE, kind=Kind.UNKNOWN)
    assert await hear(klien.id, party, "A", "", status=Status.UNDECRYPTABLE) is None
    readable = await hear(klien.id, party, "A", "terbaca", at=later(1), now=later(2), content={"a": 1}, reply_to="B")
    assert blank
    assert readable == replace(
        blank,
        kind=Kind.TEXT,
        text="terbaca",
        content={"a": 1},
        reply_to="B",
        status=Status.RECEIVED,
        status_at=later(2),
        at=later(1),
    )
    assert await hear(klien.id, party, "A", "third") is None
    (chat,) = await parties.chats(klien.id, None, 9)
    assert (chat.unread, chat.last) == (1, readable)


async def test_one_that_could_not_be_read_was_still_to_come_though_it_was_read_as_such(klien: Klien) -> None:
    party = await meet(klien.id)
    blank = await hear(klien.id, party, "A", "", status=Status.UNDECRYPTABLE, kind=Kind.UNKNOWN)
    assert blank
    assert await move(klien.id, blank, Status.READ) is None
    async with transaction():
        await note_read_up_to(klien.id, party.id, blank.id)
    readable = await hear(klien.id, party, "A", "terbaca")
    assert readable
    assert (readable.id, readable.text) == (blank.id, "terbaca")
    (chat,) = await parties.chats(klien.id, None, 9)
    assert (chat.unread, chat.last) == (0, readable)


async def test_one_that_could_not_be_read_gives_way_to_nobody_elses(klien: Klien) -> None:
    group, author, other = await meet(klien.id, GROUP), await meet(klien.id, NUMBER), await meet(klien.id, "1@lid")
    blank = await hear(klien.id, group, "A", "", sender_id=author.id, status=Status.UNDECRYPTABLE)
    assert await hear(klien.id, group, "A", "palsu", sender_id=other.id) is None
    assert await hear(klien.id, group, "A", "palsu", sender_id=None, source=Origin.PHONE, status=Status.SENT) is None
    assert await messages.by_wa_id(klien.id, group.id, "A") == blank
    readable = await hear(klien.id, group, "A", "terbaca", sender_id=author.id)
    assert readable
    assert (readable.text, readable.sender) == ("terbaca", author)


async def test_nothing_is_taken_into_a_chat_of_another_klien(klien: Klien) -> None:
    other = await kliens.add("Toko Lain")
    party = await meet(klien.id)
    with pytest.raises(NotFound):
        await hear(other.id, party)
    assert await parties.chats(klien.id, None, 9) == []


async def test_the_last_one_of_a_chat_is_the_latest_and_not_the_one_that_came_last(klien: Klien) -> None:
    party = await meet(klien.id)
    late = await hear(klien.id, party, "B", at=later(2))
    await hear(klien.id, party, "A", at=later(1))
    (chat,) = await parties.chats(klien.id, None, 9)
    assert (chat.last, chat.last_at, chat.unread) == (late, later(2), 2)
    next_one = await hear(klien.id, party, "C", at=later(2))  # WhatsApp's times are whole seconds
    assert (await parties.chats(klien.id, None, 9))[0].last == next_one


@pytest.mark.parametrize("kind", sorted(arrivals.ABOUT_OTHERS))
async def test_what_is_about_another_message_is_neither_unread_nor_the_last_one(klien: Klien, kind: Kind) -> None:
    party = await meet(klien.id)
    assert await hear(klien.id, party, "A", kind=kind)
    assert await parties.chats(klien.id, None, 9) == []


async def test_an_author_edits_what_he_wrote(klien: Klien) -> None:
    group, author, other = await meet(klien.id, GROUP), await meet(klien.id, NUMBER), await meet(klien.id, "1@lid")
    said = await hear(klien.id, group, "A", sender_id=author.id)
    own = await accept(klien.id, group)
    assert said

    async def edit(text: str, sender_id: int | None = author.id, at: float = 5, wa_id: str = "A") -> Message | None:
        async with transaction():
            return await arrivals.set_edited(klien.id, group.id, wa_id, sender_id=sender_id, text=text, at=later(at))

    edited = replace(said, text="baru", edited_at=later(5))
    assert await edit("baru") == edited
    assert await edit("by somebody else", other.id) is None
    assert await edit("by us", None) is None
    assert await edit("earlier", at=4) is None
    assert await edit("another", wa_id="B") is None
    assert await messages.get(klien.id, said.id) == edited
    assert await messages.get(klien.id, own.id) == own


async def test_an_author_or_an_admin_takes_a_message_back_once(klien: Klien) -> None:
    group, author, other = await meet(klien.id, GROUP), await meet(klien.id, NUMBER), await meet(klien.id, "1@lid")
    said = [await hear(klien.id, group, wa_id, sender_id=author.id) for wa_id in "AB"]
    phoned = await hear(klien.id, group, "C", sender_id=None, source=Origin.PHONE, status=Status.SENT)

    async def revoke(wa_id: str, sender_id: int | None, klien_id: int = klien.id, *, by_admin: bool = False) -> object:
        async with transaction():
            return await arrivals.set_revoked(
                klien_id, group.id, wa_id, sender_id=sender_id, at=later(5), by_admin=by_admin
            )

    assert said[0]
    assert said[1]
    assert phoned
    assert await revoke("A", other.id) is None
    assert await revoke("A", None) is None
    assert await revoke("A", author.id, klien.id + 1, by_admin=True) is None
    assert await revoke("A", author.id) == replace(said[0], revoked_at=later(5))
    assert await revoke("A", author.id) is None
    assert await revoke("B", other.id, by_admin=True) == replace(said[1], revoked_at=later(5))
    assert await revoke("C", None) == replace(phoned, revoked_at=later(5))
    async with transaction():
        late = await arrivals.set_edited(klien.id, group.id, "A", sender_id=author.id, text="x", at=later(9))
    assert late is None
