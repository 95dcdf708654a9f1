"""A session says so while WhatsApp takes no messages to somebody new. WhatsApp is played by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from talkabiz.domain import inputs as i
from talkabiz.domain.events import Event
from talkabiz.domain.limits import Limits
from talkabiz.services.ports import StoredDevice
from talkabiz.store import paces
from talkabiz.store.database import transaction
from tests.fakes import NOW
from tests.services.conftest import Bench, open_bench
from tests.services.sending import OFF, Post, make_post, serving

LIMITED = ("connected", "reachout_limited")
PAUSE_SECONDS = 15 * 60


@pytest.fixture
async def post(bench: Bench, tmp_path: Path) -> AsyncIterator[Post]:
    async with serving(make_post(bench, tmp_path)) as post:
        yield post


@pytest.fixture
async def shop(post: Post, klien_id: int) -> int:
    await post.bench.link(klien_id)
    await post.messages.set_pace(klien_id, OFF)
    return klien_id


async def be_refused(post: Post, shop: int) -> Event:
    """What the session told of it."""
    post.conversations.fail("send", "error_463")
    await post.send(shop)
    return await post.bench.wait_for(lambda event: told_by(event) == LIMITED)


async def be_well_after(post: Post, shop: int, seconds: float) -> None:
    """The alarm rings once the session's task has looked at the clock that was moved."""
    post.bench.events.clear()
    post.bench.clock.advance(seconds)
    await post.bench.catch_up(shop)
    await post.bench.wait_for(lambda event: told_by(event) == ("connected", None))


def told_by(event: Event) -> tuple[object, object]:
    return event.data.get("status"), event.data.get("reason")


async def now_of(bench: Bench, klien_id: int) -> tuple[object, object]:
    await bench.catch_up(klien_id)
    snapshot = await bench.sessions.live(klien_id)
    assert snapshot["wa_terhubung"]
    return snapshot["status"], snapshot["reason"]


async def test_a_refusal_is_told_as_any_change_of_the_session(post: Post, shop: int) -> None:
    event = await be_refused(post, shop)
    assert event.type == "connected"
    assert event.data["retry_at"] is None
    stored, _gap = await post.bench.journal.since(shop, event.seq - 1)
    assert (stored[0].type, told_by(stored[0])) == ("connected", LIMITED)
    row = await post.bench.sessions.stored(shop)
    assert (row["status"], row["reason"], row["wa_terhubung"]) == (*LIMITED, True)


async def test_it_ends_with_the_pause(post: Post, shop: int) -> None:
    await be_refused(post, shop)
    post.bench.clock.advance(PAUSE_SECONDS - 1)
    assert await now_of(post.bench, shop) == LIMITED
    await be_well_after(post, shop, 1)


async def test_it_ends_when_somebody_lets_the_queue_go_on(post: Post, shop: int) -> None:
    await be_refused(post, shop)
    await post.messages.set_pace(shop, {"per_minute": 0})
    assert await now_of(post.bench, shop) == LIMITED
    await post.messages.set_pace(shop, {"paused": False})
    assert await now_of(post.bench, shop) == ("connected", None)


async def test_the_next_refusal_in_a_row_is_told_for_its_own_time(post: Post, shop: int) -> None:
    await be_refused(post, shop)
    await be_well_after(post, shop, PAUSE_SECONDS)
    post.outbox.wake(shop)
    post.bench.events.clear()
    await be_refused(post, shop)
    post.bench.clock.advance(2 * PAUSE_SECONDS - 1)
    assert await now_of(post.bench, shop) == LIMITED


async def test_a_klien_that_is_paused_says_so_after_a_restart(bench: Bench, klien_id: int) -> None:
    await bench.link(klien_id)
    device = bench.whatsapp.attempts[klien_id]
    async with transaction():
        await paces.pause(klien_id, NOW + timedelta(seconds=PAUSE_SECONDS), "new_contact_limited", NOW)
    # No release: the process died.
    async for after in open_bench(Limits()):
        after.whatsapp.on_disk = [StoredDevice(klien_id, device, i.Me("628123456789"))]
        await after.sessions.restore()
        await after.catch_up(klien_id)
        after.whatsapp.link_up(klien_id)
        await after.wait_for(lambda event: told_by(event) == LIMITED)


@pytest.mark.parametrize(("reason", "told"), [("new_contact_limited", "reachout_limited"), ("something_else", None)])
async def test_a_klien_that_was_paused_before_it_was_linked_says_so(
    bench: Bench, klien_id: int, reason: str, told: str | None
) -> None:
    async with transaction():
        await paces.pause(klien_id, NOW + timedelta(seconds=PAUSE_SECONDS), reason, NOW)
    await bench.link(klien_id)
    assert await now_of(bench, klien_id) == ("connected", told)
