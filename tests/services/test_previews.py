"""When the page of a link is fetched, and that nothing waits for it that needn't."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from talkabiz.domain.content import Preview, Text
from talkabiz.domain.message import Status
from talkabiz.services.fetching import Fetched, Sink
from tests.services.conftest import FACT_SECONDS, Bench
from tests.services.sending import OFF, Post, make_post, serving

URL = "https://a.example"
SHOWN = Text(URL, Preview(URL, "Promo"))


@dataclass
class Web:
    """One page, as soon as it `may_answer`."""

    asked: list[str] = field(default_factory=list)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, url: str, into: Sink, *, most_bytes: int, seconds: float = 20) -> Fetched:
        del most_bytes, seconds
        self.asked.append(url)
        self._news.set()
        await self.may_answer.wait()
        await into(b"<title>Promo</title>")
        return Fetched("text/html", None, 20)

    async def be_asked(self) -> None:
        async with asyncio.timeout(FACT_SECONDS):
            await self._news.wait()


@pytest.fixture(name="web")
def _web() -> Web:
    return Web()


@pytest.fixture(name="post")
async def _post(bench: Bench, web: Web, tmp_path: Path) -> AsyncIterator[Post]:
    async with serving(make_post(bench, tmp_path, fetch=web)) as post:
        yield post


@pytest.fixture(name="shop")
async def _shop(post: Post, klien_id: int) -> int:
    await post.bench.link(klien_id)
    await post.messages.set_pace(klien_id, OFF)
    await post.reach(await post.send(klien_id, "kenalan"), "sent")
    return klien_id


async def test_it_is_accepted_at_once_and_fetched_before_it_is_claimed(post: Post, web: Web, shop: int) -> None:
    first = await post.send(shop, "satu")
    second = await post.send(shop, URL, content={"preview": True})
    assert await post.status(shop, second) is Status.QUEUED
    await web.be_asked()
    await post.reach(first, "sent")  # its outcome doesn't wait for somebody's page
    assert await post.status(shop, second) is Status.QUEUED
    web.may_answer.set()
    await post.reach(second, "sent")
    assert post.conversations.sent[-1].content == SHOWN
    assert web.asked == [URL]


async def test_a_restart_while_it_is_fetched_loses_nothing(
    bench: Bench, web: Web, klien_id: int, tmp_path: Path
) -> None:
    async with serving(make_post(bench, tmp_path, fetch=web)) as post:
        await bench.link(klien_id)
        await post.messages.set_pace(klien_id, OFF)
        message_id = await post.send(klien_id, URL, content={"preview": True})
        await web.be_asked()
    assert await post.status(klien_id, message_id) is Status.QUEUED
    web.may_answer.set()
    async with serving(make_post(bench, tmp_path, fetch=web)) as post:
        await post.reach(message_id, "sent")
        assert [sending.content for sending in post.conversations.sent] == [SHOWN]


async def test_what_is_cancelled_meanwhile_isnt_sent(post: Post, web: Web, shop: int) -> None:
    message_id = await post.send(shop, URL, content={"preview": True})
    await web.be_asked()
    await post.messages.cancel(shop, message_id)
    web.may_answer.set()
    await post.reach(await post.send(shop, "dua"), "sent")
    assert post.conversations.texts() == ["kenalan", "dua"]
