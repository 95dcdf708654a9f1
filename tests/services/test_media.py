"""Files of messages, taken in and handed out: real files, a real database, a real server for addresses."""

from __future__ import annotations

import asyncio
import base64
import errno
import hashlib
import io
import os
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from talkabiz.domain.content import Kind
from talkabiz.domain.errors import InvalidInput, NotFound, TalkabizError
from talkabiz.domain.media_errors import (
    MediaGone,
    MediaNotStored,
    MediaRefused,
    MediaTooLarge,
    UrlBadType,
    UrlRefused,
    UrlTooLarge,
    VoiceNeedsFfmpeg,
)
from talkabiz.domain.media_rules import MB, OPUS
from talkabiz.domain.message import MediaState
from talkabiz.services.media import FETCHES
from talkabiz.services.media_files import COMING, LOST, STRAY_SECONDS, Files
from talkabiz.services.media_sweeping import Sweeper
from talkabiz.services.voices import Voices
from talkabiz.store import kliens, media
from talkabiz.store.database import transaction
from tests import samples
from tests.cabinet import DAYS, Cabinet, open_cabinet
from tests.outside.server import answer

PNG = samples.picture("PNG")


@pytest.fixture(name="cabinet")
async def _cabinet(db_url: str, tmp_path: Path) -> AsyncIterator[Cabinet]:
    async for cabinet in open_cabinet(tmp_path / "media", Voices(samples.ffmpeg)):
        yield cabinet


@pytest.fixture(name="silent")
async def _silent(db_url: str, tmp_path: Path) -> AsyncIterator[Cabinet]:
    """On a machine without ffmpeg."""
    async for cabinet in open_cabinet(tmp_path / "media", Voices(lambda: None)):
        yield cabinet


# --- in ---------------------------------------------------------------------------------------------------------------


async def test_a_file_is_kept_as_it_is(cabinet: Cabinet, klien_id: int) -> None:
    state = await cabinet.store.add(klien_id, PNG, kind=Kind.IMAGE, declared="image/png", filename="../foto.png")

    assert state == MediaState(
        id=state.id,
        mimetype="image/png",
        status="stored",
        size=len(PNG),
        sha256=hashlib.sha256(PNG).hexdigest(),
        filename="foto.png",
        expires_at=cabinet.clock.now() + timedelta(days=DAYS),
    )
    opened = await cabinet.store.open(klien_id, state.id)
    assert (opened.mimetype, opened.filename, opened.size) == ("image/png", "foto.png", len(PNG))
    assert opened.sha256 == state.sha256
    assert opened.path.read_bytes() == await cabinet.text(klien_id, state.id) == PNG
    assert opened.path.stat().st_mode & 0o777 == 0o600
    assert cabinet.on_disk() == [opened.path]


async def test_a_stream_is_read_from_where_it_stands(cabinet: Cabinet, klien_id: int) -> None:
    stream = io.BytesIO(b"head" + samples.PDF)
    stream.seek(4)

    state = await cabinet.store.add(klien_id, stream)

    assert await cabinet.text(klien_id, state.id) == samples.PDF


@pytest.mark.parametrize(
    ("kind", "data", "declared", "error"),
    [
        (Kind.IMAGE, b"", None, MediaRefused),
        (Kind.IMAGE, samples.TEXT, "image/png", MediaRefused),
        (Kind.IMAGE, PNG, "application/pdf", MediaRefused),
        (Kind.IMAGE, PNG[:25], None, MediaRefused),
        (Kind.IMAGE, samples.bomb(50_000, 50_000), None, MediaRefused),
        (Kind.IMAGE, samples.picture("GIF"), None, MediaRefused),
        (Kind.IMAGE, PNG + bytes(16 * MB), None, MediaTooLarge),
        (Kind.STICKER, samples.picture("WEBP")[:40], None, MediaRefused),
        (Kind.STICKER, samples.picture("WEBP") + bytes(MB), None, MediaTooLarge),
        (Kind.VOICE, samples.PDF, None, MediaRefused),
        (Kind.VIDEO, samples.HTML, "video/mp4", MediaRefused),
        (Kind.DOCUMENT, samples.EXE, "image/png", MediaRefused),
    ],
    ids=lambda value: str(value) if isinstance(value, Kind) else "",
)
async def test_what_may_not_go_leaves_nothing(
    cabinet: Cabinet, klien_id: int, *, kind: Kind, data: bytes, declared: str | None, error: type[TalkabizError]
) -> None:
    with pytest.raises(error):
        await cabinet.store.add(klien_id, data, kind=kind, declared=declared)

    assert cabinet.on_disk() == []
    assert await media.paths_of(klien_id) == []


