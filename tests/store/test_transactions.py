"""Within one process. Between processes: test_processes.py."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress

import pytest

from talkabiz.domain.klien import Klien
from talkabiz.domain.states import Session
from talkabiz.store import database as store, events, kliens, sessions
from talkabiz.store.database import connected, look_up, open_database, transaction
from talkabiz.store.errors import StoreError
from talkabiz.store.sqlite import MOST_IN_A_ROW
from tests.store.conftest import NOW

DEADLINE_SECONDS = 10


@pytest.fixture(autouse=True)
async def _deadline() -> AsyncIterator[None]:
    """A turn that nobody gives back fails the test, and doesn't hang it."""

    def give_up() -> None:
        for task in asyncio.all_tasks():
            task.cancel()

    timer = asyncio.get_running_loop().call_later(DEADLINE_SECONDS, give_up)
    yield
    timer.cancel()


@pytest.fixture
def other_process(database: str) -> Iterator[sqlite3.Connection]:
    """Stands for one: SQLite keeps connections apart, whoever holds them."""
    connection = sqlite3.connect(database.removeprefix("sqlite://"), isolation_level=None, timeout=0)
    yield connection
    connection.close()


async def count_up(klien_id: int, pause: Callable[[], Awaitable[None]] | None = None) -> None:
    """Reads, then writes: where two of these mix, one count is lost."""
    async with transaction():
        klien = await kliens.find(klien_id)
        assert klien is not None
        if pause:
            await pause()
        await kliens.rename(klien_id, str(int(klien.nama) + 1))


async def test_what_an_error_left_is_undone(klien: Klien) -> None:
    with suppress(ZeroDivisionError):
        async with transaction():
            await kliens.rename(klien.id, "other")
            await sessions.save(klien.id, Session(since=NOW), None, NOW)
            raise ZeroDivisionError
    assert await kliens.find(klien.id) == klien
    assert await sessions.load_all() == []


async def test_a_transaction_sees_its_own_rows_and_others_see_them_after_the_commit(klien: Klien) -> None:
    written, read = asyncio.Event(), asyncio.Event()

    async def look_from_outside() -> list[Klien]:
        await written.wait()
        seen = await kliens.page(0, 10)
        read.set()
        return seen

    looking = asyncio.create_task(look_from_outside())
    async with transaction():
        other = await kliens.add("Toko Lain")
        assert await kliens.page(0, 10) == [klien, other]
        written.set()
        await read.wait()  # readers don't wait for the transaction: it waits for one here
    assert await looking == [klien]
    assert await kliens.page(0, 10) == [klien, other]


async def test_transactions_of_many_tasks_queue_and_lose_nothing(database: str) -> None:
    counter = await kliens.add("0")

    async def let_others_in() -> None:
        for _ in range(3):
            await asyncio.sleep(0)
            await kliens.count()

    await asyncio.gather(*(count_up(counter.id, let_others_in) for _ in range(50)))
    found = await kliens.find(counter.id)
    assert found is not None
    assert found.nama == "50"


async def test_transactions_are_served_in_the_order_of_asking(klien: Klien) -> None:
    async def append(n: int) -> None:
        async with transaction():
            await events.append(klien.id, f"number {n}", NOW, {})

    async with asyncio.TaskGroup() as group:
        for n in range(20):
            group.create_task(append(n))
    assert [event.type for event in await events.after(0, 100)] == [f"number {n}" for n in range(20)]


async def test_a_transaction_inside_another_is_part_of_it(klien: Klien) -> None:
    with suppress(ZeroDivisionError):
        async with transaction():
            async with transaction():
                await kliens.rename(klien.id, "other")
            raise ZeroDivisionError
    assert await kliens.find(klien.id) == klien


async def test_tasks_started_inside_take_part(klien: Klien) -> None:
    with suppress(ZeroDivisionError):
        async with transaction():
            async with asyncio.TaskGroup() as group:
                group.create_task(kliens.rename(klien.id, "other"))
                group.create_task(kliens.add("Toko Lain"))
            raise ZeroDivisionError
    assert await kliens.page(0, 10) == [klien]


