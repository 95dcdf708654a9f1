"""The daily job, over the real database."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from talkabiz.domain.heard import ReceiptType
from talkabiz.services import retention
from talkabiz.services.allowances import Allowances, Quotas
from talkabiz.services.chatting import Chatting
from talkabiz.services.journal import Journal
from talkabiz.services.retention import HEARD_KEPT, RECEIPTS_KEPT, Retention
from talkabiz.store import heard, receipts
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
    await Retention(Writer(Journal().publish), clock, days=days).forget()
    assert await count() == left


async def test_the_day_after_it_looks_again_whatever_happened(klien_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(klien_id)
    monkeypatch.setattr(retention, "EVERY_SECONDS", 0.01)
    writer = FrailWriter(Journal().publish)
    writer.failures = 2
    job = Bookkeeper(writer, ManualClock(NOW + timedelta(days=99)), days=DAYS)
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
        message_days=DAYS,
    )
    allowances = Allowances(bench.clock, Quotas())
    async with asyncio.timeout(5), chatting.open(bench.sessions.links, allowances, drain_seconds=0):
        while await count() != (0, 0, 0):
            await asyncio.sleep(0.01)
    post.media.close()