async def test_a_stream_without_end_is_cut_at_the_limit(cabinet: Cabinet, klien_id: int) -> None:
    class Endless(io.RawIOBase):
        taken = 0

        def read(self, size: int = -1) -> bytes:
            self.taken += size
            return bytes(size)

    stream = Endless()
    with pytest.raises(MediaTooLarge):
        await cabinet.store.add(klien_id, stream, kind=Kind.STICKER)  # type: ignore[arg-type] # all of BinaryIO that is used

    assert stream.taken <= 3 * MB
    assert cabinet.on_disk() == []


@pytest.mark.parametrize("step", ["begin", "keep"])
async def test_a_disk_that_is_full_is_told_and_leaves_nothing(
    cabinet: Cabinet, klien_id: int, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Files, step, full)

    with pytest.raises(MediaNotStored):
        await cabinet.store.add(klien_id, PNG)

    assert cabinet.on_disk() == []
    assert await media.paths_of(klien_id) == []


async def test_nothing_is_kept_for_a_klien_that_is_gone(cabinet: Cabinet, klien_id: int) -> None:
    with pytest.raises(NotFound):
        await cabinet.store.add(klien_id + 1, PNG)

    assert cabinet.on_disk() == []


async def test_base64_counts_for_its_bytes(cabinet: Cabinet, klien_id: int) -> None:
    plain = base64.b64encode(PNG).decode()

    for text in (plain, f"\n{plain[:40]}\r\n{plain[40:]}\n", f"data:image/png;base64,{plain}"):
        state = await cabinet.store.from_base64(klien_id, text, kind=Kind.IMAGE)
        assert await cabinet.text(klien_id, state.id) == PNG


async def test_a_data_url_declares_its_type(cabinet: Cabinet, klien_id: int) -> None:
    data = base64.b64encode(samples.TEXT).decode()

    state = await cabinet.store.from_base64(klien_id, f"data:text/csv;charset=utf-8;base64,{data}")
    other = await cabinet.store.from_base64(klien_id, f"data:text/csv;base64,{data}", declared="text/plain")

    assert (state.mimetype, other.mimetype) == ("text/csv", "text/plain")


@pytest.mark.parametrize(
    "text", ["a", "a===", "ä", "not base64!", "data:image/png,AAAA", "https://example.com/a.png", "\x00"]
)
async def test_what_is_no_base64_is_refused(cabinet: Cabinet, klien_id: int, text: str) -> None:
    with pytest.raises(InvalidInput):
        await cabinet.store.from_base64(klien_id, text)

    assert cabinet.on_disk() == []


# --- from an address --------------------------------------------------------------------------------------------------


async def test_a_file_at_an_address_is_kept(cabinet: Cabinet, klien_id: int) -> None:
    cabinet.server.answers["/a/foto%20toko.png"] = answer(PNG, headers={"Content-Type": "image/png"})

    state = await cabinet.store.from_url(klien_id, cabinet.url("/a/foto%20toko.png"), kind=Kind.IMAGE)

    assert (state.mimetype, state.filename, state.size) == ("image/png", "foto toko.png", len(PNG))
    assert await cabinet.text(klien_id, state.id) == PNG


@pytest.mark.parametrize(
    ("kind", "body", "content_type", "error"),
    [
        (Kind.IMAGE, PNG, "text/html", UrlBadType),
        (Kind.IMAGE, samples.HTML, "image/png", UrlBadType),
        (Kind.IMAGE, samples.bomb(50_000, 50_000), "image/png", UrlBadType),
        (Kind.IMAGE, b"", "image/png", UrlBadType),
        (Kind.STICKER, samples.picture("WEBP") + bytes(MB), "image/webp", UrlTooLarge),
    ],
    ids=["a page's type", "a page", "a bomb", "nothing", "too large"],
)
async def test_what_is_at_an_address_has_to_be_what_was_asked_for(
    cabinet: Cabinet, klien_id: int, *, kind: Kind, body: bytes, content_type: str, error: type[TalkabizError]
) -> None:
    cabinet.server.answers["/"] = answer(body, headers={"Content-Type": content_type})

    with pytest.raises(error):
        await cabinet.store.from_url(klien_id, cabinet.url("/"), kind=kind)

    assert cabinet.on_disk() == []


async def test_an_address_inside_is_refused(cabinet: Cabinet, klien_id: int) -> None:
    with pytest.raises(UrlRefused):
        await cabinet.store.from_url(klien_id, "http://127.0.0.1:1/")


