from __future__ import annotations

from datetime import UTC, datetime

from talkabiz.domain.access import Kind, Scope
from talkabiz.domain.klien import Klien
from talkabiz.domain.states import Session
from talkabiz.store import events, keys, kliens, sessions
from talkabiz.store.database import connected, transaction
from tests.store.conftest import NOW, later


async def test_a_klien_is_found_as_it_was_added(database: str) -> None:
    before = datetime.now(UTC)
    added = await kliens.add("Toko Sinar")
    assert added == Klien(added.id, "Toko Sinar", wa_terhubung=False, wa_nomor=None, created_at=added.created_at)
    assert before <= added.created_at <= datetime.now(UTC)
    assert await kliens.find(added.id) == added
    assert await kliens.find(added.id + 1) is None


async def test_any_name_comes_back_as_it_was_given(database: str) -> None:
    for nama in ["'; DROP TABLE kliens; --", '"%s" {nama} ?', "Toko \U0001f6d2 \u202eابت", "a\x00b", " ", "x" * 5000]:
        added = await kliens.add(nama)
        assert (await kliens.find(added.id)) == added
        assert added.nama == nama


async def test_a_page_holds_the_kliens_after_the_cursor_in_order(database: str) -> None:
    added = [await kliens.add(f"Klien {n}") for n in range(5)]
    assert await kliens.page(0, 3) == added[:3]
    assert await kliens.page(added[2].id, 3) == added[3:]
    assert await kliens.page(added[4].id, 3) == []
    assert await kliens.count() == 5


async def test_a_renamed_klien_keeps_everything_else(klien: Klien) -> None:
    renamed = await kliens.rename(klien.id, "Toko Terang")
    assert renamed == Klien(klien.id, "Toko Terang", klien.wa_terhubung, klien.wa_nomor, klien.created_at)
    assert await kliens.find(klien.id) == renamed


async def test_renaming_a_klien_that_does_not_exist_says_so(database: str) -> None:
    assert await kliens.rename(1, "Siapa") is None
    assert await kliens.count() == 0


async def test_an_erased_klien_takes_its_rows_along_and_leaves_those_of_others(klien: Klien) -> None:
    other = await kliens.add("Toko Lain")
    for each in (klien, other):
        async with transaction():
            await sessions.save(each.id, Session(since=NOW), "01J", NOW)
            await events.append(each.id, "disconnected", NOW, {})
        await keys.add_key(f"hash {each.id}", Kind.KLIEN, each.id, [Scope.READ], "", later(60))

    assert await kliens.erase(klien.id) is True

    assert [row.klien_id for row in await sessions.load_all()] == [other.id]
    assert [event.klien_id for event in await events.after(0, 10)] == [other.id]
    assert await keys.find_key(f"hash {klien.id}") is None
    assert await keys.find_key(f"hash {other.id}") is not None
    assert await kliens.page(0, 10) == [other]


async def test_erasing_a_klien_that_does_not_exist_says_so(database: str) -> None:
    assert await kliens.erase(1) is False


async def test_the_id_of_an_erased_klien_is_not_given_to_anybody_again(klien: Klien) -> None:
    await kliens.erase(klien.id)
    assert (await kliens.add("Toko Baru")).id > klien.id


async def test_times_are_kept_as_text_of_one_width_so_that_they_compare(klien: Klien) -> None:
    async with transaction():
        await sessions.save(klien.id, Session(since=NOW.replace(microsecond=0)), "01J", NOW)
    _, rows = await connected().execute_query("SELECT since, updated_at FROM sessions")
    assert tuple(rows[0]) == ("2026-11-24 03:04:05.000000+00:00", "2026-11-24 03:04:05.123456+00:00")
