"""Deletes files whose time is over, and takes those out of the way that belong to nothing."""

from __future__ import annotations

import asyncio

import structlog

from talkabiz.services.media import MediaStore
from talkabiz.services.ports import Clock
from talkabiz.store import media
from talkabiz.store.errors import StoreError
from talkabiz.store.media import MediaRow
from talkabiz.store.writing import Writer

EVERY_SECONDS = 3600.0
PAGE = 100

log = structlog.get_logger(__name__)


class Sweeper:
    def __init__(self, store: MediaStore, writer: Writer, clock: Clock) -> None:
        self._store = store
        self._writer = writer
        self._clock = clock

    async def run(self) -> None:
        """Sweep now and then, until cancelled."""
        while True:
            try:
                await self.sweep()
            except (OSError, StoreError):
                log.exception("media_not_swept")
            await asyncio.sleep(EVERY_SECONDS)

    async def sweep(self) -> None:
        """The row first: a file without one is found again, a row without its file would be a promise."""
        while rows := await media.outlived(self._clock.now(), PAGE):
            for row in rows:
                await self._end(row)
        for klien_id in await self._store.on_thread(self._store.files.kliens):
            known = set(await media.paths_of(klien_id))
            if moved := await self._store.on_thread(self._store.files.set_aside, klien_id, known):
                log.warning("media_set_aside", klien_id=klien_id, files=moved)
        await self._store.on_thread(self._store.files.empty_lost)

    async def _end(self, row: MediaRow) -> None:
        await self._writer.write(lambda _: media.set_gone(row.klien_id, row.id))
        if row.path:
            await self._store.on_thread(self._store.files.remove, row.path)
