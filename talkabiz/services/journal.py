"""The journal: what happened, in order. Sockets and webhooks both read it, so they can't disagree.

A writer appends inside its open transaction and publishes after the commit. Readers get events handed over in memory at
once; a slow look at the table is the net under that, for rows that another process wrote.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

from talkabiz.domain.events import Event
from talkabiz.services.in_order import HOLD_SECONDS, InOrder
from talkabiz.store import events

NET_SECONDS = 1.0
PAGE = 500


class Journal:
    def __init__(self, net_seconds: float = NET_SECONDS, hold_seconds: float = HOLD_SECONDS) -> None:
        self._net_seconds = net_seconds
        self._queues: set[asyncio.Queue[Event]] = set()
        self._order = InOrder(self._hand_over, hold_seconds)

    def publish(self, event: Event) -> None:
        """Hand an event to every reader, on the loop. A durable one must be committed by now.

        One whose predecessor of the same klien is committed, too, but not published yet, waits for that, though not
        for ever.
        """
        self._order.take(event)

    def last_seq(self, klien_id: int) -> int:
        """Of the klien's event that was published last; 0: none was since the start, and nobody has read yet."""
        return self._order.last(klien_id)

    def _hand_over(self, event: Event) -> None:
        for queue in self._queues:
            queue.put_nowait(event)

    @property
    def readers(self) -> int:
        return len(self._queues)

    async def since(
        self, klien_id: int, seq: int, limit: int = PAGE, *, with_chats: bool = True
    ) -> tuple[list[Event], bool]:
        """The klien's durable events after `seq`, oldest first, and whether older ones than kept were asked for.

        `with_chats`: what was said, too.
        """
        return await events.since(klien_id, seq, limit, with_chats=with_chats)

    async def reader(self) -> AsyncGenerator[Event, None]:
        """Every event from now on, once each, a klien's own in order; passing ones too."""
        if not self._order.has_begun:
            self._order.begin(await events.last_seqs())
        # First the cursor, then the queue: what comes between the two is the net's, and nothing is nobody's.
        net = _Net(await events.last_id())
        queue: asyncio.Queue[Event] = asyncio.Queue()
        self._queues.add(queue)
        try:
            clock = asyncio.get_running_loop().time
            look_at = clock() + self._net_seconds
            while True:
                event = await _next(queue, look_at)
                if event is None:
                    for missed in await net.haul():
                        yield missed
                    look_at = clock() + self._net_seconds
                elif net.is_new(event):
                    yield event
        finally:
            self._queues.discard(queue)


async def _next(queue: asyncio.Queue[Event], until: float) -> Event | None:
    """The next event; None: it was time to look at the table first.

    A function of its own: a generator that yields within a time-out would cancel whoever reads from it.
    """
    if not queue.empty():
        return queue.get_nowait()
    with suppress(TimeoutError):
        async with asyncio.timeout_at(until):
            return await queue.get()
    return None


class _Net:
    """Knows which rows its reader has seen, and finds those that nobody handed over."""

    def __init__(self, low: int) -> None:
        self._begin = low  # what is handed over from here on is new, also if its row was there when reading began
        self._low = low  # every row up to here has been seen
        self._seen: set[int] = set()  # rows above `low` that have been seen: not all come in its order
        self._suspects: set[int] = set()  # rows that weren't handed over when the net last looked

    def is_new(self, event: Event) -> bool:
        """Whether the reader hasn't had this event yet; remembers it."""
        if event.id is None or event.id <= self._begin:
            return True
        if event.id <= self._low or event.id in self._seen:
            return False
        self._seen.add(event.id)
        return True

    async def haul(self) -> list[Event]:
        """Rows that have been there since the last look and were never handed over.

        A row seen for the first time may be just about to be published, with the QR that the table doesn't hold.
        """
        ids = await events.ids_after(self._low, PAGE)  # most have been seen, and needn't be read
        unseen = set(ids) - self._seen
        missing = unseen & self._suspects
        missed = [row for row in await events.after(min(missing) - 1, PAGE) if row.id in missing] if missing else []
        self._seen |= missing
        self._suspects = unseen - self._seen
        for event_id in ids:
            if event_id not in self._seen:
                break
            self._low = event_id
        self._seen = {seen for seen in self._seen if seen > self._low}
        return missed