async def test_a_task_that_outlives_the_transaction_is_outside_again(klien: Klien) -> None:
    over = asyncio.Event()

    async def outlive() -> list[Klien]:
        await over.wait()
        with pytest.raises(StoreError):
            await sessions.save(klien.id, Session(since=NOW), None, NOW)
        added = await kliens.add("Toko Lain")  # in a transaction of its own
        return [*await kliens.page(added.id - 1, 10)]

    async with transaction():
        outliving = asyncio.create_task(outlive())
    async with transaction():
        over.set()
        for _ in range(20):
            await kliens.count()
        assert await kliens.page(klien.id, 10) == []  # it waits for its turn
    assert [each.nama for each in await outliving] == ["Toko Lain"]


async def test_writing_outside_a_transaction_is_refused(klien: Klien) -> None:
    with pytest.raises(StoreError):
        await sessions.save(klien.id, Session(since=NOW), None, NOW)
    with pytest.raises(StoreError):
        await events.append(klien.id, "connected", NOW, {})
    assert await sessions.load_all() == []
    assert await events.last_id() == 0


async def test_cancelled_at_any_moment_it_is_whole_or_nothing_and_the_next_one_works(database: str) -> None:
    counter = await kliens.add("0")
    counted, cancelled = set(), set()
    for steps in range(80):
        before = await kliens.find(counter.id)
        counting = asyncio.create_task(count_up(counter.id))
        for _ in range(steps):
            await asyncio.sleep(0)
        counting.cancel()
        with suppress(asyncio.CancelledError):
            await counting
        after = await kliens.find(counter.id)
        assert before is not None
        assert after is not None
        counted.add(int(after.nama) - int(before.nama))
        cancelled.add(counting.cancelled())
        async with transaction():
            assert await kliens.find(counter.id) == after
    assert counted <= {0, 1}
    assert True in cancelled


async def test_cancelled_while_it_waits_for_another_process_it_gives_its_turn_back(
    klien: Klien, other_process: sqlite3.Connection
) -> None:
    other_process.execute("BEGIN IMMEDIATE")
    renaming = asyncio.create_task(kliens.rename(klien.id, "other"))
    await until_it_waits()
    renaming.cancel()
    assert await kliens.find(klien.id) == klien  # readers go on meanwhile
    other_process.execute("ROLLBACK")
    with suppress(asyncio.CancelledError):
        await renaming
    assert renaming.cancelled()
    assert await kliens.find(klien.id) == klien
    assert await kliens.rename(klien.id, "third") is not None


async def until_it_waits() -> None:
    """Several trips to the reader's thread: by then the writer's has got its BEGIN."""
    for _ in range(10):
        await kliens.count()


async def test_while_one_waits_for_another_process_readers_go_on(
    klien: Klien, other_process: sqlite3.Connection
) -> None:
    other_process.execute("BEGIN IMMEDIATE")
    other_process.execute("UPDATE kliens SET nama = 'theirs'")
    renaming = asyncio.create_task(kliens.rename(klien.id, "ours"))
    for _ in range(20):
        assert await kliens.find(klien.id) == klien
    assert not renaming.done()
    other_process.execute("COMMIT")
    renamed = await renaming
    assert renamed is not None
    assert renamed.nama == "ours"


async def test_a_lock_that_is_held_too_long_is_an_error_and_nothing_is_stored(
    database: str, other_process: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.close_database()
    monkeypatch.setattr(store, "BUSY_SECONDS", 0)
    await open_database(database)
    other_process.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError) as failed:
        await kliens.add("Toko Sinar")
    assert failed.value.code == "database_unavailable"
    assert failed.value.message == StoreError.sentence
    assert "locked" in str(failed.value.__cause__)
    other_process.execute("ROLLBACK")
    assert [await kliens.add("Toko Sinar")] == await kliens.page(0, 10)


