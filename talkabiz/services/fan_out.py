"""Makes deliveries of what stands in the journal: for each event what is sent, and to whom.

It reads the table, never what is handed over in memory: there are neither codes to scan nor codes to type. The cursor
is stored in the transaction that queues: what a crash interrupts is done again, and queues nothing twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing

import structlog

from talkabiz.domain.events import Event
from talkabiz.domain.webhook_bodies import body, connection, older_body, told
from talkabiz.domain.webhooks import Endpoint, Kind, Type
from talkabiz.services.bell import Bell
from talkabiz.services.journal import Journal
from talkabiz.services.ports import Clock
from talkabiz.store import deliveries, events, webhooks
from talkabiz.store.deliveries import NewEvent
from talkabiz.store.writing import Tell, Writer

PAGE = 100
NET_SECONDS = 1.0
RETRY_SECONDS = 1.0
GATHER_SECONDS = 0.02
"""Before each look, so that one look does for all that happens meanwhile."""
MOST_UNSTORED = 1000
"""Events that nobody wanted and the stored cursor hasn't passed: so many are looked through again after a crash."""

log = structlog.get_logger(__name__)


class FanOut:
    """`bell` is rung when something was queued."""

    def __init__(self, journal: Journal, writer: Writer, clock: Clock, bell: Bell) -> None:
        self._journal = journal
        self._writer = writer
        self._clock = clock
        self._bell = bell
        self._woken = asyncio.Event()
        self._cursor: int | None = None
        self._stored = 0

    async def run(self) -> None:
        """Until cancelled."""
        listening = asyncio.create_task(self._listen(), name="webhooks hear the journal")
        try:
            while True:
                await self._catch_up()
                try:
                    async with asyncio.timeout(NET_SECONDS):
                        await self._woken.wait()
                except TimeoutError:
                    pass
                await asyncio.sleep(GATHER_SECONDS)
                self._woken.clear()
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def finish(self) -> None:
        """What has been told until now is queued, unless it can't be stored; then it is after the next start."""
        await self._catch_up()

    async def _catch_up(self) -> None:
        try:
            while await self._page():
                pass
        except Exception:  # the journal keeps it, and the net looks again
            log.exception("webhooks_not_queued")
            await asyncio.sleep(RETRY_SECONDS)

    async def _page(self) -> bool:
        """Whether there may be more."""
        if self._cursor is None:
            self._cursor = self._stored = await deliveries.cursor()
        last_id = await events.last_id()  # before the endpoints: one that comes after this wants nothing up to here
        if last_id <= self._cursor:
            return False
        if not await webhooks.kliens_with_any():
            await self._pass(last_id)
            return False
        rows = await events.after(self._cursor, PAGE)
        if not rows:  # they are gone
            return False
        new = _new_events(rows, await webhooks.enabled_for({row.klien_id for row in rows}))
        end = rows[-1].id or 0
        if new:
            await self._queue(new, end)
        else:
            await self._pass(end)
        return len(rows) == PAGE

    async def _queue(self, new: Sequence[NewEvent], cursor: int) -> None:
        async def job(tell: Tell) -> int:
            del tell
            return await deliveries.fan_out(new, self._clock.now(), cursor)

        if await self._writer.write(job):
            self._bell.ring()
        self._cursor = self._stored = cursor

    async def _pass(self, cursor: int) -> None:
        """Nobody wants what lies before it."""
        if cursor - self._stored >= MOST_UNSTORED:
            await self._queue([], cursor)
        self._cursor = cursor

    async def _listen(self) -> None:
        while True:
            try:
                async with aclosing(self._journal.reader()) as told_:
                    async for event in told_:
                        if event.is_durable:
                            self._woken.set()
            except Exception:
                log.exception("webhooks_hear_nothing")
                await asyncio.sleep(RETRY_SECONDS)


def _new_events(rows: Sequence[Event], endpoints: Mapping[int, Sequence[Endpoint]]) -> list[NewEvent]:
    known = {each.id: each.told for found in endpoints.values() for each in found}
    new: list[NewEvent] = []
    for row in rows:
        if row.klien_id not in endpoints:
            continue
        try:
            new += (*_standard(row, endpoints[row.klien_id]), *_older(row, endpoints[row.klien_id], known))
        except Exception:  # one that can't be told must not hold up all that come after it
            log.exception("webhook_event_left_out", klien_id=row.klien_id, seq=row.seq)
    return new


def _standard(event: Event, endpoints: Sequence[Endpoint]) -> Iterator[NewEvent]:
    what = told(event)
    if what is None:
        return
    type_, data = what
    if wanting := [each.id for each in endpoints if each.kind is Kind.STANDARD and each.wants(type_)]:
        public_id = deliveries.event_id_of(event, Kind.STANDARD)
        sent = body(public_id, type_, event.at, event.klien_id, event.seq, data)
        yield NewEvent(event.klien_id, public_id, type_, event.seq, sent, wanting, event.id)


def _older(event: Event, endpoints: Sequence[Endpoint], known: dict[int, str | None]) -> Iterator[NewEvent]:
    """`known`: what each was told last; it is brought up to date."""
    now = connection(event)
    if now is None:
        return
    older = [each for each in endpoints if each.kind is Kind.OLDER and each.since_id < (event.id or 0)]
    if wanting := [each.id for each in older if known[each.id] != now.key]:
        known.update(dict.fromkeys(wanting, now.key))
        yield NewEvent(
            event.klien_id,
            deliveries.event_id_of(event, Kind.OLDER),
            Type.CONNECTION_UPDATE,
            event.seq,
            older_body(event, now),
            wanting,
            event.id,
            Kind.OLDER,
            now.key,
        )
