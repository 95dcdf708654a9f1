"""Jobs that come together are stored together, and each stands for itself."""

from __future__ import annotations

import asyncio
import contextvars
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress

import pytest

from talkabiz.domain.errors import NotFound
from talkabiz.domain.events import Event
from talkabiz.domain.klien import Klien
from talkabiz.store import database as store, events, kliens
from talkabiz.store.database import connected, transaction
from talkabiz.store.errors import StoreError
from talkabiz.store.writing import MOST_JOBS, Tell, Writer
from tests.store.conftest import NOW

PATIENCE_SECONDS = 10


@pytest.fixture
def published() -> list[Event]:
    return []


@pytest.fixture
def writer(published: list[Event]) -> Writer:
    return Writer(published.append)


@pytest.fixture
def other_process(database: str) -> Iterator[sqlite3.Connection]:
    """Stands for one that holds the right to write, so that jobs gather until it lets go."""
    connection = sqlite3.connect(database.removeprefix("sqlite://"), isolation_level=None, timeout=0)
    connection.execute("BEGIN IMMEDIATE")
    yield connection
    connection.close()


def telling(klien_id: int, n: int) -> Callable[[Tell], Awaitable[int]]:
    async def job(tell: Tell) -> int:
        await tell(klien_id, "message", NOW, {"n": n})
        return n

    return job


async def waiting(writer: Writer, count: int) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(writer._waiting) < count:
            await asyncio.sleep(0)


async def test_a_job_is_stored_and_told_before_its_caller_hears_of_it(klien: Klien, writer: Writer) -> None:
    told = []

    def publish(event: Event) -> None:
        told.append((event, answer.done()))

    answer = asyncio.ensure_future(Writer(publish).write(telling(klien.id, 7)))
    assert await answer == 7
    (row,) = await events.after(0, 10)
    assert told == [(row, False)]
    assert row.data == {"n": 7, "seq": 1}


async def test_many_that_come_together_need_few_transactions_and_are_published_in_the_journals_order(
    klien: Klien, writer: Writer, published: list[Event]
) -> None:
    other = await kliens.add("Toko Lain")

    async def come(n: int) -> int:
        await asyncio.sleep(n % 5 * 0.002)
        return await writer.write(telling((klien.id, other.id)[n % 2], n))

    assert await asyncio.gather(*(come(n) for n in range(300))) == list(range(300))
    assert writer.jobs == 300
    assert writer.transactions < 60
    assert published == await events.after(0, 1000)
    assert len(published) == 300


async def test_a_transaction_holds_no_more_than_so_many(
    klien: Klien, writer: Writer, other_process: sqlite3.Connection
) -> None:
    count = 2 * MOST_JOBS + 1
    writes = asyncio.gather(*(writer.write(telling(klien.id, n)) for n in range(count)))
    await waiting(writer, count)
    other_process.execute("ROLLBACK")
    await writes
    assert writer.transactions == 3


async def test_nobody_sees_any_of_it_before_all_of_it(klien: Klien, writer: Writer) -> None:
    seen = []

    async def look() -> int:
        return len(await events.after(0, 10))

    async def job(tell: Tell) -> None:
        await tell(klien.id, "message", NOW, {})
        seen.append(await asyncio.create_task(look(), context=contextvars.Context()))

    await asyncio.gather(*(writer.write(job) for _ in range(3)))
    assert seen[0] == 0
    assert await look() == 3


async def test_one_that_fails_rolls_back_alone_and_its_caller_gets_the_error(
    klien: Klien, writer: Writer, published: list[Event], other_process: sqlite3.Connection
) -> None:
    async def fail(tell: Tell) -> None:
        await kliens.rename(klien.id, "other")
        await tell(klien.id, "message", NOW, {"n": 99})
        raise ZeroDivisionError

    async def break_a_rule(tell: Tell) -> None:
        await tell(klien.id, "message", NOW, {"n": 98})
        await connected().execute_query("UPDATE journal_events SET seq = 1")

    async def be_cancelled(tell: Tell) -> None:
        await tell(klien.id, "message", NOW, {"n": 97})
        gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        gone.cancel()
        await gone

    jobs = [telling(klien.id, 1), fail, telling(klien.id, 2), break_a_rule, be_cancelled, telling(klien.id, 3)]
    jobs += [telling(klien.id + 1, 4)]
    writes = asyncio.gather(*(writer.write(job) for job in jobs), return_exceptions=True)
    await waiting(writer, len(jobs))
    other_process.execute("ROLLBACK")
    one, failed, two, broken, cancelled, three, nobody = await writes
    assert (one, two, three) == (1, 2, 3)
    assert [type(each) for each in (failed, broken, cancelled, nobody)] == [
        ZeroDivisionError,
        StoreError,
        asyncio.CancelledError,
        NotFound,
    ]
    assert writer.transactions == 1
    assert [(event.seq, event.data["n"]) for event in published] == [(1, 1), (2, 2), (3, 3)]
    assert published == await events.after(0, 10)
    assert await kliens.find(klien.id) == klien


async def test_a_transaction_that_is_not_stored_is_told_to_all_of_it_and_the_next_one_works(
    klien: Klien, writer: Writer, published: list[Event], other_process: sqlite3.Connection
) -> None:
    async def lose_it(tell: Tell) -> None:
        await tell(klien.id, "message", NOW, {})
        await connected().execute_query("ROLLBACK")  # as SQLite does on some errors of the disk
        raise StoreError

    jobs = [telling(klien.id, 1), lose_it, *(telling(klien.id, n) for n in range(MOST_JOBS))]
    writes = asyncio.gather(*(writer.write(job) for job in jobs), return_exceptions=True)
    await waiting(writer, len(jobs))
    other_process.execute("ROLLBACK")
    outcomes = await writes
    assert {type(each) for each in outcomes[:2]} == {StoreError}
    # What it hadn't come to was never begun, and is stored after it.
    assert outcomes[2:] == list(range(MOST_JOBS))
    assert len(published) == len(await events.after(0, 1000)) == MOST_JOBS


