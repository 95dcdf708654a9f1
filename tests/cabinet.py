"""A MediaStore and all that it stands on: real files, the database that is open, a real server for addresses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from talkabiz.outside.fetch import Fetcher
from talkabiz.outside.guard import Guard
from talkabiz.services.journal import Journal
from talkabiz.services.media import MediaStore
from talkabiz.services.media_files import Files
from talkabiz.services.voices import Voices
from talkabiz.store.writing import Writer
from tests.fakes import ManualClock
from tests.outside.server import Server

DAYS = 30


@dataclass
class Cabinet:
    store: MediaStore
    files: Files
    writer: Writer
    clock: ManualClock
    server: Server

    async def text(self, klien_id: int, media_id: int) -> bytes:
        return await self.store.read(klien_id, media_id)

    def on_disk(self) -> list[Path]:
        return [path for path in self.files.root.rglob("*") if path.is_file()]

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server.port}{path}"


async def open_cabinet(folder: Path, voices: Voices, days: int = DAYS) -> AsyncIterator[Cabinet]:
    files, writer, clock = Files.open(folder), Writer(Journal().publish), ManualClock()
    async with Server().running(None) as server:
        fetcher = Fetcher(Guard((f"127.0.0.1:{server.port}",)))
        store = MediaStore(files, writer, clock, fetcher.fetch, voices, days=days)
        yield Cabinet(store, files, writer, clock, server)
        store.close()
        fetcher.close()
