from __future__ import annotations

from typing import Any

import pytest

from talkabiz.domain.errors import NotFound
from talkabiz.domain.klien import Klien
from talkabiz.domain.message import MediaState, Status
from talkabiz.store import kliens, media
from talkabiz.store.database import transaction
from talkabiz.store.media import MediaRow
from tests.store.chatting import accept, meet, move
from tests.store.conftest import NOW, later


async def add(klien_id: int, status: str = "pending", **more: Any) -> MediaRow:
    async with transaction():
        return await media.add(klien_id, status=status, mimetype="image/png", now=NOW, **more)


async def test_a_medium_is_read_as_it_was_added(klien: Klien) -> None:
    row = await add(
        klien.id,
        "stored",
        path="1/01J",
        filename="nota '\U0001f6d2.png",
        size=2**40,
        sha256="ab",
        seconds=3,
        source=b"\x00\xff",
        expires_at=later(9),
    )
    state = MediaState(row.id, "image/png", "stored", 2**40, "ab", "nota '\U0001f6d2.png", 3, expires_at=later(9))
    assert row == MediaRow(state, klien.id, "1/01J", b"\x00\xff", 0)
    assert await media.get(klien.id, row.id) == row
    assert "xff" not in repr(row)


async def test_no_klien_reaches_a_medium_of_another(klien: Klien) -> None:
    other = await kliens.add("Toko Lain")
    pending, stored = await add(klien.id), await add(klien.id, "stored", path="1/x")
    assert await media.get(other.id, stored.id) is None
    async with transaction():
        assert await media.set_failed(other.id, pending.id, "gone", retry_at=None) is None
        assert await media.set_gone(other.id, stored.id) is None
    assert await media.paths_of(other.id) == []
    assert await media.get(klien.id, stored.id) == stored
    with pytest.raises(NotFound):
        await add(other.id + 1)


async def test_a_pending_one_is_fetched_and_stored_once(klien: Klien) -> None:
    row = await add(klien.id, source=b"raw", filename="a.png")
    fetched: dict[str, Any] = {
        "path": "1/x",
        "mimetype": "image/webp",
        "size": 5,
        "sha256": "cd",
        "expires_at": later(9),
    }
    async with transaction():
        stored = await media.set_stored(klien.id, row.id, **fetched)
        assert await media.set_stored(klien.id, row.id, **fetched) is None
        assert await media.set_failed(klien.id, row.id, "late", retry_at=None) is None
    state = MediaState(row.id, "image/webp", "stored", 5, "cd", "a.png", expires_at=later(9))
    assert stored == MediaRow(state, klien.id, "1/x", None, 0)


async def test_one_that_fails_is_due_again_when_its_time_comes_until_it_is_given_up(klien: Klien) -> None:
    first, second, only = await add(klien.id, source=b"raw"), await add(klien.id), [klien.id]
    await add(klien.id, "stored", path="1/x")
    assert await media.due(NOW, 9, only) == [first, second]
    assert await media.due(NOW, 1, only) == [first]
    async with transaction():
        failed = await media.set_failed(klien.id, first.id, "unanswered", retry_at=later(5))
    assert failed
    assert (failed.state.status, failed.state.error, failed.tries) == ("pending", "unanswered", 1)
    assert failed.source == b"raw"
    assert await media.due(later(4), 9, only) == [second]
    assert await media.due(later(5), 9, only) == [second, failed]
    async with transaction():
        given_up = await media.set_failed(klien.id, first.id, "media_failed", retry_at=None)
    assert given_up
    assert (given_up.state.status, given_up.state.error, given_up.tries) == ("failed", "media_failed", 2)
    assert given_up.source is None
    assert await media.due(later(99), 9, only) == [second]


async def test_only_for_those_who_are_asked_for_something_is_due(klien: Klien) -> None:
    others = [await kliens.add(f"Toko {n}") for n in range(2)]
    ours, theirs, _ = [await add(each.id) for each in (klien, *others)]
    assert await media.due(NOW, 9, {klien.id: "attempt", others[0].id: "attempt"}) == [ours, theirs]
    assert await media.due(NOW, 9, []) == []


async def test_files_whose_time_has_run_out_are_found_and_noted_as_gone(klien: Klien) -> None:
    late, early = [await add(klien.id, "stored", path=f"1/{n}", source=b"x", expires_at=later(n)) for n in (2, 1)]
    await add(klien.id, "stored", path="1/kept")
    assert await media.outlived(later(0), 9) == []
    assert await media.outlived(later(2), 9) == [early, late]
    assert await media.outlived(later(2), 1) == [early]
    assert await media.paths_of(klien.id) == ["1/2", "1/1", "1/kept"]
    async with transaction():
        gone = await media.set_gone(klien.id, early.id)
        assert await media.set_gone(klien.id, early.id) is None
    assert gone
    assert (gone.state.status, gone.path, gone.source) == ("gone", None, None)
    assert await media.paths_of(klien.id) == ["1/2", "1/kept"]


async def test_a_file_that_is_still_to_be_sent_is_kept_until_it_has_gone(klien: Klien) -> None:
    row = await add(klien.id, "stored", path="1/1", expires_at=later(1))
    message = await accept(klien.id, await meet(klien.id), media_id=row.id)
    assert await media.outlived(later(2), 9) == []

    await move(klien.id, message, Status.SENDING)
    assert await media.outlived(later(2), 9) == []

    await move(klien.id, message, Status.SENT)
    assert await media.outlived(later(2), 9) == [row]


async def test_a_message_shows_its_medium_as_it_is(klien: Klien) -> None:
    row = await add(klien.id)
    message = await accept(klien.id, await meet(klien.id), media_id=row.id)
    assert message.media == row.state
