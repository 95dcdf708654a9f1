"""Files of messages: taken in, checked, kept under names of ours, and handed out."""

from __future__ import annotations

import asyncio
import base64
import binascii
import io
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, TypeVar

import structlog

from talkabiz.domain import media_rules as rules
from talkabiz.domain.content import Kind
from talkabiz.domain.errors import InvalidInput, NotFound, Sentence, TalkabizError
from talkabiz.domain.media_errors import MediaGone, MediaNotStored, MediaRefused, UrlBadType
from talkabiz.domain.media_rules import Seen
from talkabiz.domain.message import MediaState
from talkabiz.services.fetching import Fetch
from talkabiz.services.media_files import PIECE, Coming, Files
from talkabiz.services.media_looks import check_picture, look
from talkabiz.services.ports import Clock
from talkabiz.services.voices import Voices
from talkabiz.store import media
from talkabiz.store.writing import Writer

THREADS = 4
FETCHES = 4
"""Of one klien at once; others of it wait, so that it doesn't take everybody's places."""
STORED = "stored"

T = TypeVar("T")
log = structlog.get_logger(__name__)

_DATA_URL = re.compile(r"data:([^,;]*)(?:;[^,]*)?;base64,", re.IGNORECASE)
_PICTURES = frozenset({Kind.IMAGE, Kind.STICKER})


@dataclass(frozen=True, slots=True)
class Opened:
    """A file to be read. `path` isn't to be shown to anybody."""

    path: Path
    mimetype: str
    size: int
    sha256: str
    filename: str | None
    seconds: int | None


@dataclass(frozen=True, slots=True)
class Kept:
    """A file in its place; `path` is below MEDIA_DIR."""

    path: str
    mimetype: str
    size: int
    sha256: str
    seconds: int | None


