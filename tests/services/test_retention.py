"""The daily job, over the real database."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from talkabiz.domain.heard import ReceiptType
from talkabiz.domain.webhooks import Answer, Kind, Type, after
from talkabiz.services import retention
from talkabiz.services.allowances import Allowances, Quotas
from talkabiz.services.chatting import Chatting
from talkabiz.services.journal import Journal
from talkabiz.services.retention import HEARD_KEPT, RECEIPTS_KEPT, KeepDays, Retention
from talkabiz.store import deliveries, events, heard, receipts, webhooks
from talkabiz.store.database import transaction
from talkabiz.store.writing import Writer
from tests.fakes import NOW, ManualClock
from tests.services.conftest import Bench
from tests.services.sending import FrailWriter, make_post
from tests.store.chatting import hear, meet, rows

DAYS = 30


class Bookkeeper(Retention):
    """Counts how often it looked."""

    looks = 0

    async def forget(self) -> None:
        self.looks += 1
        await super().forget()


async def fill(klien_id: int) -> None:
    """One of each, of NOW."""
    chat = await meet(klien_id)
    await hear(klien_id, chat, "A", now=NOW)
    async with transaction():
        await receipts.note(klien_id, chat.id, "B", chat.id, ReceiptType.DELIVERED, NOW)
        await heard.add([(klien_id, 1, b"x", NOW)])
        (row,) = await heard.next(1)
        for _ in range(heard.MOST_TRIES):
            await heard.failed(row.id, "ValueError: nonsense")


async def count() -> tuple[int, int, int]:
    """Messages, receipts, heard."""
    question = "SELECT (SELECT COUNT(*) FROM messages), (SELECT COUNT(*) FROM receipts), (SELECT COUNT(*) FROM heard)"
    ((of_messages, of_receipts, of_heard),) = await rows(question)
    return of_messages, of_receipts, of_heard


@pytest.mark.parametrize(
    ("days", "after", "left"),
    [
        (DAYS, RECEIPTS_KEPT, (1, 1, 1)),
        (DAYS, RECEIPTS_KEPT + timedelta(seconds=1), (1, 0, 1)),
        (DAYS, timedelta(days=DAYS), (1, 0, 1)),
        (DAYS, timedelta(days=DAYS, seconds=1), (0, 0, 0)),
        (DAYS + 1, HEARD_KEPT + timedelta(seconds=1), (1, 0, 0)),
        (0, timedelta(days=9999), (1, 0, 0)),
    ],
)
async def test_each_thing_is_kept_for_its_time(
    klien_id: int, days: int, after: timedelta, left: tuple[int, int, int]
) -> None:
    await fill(klien_id)
    clock = ManualClock(NOW + after)
    await Retention(Writer(Journal().publish), clock, KeepDays(messages=days)).forget()
    assert await count() == left


async def append(klien_id: int, *days_ago: int) -> list[int]:
    """Events that old; their ids in the journal."""
    async with transaction():
        return [
            (await events.append(klien_id, "connected", NOW - timedelta(days=days), {"status": "connected"})).id or 0
            for days in days_ago
        ]


async def forget(keep: KeepDays, *, days_later: float = 0) -> None:
    clock = ManualClock(NOW + timedelta(days=days_later))
    await Retention(Writer(Journal().publish), clock, keep).forget()


@pytest.mark.parametrize(
    ("days", "kept", "gaps"), [(0, [1, 2, 3, 4], [False] * 4), (30, [3, 4], [True, True, False, False])]
)
async def test_the_journal_goes_back_so_many_days_and_who_asks_for_more_is_told(
    klien_id: int, days: int, kept: list[int], gaps: list[bool]
) -> None:
    await append(klien_id, 40, 31, 29, 0)
    await forget(KeepDays(journal=days))
    journal = Journal()
    assert [event.seq for event in (await journal.since(klien_id, 0))[0]] == kept
    assert [(await journal.since(klien_id, seq))[1] for seq in range(4)] == gaps
    assert await journal.since(klien_id, 4) == ([], False)


async def add_endpoint(klien_id: int) -> int:
    async with transaction():
        endpoint = await webhooks.add(
            klien_id, kind=Kind.STANDARD, url="https://shop.example/", label="", events=None, secret=b"x", now=NOW
        )
    return endpoint.id


async def queue(klien_id: int, endpoint: int, journal_id: int, *, days_ago: int) -> None:
    """As the fan-out would have done then; and then it stood still."""
    new = deliveries.NewEvent(
        klien_id, deliveries.make_event_id(), Type.SESSION_STATUS, 1, b"{}", [endpoint], journal_id=journal_id
    )
    async with transaction():
        await deliveries.fan_out([new], NOW - timedelta(days=days_ago), journal_id)


async def test_what_webhooks_have_not_been_made_of_stays_in_the_journal(klien_id: int) -> None:
    endpoint = await add_endpoint(klien_id)
    first, *others = await append(klien_id, 40, 40, 40)
    await queue(klien_id, endpoint, first, days_ago=40)
    await forget(KeepDays(journal=30))
    assert await events.ids_after(0, 9) == others
    async with transaction():
        await deliveries.move_cursor(others[0])
    await forget(KeepDays(journal=30))
    assert await events.ids_after(0, 9) == others[1:]


async def deliver(at: datetime) -> None:
    """Everything that is due by then."""
    async with transaction():
        for due in await deliveries.due(at, 9, {}):
            answer = Answer(204, None, 7)
            await deliveries.conclude(due.delivery, after(answer, 1, at, 0.5), answer, at, at)


@pytest.mark.parametrize(("days", "left"), [(0, (3, 3, 2)), (30, (2, 2, 1))], ids=["for good", "30 days"])
async def test_deliveries_that_ended_go_with_their_tries_and_what_waits_stays(
    klien_id: int, days: int, left: tuple[int, int, int]
) -> None:
    """One was delivered long ago, one of long ago waits, one was delivered a moment ago."""
    endpoint = await add_endpoint(klien_id)
    old, young, waiting = await append(klien_id, 40, 1, 40)
    await queue(klien_id, endpoint, old, days_ago=40)
    await deliver(NOW - timedelta(days=40))
    await queue(klien_id, endpoint, young, days_ago=1)
    await deliver(NOW)
    await queue(klien_id, endpoint, waiting, days_ago=40)
    await forget(KeepDays(journal=30, webhooks=days))
    question = "SELECT (SELECT COUNT(*) FROM webhook_events), (SELECT COUNT(*) FROM deliveries), COUNT(*) FROM attempts"
    assert await rows(question) == [left]
    assert await rows("SELECT status FROM deliveries WHERE ended_at IS NULL") == [("pending",)]


async def test_an_endpoint_that_was_removed_goes_with_its_deliveries(klien_id: int) -> None:
    endpoint = await add_endpoint(klien_id)
    [journal_id] = await append(klien_id, 0)
    await queue(klien_id, endpoint, journal_id, days_ago=0)
    async with transaction():
        await webhooks.remove(klien_id, endpoint)
    await forget(KeepDays(webhooks=0))
    assert await rows("SELECT id FROM deliveries") == []
    assert await rows("SELECT id FROM webhooks") == []


async def test_the_day_after_it_looks_again_whatever_happened(klien_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(klien_id)
    monkeypatch.setattr(retention, "EVERY_SECONDS", 0.01)
    writer = FrailWriter(Journal().publish)
    writer.failures = 2
    job = Bookkeeper(writer, ManualClock(NOW + timedelta(days=99)), KeepDays(messages=DAYS))
    task = asyncio.create_task(job.run())
    try:
        async with asyncio.timeout(5):
            while await count() != (0, 0, 0):
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert job.looks >= 3


async def test_it_runs_beside_the_chats(bench: Bench, klien_id: int, tmp_path: Path) -> None:
    await fill(klien_id)
    bench.clock.advance(timedelta(days=DAYS, seconds=1).total_seconds())
    post = make_post(bench, tmp_path)
    chatting = Chatting(
        post.conversations,
        post.media,
        writer=post.writer,
        journal=bench.journal,
        clock=bench.clock,
        keep=KeepDays(messages=DAYS),
    )
    allowances = Allowances(bench.clock, Quotas())
    async with asyncio.timeout(5), chatting.open(bench.sessions.links, allowances, drain_seconds=0):
        while await count() != (0, 0, 0):
            await asyncio.sleep(0.01)
    post.media.close()