async def test_one_klien_s_slow_addresses_hold_up_nobody_else(cabinet: Cabinet, klien_id: int) -> None:
    other = (await kliens.add("Warung")).id
    go_on = asyncio.Event()

    async def slow(writer: asyncio.StreamWriter) -> None:
        await go_on.wait()
        writer.write(answer(PNG))

    cabinet.server.answers |= {"/slow": slow, "/quick": answer(PNG)}
    waiting = [asyncio.create_task(cabinet.store.from_url(klien_id, cabinet.url("/slow"))) for _ in range(3 * FETCHES)]
    while len(cabinet.server.heads) < FETCHES:
        await asyncio.sleep(0)

    await asyncio.wait_for(cabinet.store.from_url(other, cabinet.url("/quick")), 5)

    assert len(cabinet.server.heads) == FETCHES + 1
    go_on.set()
    await asyncio.gather(*waiting)


# --- voices -----------------------------------------------------------------------------------------------------------


async def test_a_voice_goes_as_it_is_also_without_ffmpeg(silent: Cabinet, klien_id: int) -> None:
    state = await silent.store.add(klien_id, samples.ogg(), kind=Kind.VOICE, declared="audio/ogg")

    assert (state.mimetype, state.seconds) == (OPUS, 2)
    assert await silent.text(klien_id, state.id) == samples.ogg()


async def test_another_recording_needs_ffmpeg_to_be_a_voice(silent: Cabinet, klien_id: int) -> None:
    with pytest.raises(VoiceNeedsFfmpeg) as refusal:
        await silent.store.add(klien_id, samples.recorded("tone.mp3"), kind=Kind.VOICE)

    assert refusal.value.code == "voice_needs_ffmpeg"
    assert silent.on_disk() == []


