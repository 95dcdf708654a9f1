"""Once a day: what nobody needs any more is deleted, in lots so small that nobody waits for one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import structlog

from talkabiz.services.ports import Clock
from talkabiz.store import deliveries, retention, webhook_retention
from talkabiz.store.errors import StoreError
from talkabiz.store.writing import Tell, Writer

EVERY_SECONDS = 86_400.0
HEARD_KEPT = timedelta(days=30)
"""What couldn't be read, and may be once this program is newer."""
RECEIPTS_KEPT = timedelta(days=1)
"""Of messages that nobody has. By then none is uncertain any more that they could be of."""

T = TypeVar("T")
Page = Callable[[datetime, int], Awaitable[int | None]]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KeepDays:
    """0: as long as their klien. Files of messages have a time of their own."""

    messages: int = 0
    journal: int = 0
    webhooks: int = 0
    """Deliveries that ended, and all tries."""


class Retention:
    def __init__(self, writer: Writer, clock: Clock, keep: KeepDays) -> None:
        self._writer = writer
        self._clock = clock
        self._keep = keep

    async def run(self) -> None:
        """Once a day, until cancelled."""
        while True:
            try:
                await self.forget()
            except StoreError:
                log.exception("old_rows_not_deleted")
            await asyncio.sleep(EVERY_SECONDS)

    async def forget(self) -> None:
        now, keep = self._clock.now(), self._keep
        await self._while_more(partial(retention.forget_failed_heard, now - HEARD_KEPT))
        await self._through(retention.forget_unclaimed, now - RECEIPTS_KEPT)
        if keep.messages:
            await self._through(retention.forget_messages, now - timedelta(days=keep.messages))
        if keep.journal:
            await self._while_more(partial(_forget_journal, now - timedelta(days=keep.journal)))
        if keep.webhooks:
            await self._through(webhook_retention.forget_attempts, now - timedelta(days=keep.webhooks))
            await self._through(webhook_retention.forget_events, now - timedelta(days=keep.webhooks))
        await self._while_more(webhook_retention.forget_removed)
        await self._while_more(partial(webhook_retention.bring_back, now))

    async def _while_more(self, job: Callable[[], Awaitable[bool]]) -> None:
        while await self._lot(job):
            pass

    async def _through(self, page: Page, before: datetime) -> None:
        after: int | None = 0
        while after is not None:
            after = await self._lot(partial(page, before, after))

    async def _lot(self, job: Callable[[], Awaitable[T]]) -> T:
        async def carry_out(tell: Tell) -> T:
            del tell
            return await job()

        return await self._writer.write(carry_out)


async def _forget_journal(before: datetime) -> bool:
    """What webhooks haven't been made of yet stays, however old: nobody else keeps it."""
    return await webhook_retention.forget_journal(before, await deliveries.cursor())
