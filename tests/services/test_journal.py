"""Readers of the journal miss nothing and get nothing twice."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from talkabiz.domain.events import Event
from talkabiz.services.journal import Journal
from talkabiz.store import database, events
from tests.fakes import NOW

NET_SECONDS = 0.05


async def _append(klien_id: int) -> Event:
    async with database.transaction():
        return await events.append(klien_id, "connected", NOW, {"status": "connected"})


async def _collect(journal: Journal, into: list[Event]) -> None:
    async for event in journal.reader():
        into.append(event)  # noqa: PERF401 - the list must grow while it is read


async def _until(events_: list[Event], count: int) -> None:
    async with asyncio.timeout(5):
        while len(events_) < count:
            await asyncio.sleep(NET_SECONDS / 5)


async def _reading(journal: Journal, count: int = 1) -> tuple[list[Event], asyncio.Task[None]]:
    got: list[Event] = []
    task = asyncio.create_task(_collect(journal, got))
    async with asyncio.timeout(5):
        while journal.readers < count:
            await asyncio.sleep(0)
    return got, task


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_is_published_reaches_every_reader_once_and_in_order(klien_id: int) -> None:
    journal = Journal(NET_SECONDS)
    (first, one), (second, two) = await _reading(journal), await _reading(journal, 2)
    appended = [await _append(klien_id) for _ in range(5)]
    for event in appended:
        journal.publish(event)
    await _until(first, 5)
    await _until(second, 5)
    await asyncio.sleep(NET_SECONDS * 4)  # the net has had its chances to tell them again

    assert first == second == appended
    await _end(one)
    await _end(two)


async def test_a_passing_event_is_told_although_no_row_knows_it(klien_id: int) -> None:
    journal = Journal(NET_SECONDS)
    got, task = await _reading(journal)
    journal.publish(Event(None, klien_id, 0, "qr_ready", NOW, {"qr": {"n": 2}}))
    await _until(got, 1)

    assert got[0].data == {"qr": {"n": 2}}
    await _end(task)


async def test_a_row_that_another_process_wrote_is_found_by_the_net(klien_id: int) -> None:
    journal = Journal(NET_SECONDS)
    got, task = await _reading(journal)
    row = await _append(klien_id)
    await _until(got, 1)

    assert (got[0].id, got[0].seq) == (row.id, row.seq)
    await _end(task)


async def test_an_event_that_is_published_late_is_told_with_what_the_table_does_not_hold(klien_id: int) -> None:
    """The net may look between a commit and its publication: it must not tell the bare row first."""
    journal = Journal(NET_SECONDS)
    got, task = await _reading(journal)
    row = await _append(klien_id)
    pushed = replace(row, data={**row.data, "qr": {"n": 1}})
    await asyncio.sleep(NET_SECONDS * 1.2)  # one look of the net
    journal.publish(pushed)
    await _until(got, 1)
    await asyncio.sleep(NET_SECONDS * 4)

    assert got == [pushed]
    await _end(task)


async def test_rows_published_out_of_order_are_told_in_order_with_what_the_table_does_not_hold(klien_id: int) -> None:
    journal = Journal(NET_SECONDS)
    got, task = await _reading(journal)
    first, second = await _append(klien_id), await _append(klien_id)
    pushed = replace(second, data={**second.data, "qr": {"n": 1}})
    journal.publish(pushed)
    journal.publish(first)
    await _until(got, 2)
    await asyncio.sleep(NET_SECONDS * 4)

    assert got == [first, pushed]
    await _end(task)


async def test_a_row_that_nobody_publishes_holds_up_the_next_one_only_for_a_while(klien_id: int) -> None:
    journal = Journal(NET_SECONDS, hold_seconds=NET_SECONDS / 2)
    got, task = await _reading(journal)
    lost, second = await _append(klien_id), await _append(klien_id)
    pushed = replace(second, data={**second.data, "qr": {"n": 1}})
    journal.publish(pushed)
    await _until(got, 2)
    await asyncio.sleep(NET_SECONDS * 4)

    assert got == [pushed, lost]  # the net brings what nobody told
    await _end(task)


async def test_a_klien_goes_on_from_where_it_was_before_the_start(klien_id: int) -> None:
    before = await _append(klien_id)
    journal = Journal(NET_SECONDS)
    got, task = await _reading(journal)
    assert journal.last_seq(klien_id) == before.seq
    second, third = await _append(klien_id), await _append(klien_id)
    journal.publish(third)
    journal.publish(second)
    await _until(got, 2)

    assert got == [second, third]
    assert journal.last_seq(klien_id) == third.seq
    await _end(task)


async def test_a_reader_that_left_is_forgotten(klien_id: int) -> None:
    journal = Journal(NET_SECONDS)
    _, task = await _reading(journal)
    await _end(task)

    assert journal.readers == 0