async def test_with_ffmpeg_another_recording_is_a_voice(cabinet: Cabinet, klien_id: int) -> None:
    state = await cabinet.store.add(
        klien_id, samples.recorded("tone.mp3"), kind=Kind.VOICE, declared="audio/mpeg", filename="lagu.mp3"
    )

    data = await cabinet.text(klien_id, state.id)
    assert (state.mimetype, state.seconds) == (OPUS, 2)
    assert (state.size, state.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert data.startswith(b"OggS")
    assert len(cabinet.on_disk()) == 1


# --- what an upload is for --------------------------------------------------------------------------------------------


async def test_an_upload_fits_the_kind_that_it_is(cabinet: Cabinet, klien_id: int) -> None:
    picture = await cabinet.store.add(klien_id, PNG)
    voice = await cabinet.store.add(klien_id, samples.ogg())

    assert await cabinet.store.fit(klien_id, picture.id, Kind.IMAGE) == picture
    assert await cabinet.store.fit(klien_id, picture.id, Kind.DOCUMENT) == picture
    assert await cabinet.store.fit(klien_id, voice.id, Kind.VOICE) == voice
    assert await cabinet.store.fit(klien_id, voice.id, Kind.AUDIO) == voice


async def test_an_upload_doesn_t_fit_another(cabinet: Cabinet, klien_id: int) -> None:
    text = await cabinet.store.add(klien_id, samples.TEXT, declared="image/png")
    large = await cabinet.store.add(klien_id, samples.picture("WEBP") + bytes(MB))
    bomb = await cabinet.store.add(klien_id, samples.bomb(50_000, 50_000))

    with pytest.raises(MediaRefused):
        await cabinet.store.fit(klien_id, text.id, Kind.IMAGE)
    with pytest.raises(MediaTooLarge):
        await cabinet.store.fit(klien_id, large.id, Kind.STICKER)
    with pytest.raises(MediaRefused):
        await cabinet.store.fit(klien_id, bomb.id, Kind.IMAGE)


async def test_an_upload_becomes_a_voice_and_stays_what_it_was(cabinet: Cabinet, klien_id: int) -> None:
    song = await cabinet.store.add(klien_id, samples.recorded("tone.wav"), filename="lagu.wav")

    voice = await cabinet.store.fit(klien_id, song.id, Kind.VOICE)

    assert voice.id != song.id
    assert (voice.mimetype, voice.seconds) == (OPUS, 2)
    assert await cabinet.text(klien_id, song.id) == samples.recorded("tone.wav")


# --- out, and gone ----------------------------------------------------------------------------------------------------


async def test_another_klien_s_file_is_not_found(cabinet: Cabinet, klien_id: int) -> None:
    other = (await kliens.add("Warung")).id
    state = await cabinet.store.add(klien_id, PNG)

    for ask in (cabinet.store.open, cabinet.store.read):
        with pytest.raises(NotFound):
            await ask(other, state.id)
        with pytest.raises(NotFound):
            await ask(klien_id, state.id + 1)
    with pytest.raises(NotFound):
        await cabinet.store.fit(other, state.id, Kind.IMAGE)


async def test_a_file_that_is_not_there_is_gone(cabinet: Cabinet, klien_id: int) -> None:
    lost = await cabinet.store.add(klien_id, PNG)
    (await cabinet.store.open(klien_id, lost.id)).path.unlink()
    async with transaction():
        pending = await media.add(
            klien_id, status="pending", mimetype="image/png", now=cabinet.clock.now(), source=b"x"
        )

    for media_id in (lost.id, pending.id):
        with pytest.raises(MediaGone):
            await cabinet.store.open(klien_id, media_id)


async def test_when_its_time_is_over_a_file_goes_and_its_row_says_so(cabinet: Cabinet, klien_id: int) -> None:
    old = await cabinet.store.add(klien_id, PNG)
    cabinet.clock.advance(86_400)
    young = await cabinet.store.add(klien_id, PNG)
    cabinet.clock.advance((DAYS - 1) * 86_400)

    await sweep(cabinet)

    with pytest.raises(MediaGone):
        await cabinet.store.open(klien_id, old.id)
    assert await cabinet.text(klien_id, young.id) == PNG
    assert len(cabinet.on_disk()) == 1


async def test_many_go_at_once(cabinet: Cabinet, klien_id: int) -> None:
    for _ in range(120):  # more than a page
        await cabinet.store.add(klien_id, b"x")
    cabinet.clock.advance(DAYS * 86_400)

    await sweep(cabinet)

    assert cabinet.on_disk() == []


async def test_with_no_days_files_stay(db_url: str, klien_id: int, tmp_path: Path) -> None:
    async for cabinet in open_cabinet(tmp_path / "media", Voices(lambda: None), days=0):
        state = await cabinet.store.add(klien_id, PNG)
        cabinet.clock.advance(100 * 365 * 86_400)

        await sweep(cabinet)

        assert state.expires_at is None
        assert await cabinet.text(klien_id, state.id) == PNG


async def test_files_without_a_row_are_set_aside_and_those_of_no_klien(cabinet: Cabinet, klien_id: int) -> None:
    state = await cabinet.store.add(klien_id, PNG)
    kept = (await cabinet.store.open(klien_id, state.id)).path
    for owner in (klien_id, klien_id + 1):
        coming = cabinet.files.begin()
        coming.write(b"stray")
        stray = cabinet.files.path(cabinet.files.keep(owner, coming))
        os.utime(stray, (0, 0))
    os.utime(kept, (0, 0))

    await sweep(cabinet)

    lost = [path for path in cabinet.on_disk() if path.parent.name == LOST]
    assert [path.read_bytes() for path in lost] == [b"stray", b"stray"]
    assert {*cabinet.on_disk()} - {*lost} == {kept}
    assert cabinet.files.kliens() == [klien_id]
    assert STRAY_SECONDS >= 600  # longer than anything takes between a file and its row


async def test_with_the_klien_its_files_go(cabinet: Cabinet, klien_id: int) -> None:
    await cabinet.store.add(klien_id, PNG)
    other = (await kliens.add("Warung")).id
    kept = await cabinet.store.add(other, PNG)

    await cabinet.store.forget_klien(klien_id)

    assert cabinet.on_disk() == [(await cabinet.store.open(other, kept.id)).path]


async def test_who_is_cancelled_leaves_nothing_half_done(cabinet: Cabinet, klien_id: int) -> None:
    async def half(writer: asyncio.StreamWriter) -> None:
        writer.write(answer(PNG, headers={"Content-Length": "10000"}))
        await writer.drain()
        await asyncio.sleep(30)

    cabinet.server.answers["/"] = half
    task = asyncio.create_task(cabinet.store.from_url(klien_id, cabinet.url("/")))
    coming: Callable[[], list[Path]] = lambda: [p for p in (cabinet.files.root / COMING).iterdir()]  # noqa: C416, E731
    async with asyncio.timeout(5):
        while not any(path.exists() for path in coming()):
            await asyncio.sleep(0.01)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert cabinet.on_disk() == []


async def sweep(cabinet: Cabinet) -> None:
    await Sweeper(cabinet.store, cabinet.writer, cabinet.clock).sweep()
