"""The outbox: every klien that has something waiting has a line, and each line is a task of its own, so that what goes
wrong for one holds up no other.

A line is woken when something is accepted, when its session changes, and by time. Whoever asks for something may be
gone before he could wake it, with what he asked for stored: so one looks now and then who has something waiting.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import datetime

import structlog

from talkabiz.domain.message import Message
from talkabiz.services import records
from talkabiz.services.journal import Journal
from talkabiz.services.line import Line
from talkabiz.services.snapshot import EVENT_TYPES
from talkabiz.services.turns import Room
from talkabiz.store import messages
from talkabiz.store.errors import StoreError
from talkabiz.store.writing import Tell

DRAIN_SECONDS = 10.0
"""At the end, for what is under way."""
RETRY_SECONDS = 1.0
NET_SECONDS = 10.0
_SESSION_CHANGED = frozenset(EVENT_TYPES.values())

log = structlog.get_logger(__name__)


class Outbox:
    def __init__(self, room: Room, journal: Journal, net_seconds: float = NET_SECONDS) -> None:
        self._room = room
        self._journal = journal
        self._net_seconds = net_seconds
        self._lines: dict[int, Line] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._is_open = False

    @asynccontextmanager
    async def serving(self, drain_seconds: float = DRAIN_SECONDS) -> AsyncIterator[None]:
        """Before any session starts, until after the last wish. What was on its way when the program last ended is
        uncertain from now on; what waits then goes on.
        """
        for message in await self._room.writer.write(self._interrupt):
            self._line(message.klien_id).doubt(message)
        self._is_open = True
        tasks = [
            asyncio.create_task(self._listen(), name="outbox"),
            asyncio.create_task(self._look(), name="what waits unseen"),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await self._close(drain_seconds)
            await asyncio.gather(*tasks, return_exceptions=True)

    def wake(self, klien_id: int, accepted: Message | None = None) -> None:
        """Something of this klien waits, or may go now; `accepted`: nothing else has changed."""
        if not self._is_open:
            return
        line, task = self._line(klien_id), self._tasks.get(klien_id)
        if task and not task.done():
            if accepted:
                line.note_accepted(accepted)
            else:
                line.wake()
            return
        # In a context of its own: it outlives the request that first asked, whose id its log lines must not bear.
        self._tasks[klien_id] = asyncio.get_running_loop().create_task(
            line.run(), name=f"outbox of klien {klien_id}", context=contextvars.Context()
        )

    async def settle(self, klien_id: int, chat_id: int, wa_id: str, at: datetime, tell: Tell) -> Message | None:
        """In a transaction: a receipt names a message of ours that no row has. If it can only be the one that may have
        left, that is `sent`, and further by the receipts that are noted. Not for what was written on the phone itself.
        """
        line = self._lines.get(klien_id)
        if line and line.under_way and line.under_way.chat.id == chat_id:
            return None  # it may be that one, whose answer is on its way
        return await records.settle(tell, klien_id, chat_id, wa_id, at)

    async def forget(self, klien_id: int) -> None:
        """The klien is about to go: nothing of it is sent any more, and nothing runs for it."""
        task = self._tasks.pop(klien_id, None)
        self._lines.pop(klien_id, None)
        if task:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._room.paces.forget(klien_id)

    @property
    def running(self) -> int:
        """Kliens that have something waiting or under way."""
        return sum(not task.done() for task in self._tasks.values())

    @property
    def sending(self) -> int:
        return sum(line.under_way is not None for line in self._lines.values())

    def _line(self, klien_id: int) -> Line:
        if klien_id not in self._lines:
            self._lines[klien_id] = Line(klien_id, self._room)
        return self._lines[klien_id]

    async def _interrupt(self, tell: Tell) -> list[Message]:
        return await records.interrupt(tell, self._room.clock.now())

    async def _listen(self) -> None:
        """Whose session has changed may go on, or has lost what waits."""
        while True:
            try:
                async with aclosing(self._journal.reader()) as events:
                    async for event in events:
                        if event.type in _SESSION_CHANGED and event.klien_id in self._tasks:
                            self._lines[event.klien_id].wake()
            except Exception:  # each line looks by itself, if more seldom
                log.exception("outbox_hears_nothing")
                await asyncio.sleep(RETRY_SECONDS)

    async def _look(self) -> None:
        """Who has something waiting and nobody at work on it: at the start, those of the last process."""
        while True:
            with suppress(StoreError):
                for klien_id in await messages.kliens_waiting():
                    if klien_id not in self._tasks or self._tasks[klien_id].done():
                        self.wake(klien_id)
            await asyncio.sleep(self._net_seconds)

    async def _close(self, drain_seconds: float) -> None:
        """What is under way gets so long; what hasn't been answered by then stays `sending`."""
        self._is_open = False
        for line in self._lines.values():
            line.close()
        tasks = [task for task in self._tasks.values() if not task.done()]
        late = (await asyncio.wait(tasks, timeout=drain_seconds))[1] if tasks else set()
        if late:
            log.warning("outbox_closed_while_sending", kliens=len(late))
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
