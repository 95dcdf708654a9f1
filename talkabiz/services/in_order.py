"""A klien's events in the order of their `seq`, whoever publishes them first.

Several write to the journal, each publishing after its own commit, and who committed first may come second: a runner
paints a QR code in between. Readers go by `seq`, and what comes with a lower one than they have they take for old.
"""

from __future__ import annotations

import asyncio
from bisect import insort
from collections.abc import Callable, Mapping
from dataclasses import replace

from talkabiz.domain.events import Event

HOLD_SECONDS = 0.5
"""Longer than any painting takes, shorter than it takes the journal's net to tell a row that nobody published."""


class InOrder:
    def __init__(self, hand_over: Callable[[Event], None], hold_seconds: float = HOLD_SECONDS) -> None:
        self._hand_over = hand_over
        self._hold_seconds = hold_seconds
        self._has_begun = False
        self._last: dict[int, int] = {}  # of each klien: the seq of what was handed over last
        self._held: dict[int, list[Event]] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}

    @property
    def has_begun(self) -> bool:
        return self._has_begun

    def begin(self, seqs: Mapping[int, int]) -> None:
        """What each klien's last event is, before anything is published; who comes later begins at 0.

        Until then an event follows on whatever was before.
        """
        self._has_begun = True
        self._last = {**seqs, **self._last}

    def last(self, klien_id: int) -> int:
        """The seq of the klien's event that was handed over last; 0: none that is known."""
        return self._last.get(klien_id, 0)

    def take(self, event: Event) -> None:
        """Hand it over now, or as soon as those before it have been, or after `hold_seconds` without them.

        A passing event is told with the last durable one's `seq`, also where its sender knew of an earlier one.
        """
        if self._follows(event):
            self._pass(event)
            self._release(event.klien_id)
            return
        insort(self._held.setdefault(event.klien_id, []), event, key=lambda each: (each.seq, not each.is_durable))
        if event.klien_id not in self._timers:
            self._set_timer(event.klien_id)

    def _follows(self, event: Event) -> bool:
        if not self._has_begun and event.klien_id not in self._last:
            return True
        return event.seq <= self.last(event.klien_id) + event.is_durable

    def _pass(self, event: Event) -> None:
        last = max(self.last(event.klien_id), event.seq)
        if not event.is_durable and event.seq < last:
            event = replace(event, seq=last, data={**event.data, "seq": last})
        self._last[event.klien_id] = last
        self._hand_over(event)

    def _release(self, klien_id: int) -> None:
        held = self._held.get(klien_id)
        if not held or not self._follows(held[0]):
            return
        while held and self._follows(held[0]):
            self._pass(held.pop(0))
        self._timers.pop(klien_id).cancel()
        if held:
            self._set_timer(klien_id)
        else:
            del self._held[klien_id]

    def _set_timer(self, klien_id: int) -> None:
        loop = asyncio.get_running_loop()
        self._timers[klien_id] = loop.call_later(self._hold_seconds, self._give_up, klien_id)

    def _give_up(self, klien_id: int) -> None:
        """What is missing was never published, or is late: the journal's net tells it."""
        first = self._held[klien_id][0]
        self._last[klien_id] = first.seq - first.is_durable
        self._release(klien_id)
