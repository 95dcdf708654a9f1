"""All that webhooks need, put together, but for whoever carries them: the courier."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from talkabiz.services.audit import Audit
from talkabiz.services.bell import Bell
from talkabiz.services.dispatch import Dispatch
from talkabiz.services.fan_out import FanOut
from talkabiz.services.journal import Journal
from talkabiz.services.ports import Clock
from talkabiz.services.posting import Judge
from talkabiz.services.sealing import Seal
from talkabiz.services.webhooks import Webhooks
from talkabiz.store.writing import Writer


class Hooks:
    """`judge`: whether one may post to an address."""

    def __init__(self, seal: Seal, writer: Writer, journal: Journal, *, clock: Clock, judge: Judge) -> None:
        bell = Bell()
        self._journal = journal
        self.webhooks = Webhooks(seal, writer, clock, judge=judge, audit=Audit(clock), bell=bell)
        self.dispatch = Dispatch(seal, writer, clock, bell)
        self._fan_out = FanOut(journal, writer, clock, bell)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Deliveries are made of what the journal tells; at the end, of all that it has told until then."""
        readers = self._journal.readers
        running = asyncio.create_task(self._fan_out.run(), name="webhooks follow the journal")
        try:
            while self._journal.readers == readers and not running.done():  # noqa: ASYNC110 - others count readers, too
                await asyncio.sleep(0)
            yield
        finally:
            await self.webhooks.stop()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await self._fan_out.finish()