async def test_a_line_behind_a_lock_is_given_up_together_and_not_one_after_another(
    database: str, other_process: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.close_database()
    monkeypatch.setattr(store, "BUSY_SECONDS", 1)
    await open_database(database)
    other_process.execute("BEGIN IMMEDIATE")
    async with asyncio.timeout(3):  # eight would wait for eight seconds
        failed = await asyncio.gather(*(kliens.add(f"Toko {each}") for each in range(8)), return_exceptions=True)
    assert {type(each) for each in failed} == {StoreError}
    other_process.execute("ROLLBACK")
    assert [await kliens.add("Toko Sinar")] == await kliens.page(0, 10)


async def test_a_full_disk_is_an_error_and_nothing_of_the_transaction_is_stored(klien: Klien) -> None:
    async with transaction():
        _, pages = await connected().execute_query("PRAGMA page_count")
        await connected().execute_query(f"PRAGMA max_page_count = {pages[0][0] + 5}")
    with pytest.raises(StoreError):
        await grow(klien.id)
    assert await events.last_id() == 0
    async with transaction():
        await connected().execute_query("PRAGMA max_page_count = 100000")
    await grow(klien.id)
    assert await events.last_id() > 0


async def grow(klien_id: int) -> None:
    async with transaction():
        for _ in range(20):
            await events.append(klien_id, "connected", NOW, {"x": "x" * 5000})


async def test_a_transaction_that_sqlite_rolled_back_by_itself_never_looks_stored(klien: Klien) -> None:
    async def lose_it() -> None:
        async with transaction():
            await kliens.rename(klien.id, "other")
            await connected().execute_query("ROLLBACK")  # as SQLite does on some errors of the disk

    with pytest.raises(StoreError):
        await lose_it()
    assert await kliens.find(klien.id) == klien
    assert await kliens.rename(klien.id, "other") is not None


async def test_a_commit_that_fails_leaves_no_transaction_open(klien: Klien) -> None:
    async def break_a_rule_that_is_checked_at_the_end() -> None:
        async with transaction():
            await connected().execute_query("PRAGMA defer_foreign_keys = ON")
            await connected().execute_query("UPDATE kliens SET id = id + 1")
            await sessions.save(klien.id + 1, Session(since=NOW), None, NOW)
            await connected().execute_query("UPDATE kliens SET id = id + 1")

    with pytest.raises(StoreError):
        await break_a_rule_that_is_checked_at_the_end()
    assert await sessions.load_all() == []
    assert await kliens.rename(klien.id, "other") is not None


async def test_in_place_others_have_their_turn_between_statements(klien: Klien) -> None:
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with transaction(in_place=True):
        other = asyncio.create_task(take_turns())
        for _ in range(4 * MOST_IN_A_ROW):
            await kliens.find(klien.id)
        seen = turns
        other.cancel()
    assert 3 <= seen <= 5


async def test_in_place_what_a_table_forbids_is_refused_as_ever(klien: Klien) -> None:
    twice = "INSERT INTO kliens (id, nama) VALUES (?, 'Toko')"
    with pytest.raises(StoreError) as raised:
        async with transaction(in_place=True):
            await connected().execute_query(twice, [klien.id])
    assert raised.value.is_refusal
    with pytest.raises(StoreError) as raised:
        async with transaction(in_place=True):
            await connected().execute_many(twice, [[klien.id]])
    assert raised.value.is_refusal
    assert await kliens.find(klien.id) == klien


async def test_in_place_a_task_that_outlives_the_transaction_is_outside_again(klien: Klien) -> None:
    over = asyncio.Event()
    rename = "UPDATE kliens SET nama = ? WHERE id = ?"

    async def rename_later() -> None:
        await over.wait()
        await connected().execute_query(rename, ["other", klien.id])

    async with transaction(in_place=True):
        await connected().execute_query(rename, ["Toko Baru", klien.id])
        late = asyncio.create_task(rename_later())
    over.set()
    with pytest.raises(StoreError):
        await late
    found = await kliens.find(klien.id)
    assert found is not None
    assert found.nama == "Toko Baru"


async def test_what_is_looked_up_is_what_is_committed_or_the_transactions_own(klien: Klien) -> None:
    question = "SELECT nama FROM kliens WHERE id = ?"

    async def names() -> list[str]:
        return [row["nama"] for row in await look_up(question, [klien.id])]

    written, read = asyncio.Event(), asyncio.Event()

    async def look_from_outside() -> list[str]:
        await written.wait()
        seen = await names()
        read.set()
        return seen

    looking = asyncio.create_task(look_from_outside())
    async with transaction():
        await kliens.rename(klien.id, "other")
        assert await names() == ["other"]
        written.set()
        await read.wait()
    assert await looking == [klien.nama]
    assert await names() == ["other"]
    with pytest.raises(StoreError):
        await look_up("DELETE FROM kliens WHERE id = ? RETURNING nama", [klien.id])
