"""A file that a virtual phone sends is on disk in the end, through the real library."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from talkabiz.domain.content import Kind, Media
from talkabiz.domain.heard import MessageHeard
from talkabiz.sandbox.chats import Attachment
from talkabiz.services.media_arrivals import Arrivals
from talkabiz.services.voices import Voices
from talkabiz.store import database, kliens, media
from talkabiz.store.database import transaction
from talkabiz.store.writing import Tell
from talkabiz.whatsapp.conversations import LocalConversations
from tests import samples
from tests.cabinet import Cabinet, open_cabinet
from tests.databases import make_database
from tests.whatsapp.shop import ANI, SHOP, Shop


@pytest.fixture(name="cabinet")
async def _cabinet(tmp_path: Path) -> AsyncIterator[Cabinet]:
    url = await make_database(tmp_path / "talkabiz.db")
    await database.open_database(url)
    async for cabinet in open_cabinet(tmp_path / "media", Voices(lambda: None)):
        yield cabinet
    await database.close_database()


@pytest.mark.parametrize(
    ("kind", "data", "type_"),
    [
        (Kind.IMAGE, samples.picture("JPEG"), "image/jpeg"),
        (Kind.VOICE, samples.ogg(), "audio/ogg; codecs=opus"),
        (Kind.DOCUMENT, os.urandom(3_000_000), "application/octet-stream"),
    ],
    ids=["image", "voice", "document"],
)
async def test_a_file_from_a_phone_has_the_same_bytes(
    shop: Shop, cabinet: Cabinet, *, kind: Kind, data: bytes, type_: str
) -> None:
    klien_id = (await kliens.add("Toko")).id
    conversations = LocalConversations(shop.edge, loop=asyncio.get_running_loop())
    changed = asyncio.Event()

    async def note(_: Tell, *_ids: int) -> None:
        changed.set()

    arrivals = Arrivals(
        cabinet.store,
        cabinet.writer,
        cabinet.clock,
        conversations,
        connected=lambda: {klien_id: shop.attempt},
        changed=note,
    )
    task = asyncio.create_task(arrivals.run())

    await shop.world.chats.send_media(ANI, SHOP, Attachment(kind, data, type_))
    heard = await shop.wait(MessageHeard)
    assert isinstance(heard.content, Media)
    async with transaction():
        row = await media.add(
            klien_id,
            status="pending",
            mimetype=heard.content.mimetype,
            source=heard.raw,
            size=heard.content.stored.size,
            now=cabinet.clock.now(),
        )
    cabinet.store.wake()
    await asyncio.wait_for(changed.wait(), 20)

    async with asyncio.timeout(5):
        while (opened := await media.get(klien_id, row.id)) is None or opened.state.status != "stored":
            await asyncio.sleep(0.01)  # `changed` is told before the commit
    assert await cabinet.store.read(klien_id, row.id) == data
    assert opened.state.mimetype == type_
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await conversations.shutdown(5)
