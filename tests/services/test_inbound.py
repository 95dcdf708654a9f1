"""What is heard becomes messages: each once, in order, and nothing holds up the rest. Over the real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from talkabiz.domain.answers import CallFailed, Group, Member
from talkabiz.domain.content import Edit, Kind, Media, Reaction, Ref, Revoke, Stored, Text, Unknown
from talkabiz.domain.heard import BacklogHeard, GroupHeard, PresenceHeard, ReceiptType, TypingHeard
from talkabiz.domain.message import Direction, Origin, Status
from talkabiz.services import inbound as module
from talkabiz.services.spool import Spool
from talkabiz.store import heard as kept, kliens, media
from talkabiz.store.database import connected, transaction
from talkabiz.store.errors import StoreError
from talkabiz.store.writing import Tell, Writer
from tests.fakes import NOW
from tests.services.hearing import (
    ANI,
    ANI_LID,
    BUDI,
    GROUP,
    Hearing,
    Words,
    count_kept,
    message,
    open_hearing,
    receipt,
    source,
    undecryptable,
)

STORED = Stored("https://mmg.whatsapp.net/a", "/a", b"k" * 32, b"e" * 32, b"\xab" * 32, 1234)


@pytest.fixture(name="hearing")
async def _hearing(db_url: str) -> AsyncIterator[Hearing]:
    async with open_hearing() as hearing:
        yield hearing


async def test_a_message_is_kept_taken_in_and_told(hearing: Hearing, klien_id: int) -> None:
    heard = message("halo\0 👋", source(alt=ANI_LID), reply_to="3A", mentions=(BUDI,))
    (event,) = await hearing.hear_all(klien_id, heard)
    (row,) = await hearing.all(klien_id)
    party = {"phone": "628111111111", "lid": ANI_LID, "jid": ANI, "name": "Ani"}
    assert event.type == "message"
    assert event.data == {**row.as_dict(), "seq": 1}
    assert (event.data["chat"], event.data["from"], event.data["text"]) == (party, party, "halo 👋")
    assert (row.direction, row.source, row.status) == (Direction.IN, Origin.CONTACT, Status.RECEIVED)
    assert (row.wa_id, row.reply_to, row.mentions) == (heard.source.id, "3A", (BUDI,))
    assert (row.at, row.created_at) == (heard.source.at, NOW)
    chat = await hearing.chat(klien_id)
    assert (chat.unread, chat.last.id, chat.last_at) == (1, row.id, heard.source.at)
    assert await count_kept() == 0
    assert hearing.inbound.figures.stored.count == 1


async def test_what_is_heard_twice_is_taken_in_once(hearing: Hearing, klien_id: int) -> None:
    heard = message("sekali")
    picture = message(Media(Kind.IMAGE, STORED, "image/png"))
    events = await hearing.hear_all(klien_id, heard, heard, picture, picture)
    events += await hearing.hear_all(klien_id, heard, replace(heard, content=Text("lain")), picture)
    assert [event.data["text"] for event in events] == ["sekali", None]
    assert (await hearing.chat(klien_id)).unread == 2
    assert len(await media.due(NOW, 10, [klien_id])) == 1


async def test_a_kliens_messages_keep_their_order(hearing: Hearing, klien_id: int) -> None:
    texts = [str(number) for number in range(260)]
    events = await hearing.hear_all(klien_id, *map(message, texts))
    assert [event.data["text"] for event in events] == texts
    assert [row.text for row in await hearing.all(klien_id)] == texts
    assert hearing.writer.transactions < 60


async def test_what_one_klien_hears_no_other_one_has(hearing: Hearing, klien_id: int) -> None:
    other = (await kliens.add("Toko Lain")).id
    same = source(id_="3EB0")
    hearing.hear(klien_id, message("satu", same))
    hearing.hear(other, message("dua", same), message(Reaction(Ref("3EB0"), "👍")))
    await hearing.settle_down()
    assert [row.text for row in await hearing.all(klien_id)] == ["satu"]
    mine, reaction = await hearing.all(other)
    assert mine.text == "dua"
    assert reaction.content == {"wa_id": "3EB0", "message_id": mine.id}
    assert {(event.klien_id, event.data["klien_id"]) for event in hearing.events} == {(klien_id,) * 2, (other,) * 2}


@pytest.mark.parametrize("fault", [ValueError("no protobuf"), KeyError("x")])
async def test_what_cannot_be_read_holds_nothing_up(hearing: Hearing, klien_id: int, fault: Exception) -> None:
    events = await hearing.hear_all(klien_id, message("satu"), fault, message("dua"))
    assert [event.data["text"] for event in events] == ["satu", "dua"]
    assert await count_kept() == 1
    assert hearing.inbound.figures.failed == kept.MOST_TRIES
    assert await kept.next(1) == []


async def test_what_the_tables_refuse_holds_nothing_up(hearing: Hearing, klien_id: int) -> None:
    no_chat = replace(source(), chat="nobody", sender="nobody")
    too_long = message("x", source(id_="x" * 300))
    huge = message(Media(Kind.VIDEO, STORED, "video/mp4", seconds=-(2**70)))
    events = await hearing.hear_all(klien_id, message("x", no_chat), too_long, huge, message("dua"))
    assert [event.data["text"] for event in events] == [None, "dua"]
    assert await count_kept() == 2


async def test_what_cannot_even_be_kept_takes_nothing_with_it(hearing: Hearing, klien_id: int) -> None:
    hearing.hear(klien_id, message("satu"))
    hearing.words.overhear(klien_id, "attempt", 2**70, hearing.words.put(message("hilang")))
    events = await hearing.hear_all(klien_id, message("dua"))
    assert [event.data["text"] for event in events] == ["satu", "dua"]


async def test_a_fault_of_ours_does_not_end_it(
    hearing: Hearing, klien_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STORE_RETRY_SECONDS", 0.001)
    monkeypatch.setattr(hearing.inbound, "_media_due", lambda: 1 / 0)
    events = await hearing.hear_all(klien_id, message(Media(Kind.IMAGE, STORED, "image/png")), message("dua"))
    assert [event.data["text"] for event in events] == [None, "dua"]
    assert (await hearing.hear_all(klien_id, message("tiga")))[0].data["text"] == "tiga"


async def test_what_concerns_nobody_leaves_nothing(hearing: Hearing, klien_id: int) -> None:
    status = replace(source(), chat="status@broadcast", is_group=True)
    news = replace(source(), chat="120363@newsletter")
    hidden = undecryptable(source(), is_hidden=True)
    backlog = BacklogHeard(3, is_over=True)
    events = await hearing.hear_all(klien_id, None, backlog, message("x", status), message("y", news), hidden)
    assert events == []
    assert await hearing.all(klien_id) == []
    assert await count_kept() == 0


async def test_what_is_sent_to_a_list_is_in_the_chat_with_its_sender(hearing: Hearing, klien_id: int) -> None:
    to_list = replace(source(), chat="99@broadcast", sender=ANI, is_group=True)
    (event,) = await hearing.hear_all(klien_id, message("promo", to_list))
    assert (event.data["chat"]["jid"], event.data["from"]["jid"]) == (ANI, ANI)


async def test_of_a_klien_that_is_gone_nothing_is_left(hearing: Hearing, klien_id: int) -> None:
    gone = (await kliens.add("Sebentar")).id
    await kliens.erase(gone)
    hearing.hear(gone, message("terlambat"))
    events = await hearing.hear_all(klien_id, message("ada"))
    assert [event.data["text"] for event in events] == ["ada"]
    assert await count_kept() == 0


# --- the own phone, and groups ----------------------------------------------------------------------------------------


async def test_what_the_own_phone_writes_goes_out(hearing: Hearing, klien_id: int) -> None:
    (event,) = await hearing.hear_all(klien_id, message("dari telepon", source(from_me=True, alt=ANI_LID)))
    (row,) = await hearing.all(klien_id)
    assert (row.direction, row.source, row.status) == (Direction.OUT, Origin.PHONE, Status.SENT)
    assert (event.data["to"]["phone"], event.data["to"]["name"]) == ("628111111111", None)
    assert (await hearing.chat(klien_id)).unread == 0


async def test_in_a_group_it_is_known_who_speaks(hearing: Hearing, klien_id: int) -> None:
    hearing.words.groups[GROUP] = Group(
        GROUP, "Pelanggan", ANI, tuple(Member(f"{n}@lid", "", f"{n}@lid", False, 0) for n in (1, 2, 3))
    )
    hearing.hear(klien_id, message("halo semua", source(GROUP, ANI_LID, alt=ANI)))
    first = await hearing.wait(lambda event: event.data["text"] == "halo semua")
    assert (first.data["chat"]["jid"], first.data["from"]["phone"]) == (GROUP, "628111111111")
    assert first.data["to"] == first.data["chat"]
    async with asyncio.timeout(5):
        while not (await hearing.all(klien_id))[0].chat.name:
            await asyncio.sleep(0.005)
    events = await hearing.hear_all(klien_id, message("lagi", source(GROUP, from_me=True)), message("x", source(GROUP)))
    assert [event.data["chat"]["name"] for event in events] == ["Pelanggan"] * 2
    assert hearing.words.asked == [("attempt", GROUP)]


async def test_a_group_that_is_not_told_is_asked_for_once(hearing: Hearing, klien_id: int) -> None:
    class Refusing(dict[str, Group]):
        def __getitem__(self, _: str) -> Group:
            raise CallFailed("not_in_group")

    hearing.words.groups = Refusing()
    for text in ("satu", "dua"):
        await hearing.hear_all(klien_id, message(text, source(GROUP)))
    await hearing.hear_all(klien_id, GroupHeard(GROUP, ANI, "Nama\u202e Baru"), message("tiga", source(GROUP)))
    assert (await hearing.all(klien_id))[0].chat.name == "Nama Baru"
    assert hearing.words.asked == [("attempt", GROUP)]


# --- what changes other messages --------------------------------------------------------------------------------------


async def test_an_edit_and_a_revocation_change_what_they_mean(hearing: Hearing, klien_id: int) -> None:
    first = source()
    edit = message(Edit(Ref(first.id), "dua"))
    events = await hearing.hear_all(klien_id, message("satu", first), edit, message(Reaction(Ref(first.id), "👍")))
    assert [event.type for event in events] == ["message", "message", "message_status", "message"]
    changed = events[2].data
    assert (changed["wa_id"], changed["text"], changed["type"]) == (first.id, "dua", "text")
    assert changed["edited_at"]
    assert events[1].data["content"] == {"wa_id": first.id, "message_id": changed["id"]}
    _, last = await hearing.hear_all(klien_id, message(Revoke(Ref(first.id))))
    assert (last.type, last.data["id"]) == ("message_status", changed["id"])
    assert last.data["revoked_at"]
    chat = await hearing.chat(klien_id)
    assert (chat.unread, chat.last.wa_id) == (1, first.id)


async def test_nobody_changes_what_somebody_else_wrote(hearing: Hearing, klien_id: int) -> None:
    hearing.words.groups[GROUP] = Group(GROUP, "Pelanggan", ANI, ())
    by_ani, by_us = source(GROUP, ANI), source(GROUP, from_me=True)
    await hearing.hear_all(klien_id, message("asli", by_ani), message("kami", by_us))
    for target in (by_ani, by_us):
        for change in (Edit(Ref(target.id), "palsu"), Revoke(Ref(target.id)), Edit(Ref(target.id, target.sender), "x")):
            (event,) = await hearing.hear_all(klien_id, message(change, source(GROUP, BUDI)))
            assert event.type == "message"
    rows = (await hearing.all(klien_id))[:2]
    assert [(row.text, row.edited_at, row.revoked_at) for row in rows] == [("asli", None, None), ("kami", None, None)]
    events = await hearing.hear_all(klien_id, message(Revoke(Ref(by_ani.id, ANI)), source(GROUP, from_me=True)))
    assert events[1].data["revoked_at"]


async def test_what_overtakes_the_message_that_it_means_counts_all_the_same(hearing: Hearing, klien_id: int) -> None:
    first, second = source(), source()
    events = await hearing.hear_all(
        klien_id,
        message(Edit(Ref(first.id), "baru")),
        message(Revoke(Ref(second.id))),
        message(Edit(Ref(first.id), "palsu"), source(BUDI)),
        message("lama", first),
        message("salah kirim", second),
    )
    assert [event.type for event in events] == ["message"] * 5
    assert (events[3].data["text"], events[4].data["text"]) == ("baru", "salah kirim")
    assert events[4].data["revoked_at"]


async def test_what_could_not_be_read_is_shown_and_then_replaced(hearing: Hearing, klien_id: int) -> None:
    first = source()
    (shown,) = await hearing.hear_all(klien_id, undecryptable(first), undecryptable(first))
    assert (shown.data["status"], shown.data["type"], shown.data["content"]) == ("undecryptable", "unknown", {})
    await hearing.hear_all(klien_id, message(Edit(Ref(first.id), "baru")))
    (told,) = await hearing.hear_all(klien_id, message("lama", first), message("lama", first), undecryptable(first))
    assert (told.type, told.data["id"], told.data["status"]) == ("message", shown.data["id"], "received")
    assert (told.data["text"], told.data["type"]) == ("baru", "text")
    assert (await hearing.chat(klien_id)).unread == 1


async def test_what_could_not_be_read_is_replaced_though_the_phone_has_read_it(hearing: Hearing, klien_id: int) -> None:
    first = source()
    own = receipt(ReceiptType.READ_SELF, first.id, from_me=True)
    (shown,) = await hearing.hear_all(klien_id, undecryptable(first), own)
    assert (await hearing.chat(klien_id)).unread == 0
    told, read = await hearing.hear_all(klien_id, message("terbaca", first), own)
    assert (told.data["id"], told.data["text"], told.data["status"]) == (shown.data["id"], "terbaca", "received")
    assert (read.type, read.data["status"]) == ("message_status", "read")
    assert (await hearing.chat(klien_id)).unread == 0


async def test_what_could_not_be_read_is_replaced_by_its_author_alone(hearing: Hearing, klien_id: int) -> None:
    hearing.words.groups[GROUP] = Group(GROUP, "Pelanggan", ANI, ())
    first = source(GROUP, ANI)
    forged = message("palsu", source(GROUP, BUDI, id_=first.id))
    (shown,) = await hearing.hear_all(klien_id, undecryptable(first), forged)
    forged_file = message(Media(Kind.IMAGE, STORED, "image/png"), forged.source)
    assert await hearing.hear_all(klien_id, forged_file) == []
    _, rows = await connected().execute_query("SELECT id FROM media")
    assert list(rows) == []
    (told,) = await hearing.hear_all(klien_id, message("asli", first), forged)
    assert (told.data["id"], told.data["text"], told.data["from"]["jid"]) == (shown.data["id"], "asli", ANI)


async def test_the_file_of_a_message_waits_to_be_fetched(hearing: Hearing, klien_id: int) -> None:
    picture = message(Media(Kind.IMAGE, STORED, "image/png", "lihat"), source(id_="3EB0FF"))
    _, event = await hearing.hear_all(klien_id, undecryptable(picture.source), picture)
    assert (event.data["media"]["status"], event.data["media"]["url"]) == ("pending", None)
    assert (event.data["media"]["mimetype"], event.data["media"]["sha256"]) == ("image/png", "ab" * 32)
    (row,) = await media.due(NOW, 10, [klien_id])
    assert (row.id, row.source, row.klien_id) == (event.data["media"]["id"], b"raw", klien_id)
    assert hearing.fetches


# --- crashes and a database that can't be written ---------------------------------------------------------------------


async def test_what_was_kept_before_a_crash_is_taken_in_first(klien_id: int) -> None:
    words = Words()
    rows = [(klien_id, 17, words.put(message(text)), NOW) for text in ("satu", "dua")]
    async with transaction():
        await kept.add(rows)
    async with open_hearing(words) as hearing:
        hearing.hear(klien_id, message("tiga"))
        await hearing.settle_down()
        assert [row.text for row in await hearing.all(klien_id)] == ["satu", "dua", "tiga"]
        assert await count_kept() == 0


async def test_what_was_heard_last_is_stored_at_the_end(klien_id: int) -> None:
    async with open_hearing() as hearing:
        hearing.hear(klien_id, *(message(str(number)) for number in range(50)))
    async with open_hearing(hearing.words) as again:
        await again.settle_down()
        assert [row.text for row in await again.all(klien_id)] == [str(number) for number in range(50)]


async def test_a_spool_that_cannot_be_read_keeps_nothing_from_coming_in(klien_id: int, tmp_path: Path) -> None:
    (tmp_path / "1.spool").mkdir()
    async with open_hearing(spool=Spool(tmp_path)) as hearing:
        (event,) = await hearing.hear_all(klien_id, message("satu"))
        assert event.data["text"] == "satu"


class Stumbling(Writer):
    """A database that now and then can't be written, before the commit and after it began."""

    turns = 0

    async def write(self, job: Callable[[Tell], Awaitable[Any]]) -> Any:
        Stumbling.turns += 1
        if Stumbling.turns % 3 == 0:
            raise StoreError
        if Stumbling.turns % 3 == 1:

            async def fail(tell: Tell) -> None:
                await job(tell)
                raise StoreError

            return await super().write(fail)
        return await super().write(job)