class MediaStore:
    """`kind` None: an upload whose use isn't known yet; `fit` decides when it is. `declared` is a MIME type.

    `days`: how long files are kept; 0: as long as their klien.
    """

    def __init__(self, files: Files, writer: Writer, clock: Clock, fetch: Fetch, voices: Voices, *, days: int) -> None:
        self.files = files
        self.fetch = fetch
        self.news = asyncio.Event()
        """Set by `wake`, for whoever fetches what is pending."""
        self._writer = writer
        self._clock = clock
        self._voices = voices
        self._days = days
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="media")
        self._fetches: defaultdict[int, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(FETCHES))

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    # --- in -----------------------------------------------------------------------------------------------------------

    async def add(
        self,
        klien_id: int,
        data: bytes | BinaryIO,
        *,
        kind: Kind | None = None,
        declared: str | None = None,
        filename: str | None = None,
    ) -> MediaState:
        """The file is on disk and its row is committed when this returns; what is read is `data` from where it stands.

        Raises:
            MediaRefused, MediaTooLarge, VoiceNeedsFfmpeg, MediaNotStored.
        """
        async with self._coming() as coming:
            await self.on_thread(_copy, io.BytesIO(data) if isinstance(data, bytes) else data, coming, kind)
            return await self._take(klien_id, coming, kind, declared, filename)

    async def from_base64(
        self,
        klien_id: int,
        text: str,
        *,
        kind: Kind | None = None,
        declared: str | None = None,
        filename: str | None = None,
    ) -> MediaState:
        """As `add`. A data URL counts for its bytes and, where none is declared, its type.

        Raises:
            InvalidInput: it isn't base64.
        """
        head = _DATA_URL.match(text)
        data = await self.on_thread(_decode, text[head.end() :] if head else text)
        return await self.add(
            klien_id, data, kind=kind, declared=declared or (head[1] if head else None), filename=filename
        )

    async def from_url(
        self, klien_id: int, url: str, *, kind: Kind | None = None, filename: str | None = None
    ) -> MediaState:
        """As `add`, or UrlRefused, UrlUnreachable, UrlTooLarge, UrlTimeout; UrlBadType where `add` has MediaRefused."""
        async with self._fetches[klien_id], self._coming() as coming:

            async def into(piece: bytes) -> None:
                await self.on_thread(coming.write, piece)

            told = await self.fetch(url, into, most_bytes=rules.MOST_BYTES[kind])
            try:
                return await self._take(klien_id, coming, kind, told.content_type, filename or told.filename)
            except MediaRefused as error:
                raise UrlBadType(error.message) from error

    async def keep(self, klien_id: int, data: bytes, declared: str) -> Kept:
        """What WhatsApp brought, whatever it is: it was sent to us already. The row is the caller's."""
        async with self._coming() as coming:
            await self.on_thread(coming.write, data)
            seen = await self._look(coming)
            return await self._keep(klien_id, coming, rules.heard_type(seen, declared), seen)

    async def remove(self, klien_id: int, media_id: int) -> None:
        """Nobody wants it after all: row and file are gone when this returns, unless a message has it."""
        row = await self._writer.write(lambda _: media.remove(klien_id, media_id))
        if row and row.path:
            await self.on_thread(self.files.remove, row.path)

    # --- out ----------------------------------------------------------------------------------------------------------

    async def fit(self, klien_id: int, media_id: int, kind: Kind) -> MediaState:
        """That file for a message of this kind: itself, or (a voice that had to be converted) a new one.

        Raises:
            NotFound: there is none, or it is another klien's. MediaGone, and what `add` raises.
        """
        row, path = await self._stored(klien_id, media_id)
        rules.check_size(row.state.size or 0, kind)
        seen = await self.on_thread(look, path)
        if rules.needs_converting(kind, seen):
            with await self.on_thread(_open, path) as file:
                return await self.add(klien_id, file, kind=kind, filename=row.state.filename)
        type_ = rules.type_of(kind, seen, row.state.mimetype)
        if kind in _PICTURES:
            await self.on_thread(check_picture, path, type_)
        return row.state

    async def open(self, klien_id: int, media_id: int) -> Opened:
        """Raises NotFound, and MediaGone where it isn't `stored`."""
        row, path = await self._stored(klien_id, media_id)
        state = row.state
        return Opened(path, state.mimetype, state.size or 0, state.sha256 or "", state.filename, state.seconds)

    async def read(self, klien_id: int, media_id: int) -> bytes:
        """All of it, for an upload to WhatsApp. Raises as `open`."""
        _, path = await self._stored(klien_id, media_id)
        return await self.on_thread(path.read_bytes)

    # --- others' ------------------------------------------------------------------------------------------------------

    def wake(self) -> None:
        """A row `pending` has been committed, or a session is connected: look now for what is to be fetched."""
        self.news.set()

    async def forget_klien(self, klien_id: int) -> None:
        """Delete all files of a klien; its rows go with the klien's."""
        await self.on_thread(self.files.remove_klien, klien_id)
        self._fetches.pop(klien_id, None)

    def expiry(self) -> datetime | None:
        """Until when a file that comes now is kept."""
        return self._clock.now() + timedelta(days=self._days) if self._days else None

    async def on_thread(self, do: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, do, *args)

    # --- the steps of it ----------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _coming(self) -> AsyncIterator[Coming]:
        try:
            coming = await self.on_thread(self.files.begin)
            try:
                yield coming
            finally:
                await self.on_thread(coming.drop)
        except OSError as error:
            log.warning("media_not_stored", why=str(error))
            raise MediaNotStored from error

    async def _take(
        self, klien_id: int, coming: Coming, kind: Kind | None, declared: str | None, filename: str | None
    ) -> MediaState:
        rules.check_size(coming.size, kind)
        seen = await self._look(coming)
        if rules.needs_converting(kind, seen):
            async with self._coming() as voice:
                await self._voices.convert(coming.path, seen.type or "", voice.path)
                await self.on_thread(voice.measure)
                return await self._take(klien_id, voice, kind, None, filename)
        type_ = rules.type_of(kind, seen, declared)
        if kind in _PICTURES:
            await self.on_thread(check_picture, coming.path, type_)
        kept = await self._keep(klien_id, coming, type_, seen)
        try:
            return await self._add(klien_id, kept, filename)
        except TalkabizError:  # nothing of it is stored
            await self.on_thread(self.files.remove, kept.path)
            raise

    async def _look(self, coming: Coming) -> Seen:
        await self.on_thread(coming.flush)
        return await self.on_thread(look, coming.path)

    async def _keep(self, klien_id: int, coming: Coming, type_: str, seen: Seen) -> Kept:
        path = await self.on_thread(self.files.keep, klien_id, coming)
        return Kept(path, type_, coming.size, coming.sha256, seen.seconds)

    async def _add(self, klien_id: int, kept: Kept, filename: str | None) -> MediaState:
        row = await self._writer.write(
            lambda _: media.add(
                klien_id,
                status=STORED,
                mimetype=kept.mimetype,
                path=kept.path,
                filename=rules.clean_filename(filename),
                size=kept.size,
                sha256=kept.sha256,
                seconds=kept.seconds,
                expires_at=self.expiry(),
                now=self._clock.now(),
            )
        )
        return row.state

    async def _stored(self, klien_id: int, media_id: int) -> tuple[media.MediaRow, Path]:
        row = await media.get(klien_id, media_id)
        if row is None:
            raise NotFound
        if row.state.status != STORED or row.path is None:
            raise MediaGone
        path = self.files.path(row.path)
        if not await self.on_thread(path.is_file):
            log.error("media_missing", klien_id=klien_id, media_id=media_id)
            raise MediaGone
        return row, path


def _open(path: Path) -> BinaryIO:
    return path.open("rb")


def _copy(source: BinaryIO, coming: Coming, kind: Kind | None) -> None:
    while piece := source.read(PIECE):
        rules.check_size(coming.size + len(piece), kind)
        coming.write(piece)


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        wrong = Sentence("Berkasnya bukan base64 yang sah.", "The file is not valid base64.")
        raise InvalidInput(wrong, fields={"media.base64": wrong.en}) from None
