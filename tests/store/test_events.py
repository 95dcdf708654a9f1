from __future__ import annotations

from contextlib import suppress

import pytest

from talkabiz.domain.errors import NotFound
from talkabiz.domain.events import Event
from talkabiz.domain.klien import Klien
from talkabiz.store import events, kliens
from talkabiz.store.database import connected, transaction
from tests.store.conftest import NOW, later

DATA = {
    "status": "connected",
    "me": {"name": "Budi \U0001f6d2 '\x00\ud800", "n": 2**60},
    "qr": None,
    "list": [1, 2.5, True],
}


async def append(klien_id: int, count: int = 1) -> list[Event]:
    async with transaction():
        return [await events.append(klien_id, "connected", later(n), {"n": n}) for n in range(count)]


async def test_an_event_is_read_as_it_was_appended(klien: Klien) -> None:
    async with transaction():
        appended = await events.append(klien.id, "connected", NOW, DATA)
    assert appended == Event(appended.id, klien.id, 1, "connected", NOW, {**DATA, "seq": 1})
    assert appended.is_durable
    assert await events.since(klien.id, 0, 10) == ([appended], False)
    assert await events.after(0, 10) == [appended]


async def test_seq_counts_per_klien_and_id_over_all(klien: Klien) -> None:
    other = await kliens.add("Toko Lain")
    written = await append(klien.id, 2) + await append(other.id) + await append(klien.id)
    assert [(event.klien_id, event.seq) for event in written] == [
        (klien.id, 1),
        (klien.id, 2),
        (other.id, 1),
        (klien.id, 3),
    ]
    assert await events.after(0, 10) == written
    assert [event.id for event in written] == sorted({event.id for event in written if event.id})
    assert await events.last_id() == written[-1].id


async def test_who_asks_since_a_seq_gets_what_followed_and_as_much_as_was_asked_for(klien: Klien) -> None:
    written = await append(klien.id, 5)
    assert await events.since(klien.id, 2, 2) == (written[2:4], False)
    assert await events.since(klien.id, 4, 2) == (written[4:], False)
    assert await events.since(klien.id, 5, 2) == ([], False)


async def test_a_cursor_ahead_of_the_journal_gets_nothing_and_no_gap(klien: Klien) -> None:
    await append(klien.id)
    assert await events.since(klien.id, 99, 10) == ([], False)
    assert await events.since(klien.id + 1, 0, 10) == ([], False)


async def test_there_is_a_gap_where_older_events_are_not_kept_any_more(klien: Klien) -> None:
    written = await append(klien.id, 4)
    await delete_up_to(2)
    assert await events.since(klien.id, 0, 10) == (written[2:], True)
    assert await events.since(klien.id, 1, 10) == (written[2:], True)
    assert await events.since(klien.id, 2, 10) == (written[2:], False)
    await delete_up_to(4)
    assert await events.since(klien.id, 2, 10) == ([], True)
    assert await events.since(klien.id, 4, 10) == ([], False)


async def delete_up_to(seq: int) -> None:
    async with transaction():
        await connected().execute_query("DELETE FROM journal_events WHERE seq <= ?", [seq])


async def test_ids_and_seqs_are_not_used_again_when_rows_go(klien: Klien) -> None:
    last = (await append(klien.id, 3))[-1]
    await delete_up_to(3)
    assert await events.last_id() == 0
    following = (await append(klien.id))[0]
    assert following.seq == 4
    assert following.id == (last.id or 0) + 1


async def test_an_event_that_was_not_committed_leaves_no_hole(klien: Klien) -> None:
    with suppress(ZeroDivisionError):
        async with transaction():
            await events.append(klien.id, "connected", NOW, {})
            raise ZeroDivisionError
    assert await events.last_id() == 0
    assert [event.seq for event in await append(klien.id)] == [1]


async def test_an_empty_journal_ends_at_zero(database: str) -> None:
    assert await events.last_id() == 0
    assert await events.after(0, 10) == []


async def test_nothing_happens_to_a_klien_that_does_not_exist(database: str) -> None:
    with pytest.raises(NotFound):
        await append(1)
    assert await events.last_id() == 0


async def test_what_was_said_can_be_left_out_and_is_no_gap(klien: Klien) -> None:
    types = ("connected", "message", "message_status", "reconnecting", "message")
    async with transaction():
        written = [await events.append(klien.id, type_, NOW, {}) for type_ in types]
    assert await events.since(klien.id, 0, 10, with_chats=False) == ([written[0], written[3]], False)
    assert await events.since(klien.id, 0, 1, with_chats=False) == ([written[0]], False)
    assert await events.since(klien.id, 1, 10, with_chats=False) == ([written[3]], False)
    assert await events.since(klien.id, 4, 10, with_chats=False) == ([], False)
    await delete_up_to(2)
    assert await events.since(klien.id, 0, 10, with_chats=False) == ([written[3]], True)
    assert await events.since(klien.id, 2, 10, with_chats=False) == ([written[3]], False)