async def test_a_database_that_stumbles_loses_nothing(klien_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STORE_RETRY_SECONDS", 0.001)
    texts = [str(number) for number in range(60)]
    async with open_hearing(writer=Stumbling) as hearing:
        for start in range(0, 60, 4):
            hearing.hear(klien_id, *map(message, texts[start : start + 4]))
            await asyncio.sleep(0.001)
        await hearing.settle_down()
        assert [row.text for row in await hearing.all(klien_id)] == texts
        told = [event.data["text"] for event in hearing.events]
        assert told == texts


# --- what passes ------------------------------------------------------------------------------------------------------


async def test_who_is_online_and_who_types_is_told_and_not_kept(hearing: Hearing, klien_id: int) -> None:
    await hearing.hear_all(klien_id, message("halo", source(alt=ANI_LID)))
    seen = NOW - timedelta(minutes=5)
    hearing.hear(klien_id, PresenceHeard(ANI_LID, False, seen), TypingHeard(ANI, ANI, "", "recording"))
    hearing.hear(klien_id, PresenceHeard(BUDI, True, None))
    await hearing.wait(lambda event: event.data.get("online") is True)
    offline, typing, online = [event for event in hearing.events if event.type == "presence"]
    ani = {"phone": "628111111111", "lid": ANI_LID, "jid": ANI, "name": "Ani"}
    nothing = {
        "klien_id": klien_id,
        "who": ani,
        "chat": ani,
        "online": None,
        "last_seen": None,
        "typing": None,
        "seq": 1,
    }
    assert offline.data == nothing | {"online": False, "last_seen": "2026-11-24T02:55:00.000Z"}
    assert typing.data == nothing | {"typing": "recording"}
    assert online.data["who"] == {"phone": "628222222222", "lid": None, "jid": BUDI, "name": None}
    assert [event.id for event in (offline, typing, online)] == [None] * 3
    assert await count_kept() == 0


async def test_what_this_version_does_not_know_is_a_message_all_the_same(hearing: Hearing, klien_id: int) -> None:
    (event,) = await hearing.hear_all(klien_id, message(Unknown("liveLocationMessage")))
    assert (event.data["type"], event.data["content"]) == ("unknown", {"name": "liveLocationMessage"})
