"""Shown as online, for as long as somebody wants to know who else is; and no longer, since a phone rings less while
another device of its account is online.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from functools import partial

import structlog

from talkabiz.domain.answers import CallFailed
from talkabiz.services.conversations import Conversations
from talkabiz.services.links import Links

ONLINE_SECONDS = 300.0
"""From the last time that somebody asked."""
RETRY_SECONDS = 30.0
MOST_TRIES = 5

log = structlog.get_logger(__name__)


class Visibility:
    def __init__(self, conversations: Conversations, links: Links, seconds: float = ONLINE_SECONDS) -> None:
        self._conversations = conversations
        self._links = links
        self._seconds = seconds
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def show(self, klien_id: int, attempt: str) -> None:
        """From now on for a while. Raises CallFailed: what may have been shown all the same is taken back."""
        async with self._turns[klien_id]:
            try:
                await self._conversations.show_presence(attempt, available=True)
            except CallFailed as failure:
                if failure.may_have_happened:
                    self._hide_in(self._seconds, klien_id, attempt)
                raise
            except asyncio.CancelledError:  # who asked is gone, and what he asked for goes on
                self._hide_in(self._seconds, klien_id, attempt)
                raise
            self._hide_in(self._seconds, klien_id, attempt)

    async def close(self) -> None:
        """Take nothing back any more: who closes the links ends that, too."""
        for timer in self._timers.values():
            timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _hide_in(self, seconds: float, klien_id: int, attempt: str, tries: int = 1) -> None:
        if timer := self._timers.pop(klien_id, None):
            timer.cancel()
        begin = partial(self._begin, klien_id, attempt, tries)
        self._timers[klien_id] = asyncio.get_running_loop().call_later(seconds, begin)

    def _begin(self, klien_id: int, attempt: str, tries: int) -> None:
        del self._timers[klien_id]
        task = asyncio.get_running_loop().create_task(self._hide(klien_id, attempt, tries), name="show as offline")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _hide(self, klien_id: int, attempt: str, tries: int) -> None:
        """Unless somebody has asked anew. A link that is gone, or another one, isn't shown."""
        async with self._turns[klien_id]:
            if klien_id in self._timers or self._links.attempt_of(klien_id) != attempt:
                return
            try:
                await self._conversations.show_presence(attempt, available=False)
            except CallFailed as failure:
                log.warning("still_shown_online", klien_id=klien_id, code=failure.code, tries=tries)
                if tries < MOST_TRIES:
                    self._hide_in(RETRY_SECONDS, klien_id, attempt, tries + 1)