async def test_a_commit_that_fails_is_told_to_all_of_it(
    klien: Klien, writer: Writer, published: list[Event], other_process: sqlite3.Connection
) -> None:
    async def break_a_rule_that_is_checked_at_the_end(tell: Tell) -> None:
        await tell(klien.id, "message", NOW, {})
        await connected().execute_query("PRAGMA defer_foreign_keys = ON")
        await connected().execute_query("UPDATE journal_events SET klien_id = klien_id + 1")

    jobs = [telling(klien.id, 1), break_a_rule_that_is_checked_at_the_end, telling(klien.id, 2)]
    writes = asyncio.gather(*(writer.write(job) for job in jobs), return_exceptions=True)
    await waiting(writer, len(jobs))
    other_process.execute("ROLLBACK")
    assert {type(each) for each in await writes} == {StoreError}
    assert published == await events.after(0, 10) == []
    assert await writer.write(telling(klien.id, 3)) == 3


async def test_what_waits_behind_a_lock_that_is_held_too_long_is_given_up_together(
    database: str, writer: Writer, other_process: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.close_database()
    monkeypatch.setattr(store, "BUSY_SECONDS", 0.2)
    other_process.execute("ROLLBACK")
    await store.open_database(database)
    klien = await kliens.add("Toko Sinar")
    other_process.execute("BEGIN IMMEDIATE")
    count = 3 * MOST_JOBS
    writes = asyncio.gather(*(writer.write(telling(klien.id, n)) for n in range(count)), return_exceptions=True)
    async with asyncio.timeout(PATIENCE_SECONDS):  # one after another they would wait for a minute
        assert {type(each) for each in await writes} == {StoreError}
    assert not writer._waiting
    other_process.execute("ROLLBACK")
    assert await writer.write(telling(klien.id, 1)) == 1


async def test_cancelled_callers_have_jobs_that_were_never_begun_or_are_stored_all_the_same(
    klien: Klien, writer: Writer, published: list[Event]
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(tell: Tell) -> None:
        await tell(klien.id, "message", NOW, {"n": 1})
        begun.set()
        await go_on.wait()

    first = asyncio.create_task(writer.write(slow))
    await begun.wait()
    other, third = (asyncio.create_task(writer.write(telling(klien.id, n))) for n in (2, 3))
    await waiting(writer, 2)
    first.cancel()  # the one who began it all
    other.cancel()
    go_on.set()
    assert await third == 3
    with suppress(asyncio.CancelledError):
        await first
    assert (first.cancelled(), other.cancelled()) == (True, True)
    assert [event.data["n"] for event in published] == [1, 3]
    assert published == await events.after(0, 10)


async def test_cancelled_at_any_moment_a_job_is_whole_or_nothing_and_the_next_one_works(
    klien: Klien, writer: Writer, published: list[Event]
) -> None:
    stored, cancelled = 0, set()
    for steps in range(60):
        write = asyncio.create_task(writer.write(telling(klien.id, steps)))
        for _ in range(steps):
            await asyncio.sleep(0)
        write.cancel()
        with suppress(asyncio.CancelledError):
            await write
        cancelled.add(write.cancelled())
        assert await writer.write(telling(klien.id, 1000)) == 1000
        rows = len(await events.after(0, 1000))
        assert rows - stored in {1, 2}
        stored = rows
    assert True in cancelled
    assert published == await events.after(0, 1000)


async def test_when_the_program_ends_midway_callers_are_not_left_waiting(
    klien: Klien, writer: Writer, published: list[Event]
) -> None:
    begun = asyncio.Event()

    async def never_ends(tell: Tell) -> None:
        await tell(klien.id, "message", NOW, {})
        begun.set()
        await asyncio.Event().wait()

    writes = [asyncio.create_task(writer.write(job)) for job in (never_ends, telling(klien.id, 1))]
    await begun.wait()
    assert writer._running is not None
    writer._running.cancel()
    async with asyncio.timeout(PATIENCE_SECONDS):
        outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert {type(each) for each in outcomes} == {asyncio.CancelledError}
    assert published == await events.after(0, 10) == []
    assert await writer.write(telling(klien.id, 2)) == 2


async def test_inside_a_transaction_or_a_job_it_is_refused_instead_of_waiting_for_itself(
    klien: Klien, writer: Writer
) -> None:
    async def nested(tell: Tell) -> int:
        return await writer.write(telling(klien.id, 1))

    async with asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises(RuntimeError):
            await writer.write(nested)
        async with transaction():
            with pytest.raises(RuntimeError):
                await writer.write(telling(klien.id, 2))
    assert await events.after(0, 10) == []


async def test_a_job_does_not_run_in_the_context_of_another_ones_caller(klien: Klien, writer: Writer) -> None:
    of_caller = contextvars.ContextVar("of_caller", default="nobody")
    seen = []

    async def look(tell: Tell) -> None:
        seen.append(of_caller.get())

    async def call(name: str) -> None:
        of_caller.set(name)
        await writer.write(look)

    await asyncio.gather(call("one"), call("two"))
    assert seen == ["nobody", "nobody"]
