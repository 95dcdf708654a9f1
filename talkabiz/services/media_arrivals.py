"""Fetches the files of messages that came in: at once, and where that fails again, for WhatsApp keeps them a while."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Protocol

import structlog

from talkabiz.domain.answers import CallFailed
from talkabiz.domain.backoff import delay_seconds
from talkabiz.domain.media_rules import LARGE, LARGEST
from talkabiz.services.media import Kept, MediaStore
from talkabiz.services.ports import Clock
from talkabiz.store import media
from talkabiz.store.errors import StoreError
from talkabiz.store.media import MediaRow
from talkabiz.store.writing import Tell, Writer

MOST_TRIES = 5
MOST_AT_ONCE = 6
MOST_OF_A_KLIEN = 2
PAGE = 50
NET_SECONDS = 5.0
SHORTEST_SECONDS = 15.0
LONGEST_SECONDS = 600.0
"""Of the wait before the next try."""
PAUSE_SECONDS = 60.0
"""While the database can't be written, what is fetched is fetched for nothing: so long, nothing is."""

TOO_LARGE, GONE, FAILED = "media_too_large", "media_gone", "media_not_fetched"
_HOPELESS = {GONE, "no_media", "invalid_message"}
_CUT_OFF = {"not_connected", "not_logged_in", "not_begun"}
"""Nobody was asked: that is no try, and the net looks for it again."""

Connected = Callable[[], Mapping[int, str]]
"""The attempt of each klien that is connected right now."""
Changed = Callable[[Tell, int, int], Awaitable[None]]
"""Told of a klien's medium that is stored or given up, in the transaction that stores it."""

log = structlog.get_logger(__name__)


class Downloads(Protocol):
    """What is used of `Conversations`."""

    async def download(self, attempt: str, raw: bytes) -> bytes: ...


class Arrivals:
    def __init__(
        self,
        store: MediaStore,
        writer: Writer,
        clock: Clock,
        phones: Downloads,
        *,
        connected: Connected,
        changed: Changed,
    ) -> None:
        self._store = store
        self._writer = writer
        self._clock = clock
        self._phones = phones
        self._connected = connected
        self._changed = changed
        self._running: dict[int, asyncio.Task[bool]] = {}
        self._ended: set[int] = (
            set()
        )  # since it was last looked what is due, which may have been before that was stored
        self._of_klien: Counter[int] = Counter()
        self._large = 0
        self._not_before = 0.0

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            while True:
                self._store.news.clear()
                try:
                    await self._begin()
                except StoreError as error:
                    log.warning("media_not_looked_for", why=str(error.__cause__))
                with suppress(TimeoutError):
                    async with asyncio.timeout(NET_SECONDS):
                        await self._store.news.wait()
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _begin(self) -> None:
        """As many as there are places for, of kliens that are connected and have a place."""
        connected, passed, goes_on = dict(self._connected()), set[int](), self._clock.seconds() >= self._not_before
        while goes_on and len(self._running) < MOST_AT_ONCE:
            free = [each for each in connected if self._of_klien[each] < MOST_OF_A_KLIEN and each not in passed]
            self._ended.clear()
            rows = await media.due(self._clock.now(), PAGE, free)
            begun = [row for row in rows if self._start(row, connected[row.klien_id])]
            if not begun:
                passed.update(row.klien_id for row in rows)  # large ones alone: others' stand behind them
            goes_on = len(rows) == PAGE

    def _start(self, row: MediaRow, attempt: str) -> bool:
        """Unless it runs already, or has just ended, or has to wait for others."""
        is_full = len(self._running) >= MOST_AT_ONCE or self._of_klien[row.klien_id] >= MOST_OF_A_KLIEN
        is_known = row.id in self._running or row.id in self._ended
        if is_full or is_known or (_is_large(row) and self._large):
            return False
        task = asyncio.create_task(self._fetch(row, attempt), name=f"media {row.id}")
        self._running[row.id] = task
        self._of_klien[row.klien_id] += 1
        self._large += _is_large(row)
        task.add_done_callback(partial(self._end, row))
        return True

    def _end(self, row: MediaRow, done: asyncio.Task[bool]) -> None:
        del self._running[row.id]
        self._ended.add(row.id)
        self._of_klien[row.klien_id] -= 1
        self._large -= _is_large(row)
        if done.cancelled():
            return
        if error := done.exception():  # the database can't be written
            self._not_before = self._clock.seconds() + PAUSE_SECONDS
            log.warning("media_not_stored", klien_id=row.klien_id, media_id=row.id, why=str(error))
        elif done.result():
            self._store.wake()

    async def _fetch(self, row: MediaRow, attempt: str) -> bool:
        """Whether anything came of it, be it a failure."""
        if (row.state.size or 0) > LARGEST:  # the library would hold all of it in memory
            await self._fail(row, TOO_LARGE, for_good=True)
            return True
        try:
            data = await self._phones.download(attempt, row.source or b"")
            if len(data) > LARGEST:  # which its sender hadn't said
                await self._fail(row, TOO_LARGE, for_good=True)
            else:
                await self._store_row(row, await self._store.keep(row.klien_id, data, row.state.mimetype))
        except CallFailed as error:
            log.info("media_not_fetched", klien_id=row.klien_id, media_id=row.id, why=str(error))
            if error.code in _CUT_OFF:
                return False
            await self._fail(row, GONE if error.code == GONE else FAILED, for_good=error.code in _HOPELESS)
        except Exception as error:
            if isinstance(error, StoreError) and not error.is_refusal:
                raise
            log.exception("media_not_kept", klien_id=row.klien_id, media_id=row.id)
            await self._fail(row, FAILED)  # whatever it is: it must not be tried for ever
        return True

    async def _store_row(self, row: MediaRow, kept: Kept) -> None:
        async def change(tell: Tell) -> bool:
            stored = await media.set_stored(
                row.klien_id,
                row.id,
                path=kept.path,
                mimetype=kept.mimetype,
                size=kept.size,
                sha256=kept.sha256,
                seconds=kept.seconds,
                expires_at=self._store.expiry(),
            )
            if stored:
                await self._changed(tell, row.klien_id, row.id)
            return stored is not None

        try:
            is_wanted = await self._writer.write(change)
        except Exception:  # nothing of it is stored
            await self._store.on_thread(self._store.files.remove, kept.path)
            raise
        if not is_wanted:  # the klien is gone, or the message
            await self._store.on_thread(self._store.files.remove, kept.path)

    async def _fail(self, row: MediaRow, code: str, *, for_good: bool = False) -> None:
        chance = random.random()  # noqa: S311 - jitter
        wait = delay_seconds(row.tries + 1, chance, shortest=SHORTEST_SECONDS, longest=LONGEST_SECONDS)
        is_last = for_good or row.tries + 1 >= MOST_TRIES
        retry_at = None if is_last else self._clock.now() + timedelta(seconds=wait)

        async def change(tell: Tell) -> None:
            failed = await media.set_failed(row.klien_id, row.id, code, retry_at=retry_at)
            if failed and is_last:
                await self._changed(tell, row.klien_id, row.id)

        await self._writer.write(change)


def _is_large(row: MediaRow) -> bool:
    """Also one of which its sender doesn't say how large it is."""
    return not 0 < (row.state.size or 0) <= LARGE
