"""Once a day: what nobody needs any more is deleted, in lots so small that nobody waits for one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import structlog

from talkabiz.services.ports import Clock
from talkabiz.store import retention
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


class Retention:
    """`days`: how long messages are kept; 0: as long as their klien. Their files have a time of their own."""

    def __init__(self, writer: Writer, clock: Clock, *, days: int) -> None:
        self._writer = writer
        self._clock = clock
        self._days = days

    async def run(self) -> None:
        """Once a day, until cancelled."""
        while True:
            try:
                await self.forget()
            except StoreError:
                log.exception("old_rows_not_deleted")
            await asyncio.sleep(EVERY_SECONDS)

    async def forget(self) -> None:
        now = self._clock.now()
        while await self._lot(partial(retention.forget_failed_heard, now - HEARD_KEPT)):
            pass
        await self._through(retention.forget_unclaimed, now - RECEIPTS_KEPT)
        if self._days:
            await self._through(retention.forget_messages, now - timedelta(days=self._days))

    async def _through(self, page: Page, before: datetime) -> None:
        after: int | None = 0
        while after is not None:
            after = await self._lot(partial(page, before, after))

    async def _lot(self, job: Callable[[], Awaitable[T]]) -> T:
        async def carry_out(tell: Tell) -> T:
            del tell
            return await job()

        return await self._writer.write(carry_out)
