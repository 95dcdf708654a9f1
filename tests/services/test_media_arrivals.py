"""Files of messages that came in: fetched at once, again where that fails, and given up in the end. The phone network
is played by hand; tests/whatsapp/test_media_arrivals.py has the real one.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from talkabiz.domain.answers import CallFailed
from talkabiz.domain.media_rules import LARGE, LARGEST
from talkabiz.domain.message import MediaState
from talkabiz.services import media_arrivals
from talkabiz.services.media_arrivals import (
    LONGEST_SECONDS,
    MOST_AT_ONCE,
    MOST_OF_A_KLIEN,
    MOST_TRIES,
    PAGE,
    PAUSE_SECONDS,
    Arrivals,
)
from talkabiz.services.voices import Voices
from talkabiz.store import kliens, media
from talkabiz.store.database import transaction
from talkabiz.store.errors import StoreError
from talkabiz.store.writing import Tell
from tests import samples
from tests.cabinet import Cabinet, open_cabinet

JPEG = samples.picture("JPEG")


@dataclass
class Phones:
    """Where files are downloaded from. What `answers` has for a source is given or raised; else nothing comes."""

    answers: dict[bytes, bytes | Exception] = field(default_factory=dict)
    asked: list[tuple[str, bytes]] = field(default_factory=list)
    most_at_once: Counter[str] = field(default_factory=Counter)
    running: Counter[str] = field(default_factory=Counter)

    async def download(self, attempt: str, raw: bytes) -> bytes:
        self.asked.append((attempt, raw))
        for name in (attempt, "all"):
            self.running[name] += 1
            self.most_at_once[name] = max(self.most_at_once[name], self.running[name])
        try:
            while raw not in self.answers:
                await asyncio.sleep(0.005)
        finally:
            self.running -= Counter((attempt, "all"))
        if isinstance(answer := self.answers[raw], Exception):
            raise answer
        return answer


@dataclass
class Post:
    cabinet: Cabinet
    phones: Phones
    connected: dict[int, str]
    changed: list[tuple[int, int]] = field(default_factory=list)

    def attempts(self) -> dict[int, str]:
        return self.connected

    async def expect(
        self, klien_id: int, source: bytes = b"raw", mimetype: str = "image/jpeg", size: int | None = 1
    ) -> int:
        """A message with a file has come in."""
        async with transaction():
            now = self.cabinet.clock.now()
            row = await media.add(
                klien_id,
                status="pending",
                mimetype=mimetype,
                source=source,
                size=size,
                seconds=9,
                filename="f",
                now=now,
            )
        self.cabinet.store.wake()
        return row.id

    async def state(self, klien_id: int, media_id: int) -> MediaState:
        row = await media.get(klien_id, media_id)
        assert row
        return row.state

    async def settled(self, klien_id: int, media_id: int) -> MediaState:
        async with asyncio.timeout(5):
            while (state := await self.state(klien_id, media_id)).status == "pending":
                await asyncio.sleep(0.01)
        return state

    async def tried(self, times: int) -> None:
        async with asyncio.timeout(5):
            while len(self.phones.asked) < times or self.phones.running.total():
                await asyncio.sleep(0.01)

    async def note(self, tell: Tell, klien_id: int, media_id: int) -> None:
        assert callable(tell)
        self.changed.append((klien_id, media_id))


@pytest.fixture(name="post")
async def _post(db_url: str, klien_id: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Post]:
    monkeypatch.setattr(media_arrivals, "NET_SECONDS", 0.05)
    async for cabinet in open_cabinet(tmp_path / "media", Voices(lambda: None)):
        post = Post(cabinet, Phones(), {klien_id: "run"})
        arrivals = Arrivals(
            cabinet.store,
            cabinet.writer,
            cabinet.clock,
            post.phones,
            connected=post.attempts,
            changed=post.note,
        )
        task = asyncio.create_task(arrivals.run())
        yield post
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_file_that_came_is_fetched_and_kept(post: Post, klien_id: int) -> None:
    post.phones.answers[b"raw"] = JPEG

    media_id = await post.expect(klien_id)
    state = await post.settled(klien_id, media_id)

    assert (state.status, state.mimetype, state.size, state.seconds) == ("stored", "image/jpeg", len(JPEG), 9)
    assert state.expires_at == post.cabinet.clock.now() + timedelta(days=30)
    assert await post.cabinet.store.read(klien_id, media_id) == JPEG
    assert post.phones.asked == [("run", b"raw")]
    assert post.changed == [(klien_id, media_id)]


async def test_what_it_shows_counts_before_what_its_sender_said(post: Post, klien_id: int) -> None:
    post.phones.answers |= {b"exe": samples.EXE, b"voice": samples.ogg(), b"text": samples.TEXT}

    exe = await post.settled(klien_id, await post.expect(klien_id, b"exe"))
    voice = await post.settled(klien_id, await post.expect(klien_id, b"voice", "audio/ogg; codecs=opus"))
    text = await post.settled(klien_id, await post.expect(klien_id, b"text", "text/vcard"))

    assert (exe.mimetype, text.mimetype) == ("application/x-msdownload", "text/vcard")
    assert (voice.mimetype, voice.seconds) == ("audio/ogg; codecs=opus", 2)


async def test_a_klien_that_isn_t_connected_waits_until_it_is(post: Post, klien_id: int) -> None:
    post.phones.answers[b"raw"] = JPEG
    post.connected.clear()
    media_id = await post.expect(klien_id)
    await asyncio.sleep(0.2)
    assert post.phones.asked == []

    post.connected[klien_id] = "later"
    post.cabinet.store.wake()

    assert (await post.settled(klien_id, media_id)).status == "stored"
    assert post.phones.asked == [("later", b"raw")]


@pytest.mark.parametrize(
    "failure", [CallFailed("media_unreachable"), CallFailed("unanswered"), RuntimeError("a fault")]
)
async def test_what_fails_is_tried_again_later_and_at_last_given_up(
    post: Post, klien_id: int, failure: Exception
) -> None:
    post.phones.answers[b"raw"] = failure
    media_id = await post.expect(klien_id)
    for tries in range(1, MOST_TRIES):
        await post.tried(tries)
        await asyncio.sleep(0.15)  # the net looked meanwhile
        assert len(post.phones.asked) == tries
        assert post.changed == []
        post.cabinet.clock.advance(LONGEST_SECONDS)

    state = await post.settled(klien_id, media_id)

    assert (state.status, state.error, len(post.phones.asked)) == ("failed", "media_not_fetched", MOST_TRIES)
    assert post.changed == [(klien_id, media_id)]


async def test_one_that_comes_at_last_is_kept(post: Post, klien_id: int) -> None:
    post.phones.answers[b"raw"] = CallFailed("timed_out")
    media_id = await post.expect(klien_id)
    await post.tried(1)

    post.phones.answers[b"raw"] = JPEG
    await asyncio.sleep(0.1)
    post.cabinet.clock.advance(LONGEST_SECONDS)

    state = await post.settled(klien_id, media_id)
    assert (state.status, state.error) == ("stored", None)


@pytest.mark.parametrize(
    ("code", "error"),
    [("media_gone", "media_gone"), ("no_media", "media_not_fetched"), ("invalid_message", "media_not_fetched")],
)
async def test_what_can_never_come_is_given_up_at_once(post: Post, klien_id: int, code: str, error: str) -> None:
    post.phones.answers[b"raw"] = CallFailed(code)

    state = await post.settled(klien_id, await post.expect(klien_id))

    assert (state.status, state.error, len(post.phones.asked)) == ("failed", error, 1)


async def test_what_is_too_large_is_not_asked_for(post: Post, klien_id: int) -> None:
    state = await post.settled(klien_id, await post.expect(klien_id, size=LARGEST + 1))

    assert (state.status, state.error, post.phones.asked) == ("failed", "media_too_large", [])


async def test_what_turns_out_too_large_is_given_up_and_not_kept(
    post: Post, klien_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_arrivals, "LARGEST", len(JPEG) - 1)
    post.phones.answers[b"raw"] = JPEG

    media_id = await post.expect(klien_id)
    state = await post.settled(klien_id, media_id)

    assert (state.status, state.error, len(post.phones.asked)) == ("failed", "media_too_large", 1)
    assert post.cabinet.on_disk() == []
    assert post.changed == [(klien_id, media_id)]


async def test_a_link_that_is_down_for_a_moment_is_no_try(post: Post, klien_id: int) -> None:
    post.phones.answers[b"raw"] = CallFailed("not_connected")
    media_id = await post.expect(klien_id)
    await post.tried(MOST_TRIES + 2)
    assert len(post.phones.asked) < 20  # the net's pace, not as fast as it can

    post.phones.answers[b"raw"] = JPEG

    assert (await post.settled(klien_id, media_id)).status == "stored"


async def test_one_klien_s_many_files_leave_places_for_others(post: Post, klien_id: int) -> None:
    others = [(await kliens.add(f"Warung {number}")).id for number in range(5)]
    post.connected |= {other: f"run {other}" for other in others}
    wanted = [(klien_id, await post.expect(klien_id)) for _ in range(2 * PAGE)]
    wanted += [(other, await post.expect(other)) for other in others for _ in range(3)]
    async with asyncio.timeout(5):
        while post.phones.running["all"] < MOST_AT_ONCE:
            await asyncio.sleep(0.01)
    assert post.phones.running["run"] == MOST_OF_A_KLIEN

    post.phones.answers[b"raw"] = JPEG
    for owner, media_id in wanted:
        assert (await post.settled(owner, media_id)).status == "stored"

    assert post.phones.most_at_once["all"] == MOST_AT_ONCE
    assert max(post.phones.most_at_once[name] for name in post.connected.values()) == MOST_OF_A_KLIEN
    assert len(post.phones.asked) == len(wanted)


@pytest.mark.parametrize("size", [LARGE + 1, 0, None])
async def test_large_files_come_one_at_a_time_and_those_of_no_size(post: Post, klien_id: int, size: int | None) -> None:
    large = [await post.expect(klien_id, b"large", size=size) for _ in range(3)]
    small = await post.expect(klien_id, b"small")
    post.phones.answers[b"small"] = JPEG

    assert (await post.settled(klien_id, small)).status == "stored"
    assert [raw for _, raw in post.phones.asked].count(b"large") == 1

    post.phones.answers[b"large"] = JPEG
    for media_id in large:
        assert (await post.settled(klien_id, media_id)).status == "stored"


async def test_one_klien_s_many_large_files_leave_places_for_others(post: Post, klien_id: int) -> None:
    other = (await kliens.add("Warung")).id
    post.connected[other] = "other"
    for _ in range(2 * PAGE):
        await post.expect(klien_id, b"large", size=None)
    post.phones.answers[b"small"] = JPEG

    assert (await post.settled(other, await post.expect(other, b"small"))).status == "stored"
    assert post.phones.asked == [("run", b"large"), ("other", b"small")]


async def test_a_klien_erased_meanwhile_leaves_no_file(post: Post, klien_id: int) -> None:
    await post.expect(klien_id)
    async with asyncio.timeout(5):
        while not post.phones.asked:
            await asyncio.sleep(0.01)

    await kliens.erase(klien_id)
    post.phones.answers[b"raw"] = JPEG
    await post.tried(1)

    async with asyncio.timeout(5):
        while post.cabinet.on_disk():
            await asyncio.sleep(0.01)
    assert post.changed == []


async def test_a_full_disk_is_a_failure_like_others(post: Post, klien_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(type(post.cabinet.files), "keep", full)
        post.phones.answers[b"raw"] = JPEG
        media_id = await post.expect(klien_id)
        await post.tried(1)
        await asyncio.sleep(0.2)
        assert len(post.phones.asked) == 1
    post.cabinet.clock.advance(LONGEST_SECONDS)

    assert (await post.settled(klien_id, media_id)).status == "stored"


async def test_a_database_that_fails_for_a_while_ends_nothing(
    post: Post, klien_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise StoreError

    post.phones.answers[b"raw"] = JPEG
    with monkeypatch.context() as patch:
        patch.setattr(media, "due", broken)
        media_id = await post.expect(klien_id)
        await asyncio.sleep(0.15)

    assert (await post.settled(klien_id, media_id)).status == "stored"


async def test_what_can_t_be_stored_leaves_no_file_and_is_fetched_again_after_a_pause(
    post: Post, klien_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object, **__: object) -> None:
        raise StoreError

    post.phones.answers[b"raw"] = JPEG
    with monkeypatch.context() as patch:
        patch.setattr(media, "set_stored", full)
        media_id = await post.expect(klien_id)
        await post.tried(1)
        await asyncio.sleep(0.2)  # the net looked meanwhile
        assert len(post.phones.asked) == 1
        assert post.cabinet.on_disk() == []
        assert (await post.state(klien_id, media_id)).status == "pending"
    post.cabinet.clock.advance(PAUSE_SECONDS)

    assert (await post.settled(klien_id, media_id)).status == "stored"
    assert len(post.cabinet.on_disk()) == 1


async def test_a_fault_while_it_is_stored_is_a_failure_like_others(
    post: Post, klien_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fault(*_: object, **__: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(media, "set_stored", fault)
    post.phones.answers[b"raw"] = JPEG
    media_id = await post.expect(klien_id)
    for tries in range(1, MOST_TRIES):
        await post.tried(tries)
        await asyncio.sleep(0.1)
        post.cabinet.clock.advance(LONGEST_SECONDS)

    assert (await post.settled(klien_id, media_id)).error == "media_not_fetched"
    assert (len(post.phones.asked), post.cabinet.on_disk()) == (MOST_TRIES, [])
