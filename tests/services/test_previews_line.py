"""Texts with the preview of their link, on a real line: what the phone gets to see of it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import trustme

from talkabiz.domain.content import Preview, Text
from talkabiz.domain.wishes import Forward
from talkabiz.outside.fetch import Fetcher
from talkabiz.outside.guard import Guard
from tests.outside.server import NAME, Server, answer, certificate
from tests.services.line import ANI, BUDI, Line
from tests.services.talking import Talk, open_talk

PAGE = b'<title>Toko Sinar</title><meta property="og:description" content="Promo bulan ini"></head>'
WANTED: dict[str, Any] = {"content": {"preview": True}}


@pytest.fixture(name="authority", scope="module")
def _authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(name="server")
async def _server(authority: trustme.CA) -> AsyncIterator[Server]:
    async with Server(answers={"/": answer(PAGE)}).running(certificate(authority, NAME)) as server:
        yield server


@pytest.fixture(name="talk")
async def _talk(line: Line, authority: trustme.CA, tmp_path: Path) -> AsyncIterator[Talk]:
    async def resolve(host: str, _: int) -> Sequence[str]:
        assert host == NAME
        return ["127.0.0.1"]

    trust = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    with closing(Fetcher(Guard([NAME]), resolve=resolve, trust=trust)) as fetcher:
        async with open_talk(line, tmp_path, fetcher.fetch) as talk:
            yield talk


async def test_the_phone_sees_title_and_description(talk: Talk, server: Server) -> None:
    shop, text = await talk.link(), f"lihat {server.url()} ya"
    accepted = await talk.told(await talk.send(shop, text, **WANTED), "delivered")
    assert accepted["content"] == {"preview": True}
    shown = Text(text, Preview(server.url(), "Toko Sinar", "Promo bulan ini"))
    await talk.line.shown(ANI, lambda entry: entry.content == shown)
    await talk.rooms.messages.send(shop, Forward(BUDI, accepted["id"]))
    entry = await talk.line.shown(BUDI, lambda entry: entry.content == shown)
    assert entry.forwards == 1
    assert len(server.heads) == 2


async def test_nothing_is_fetched_unless_it_is_asked_for(talk: Talk, server: Server) -> None:
    shop, text = await talk.link(), f"lihat {server.url()}"
    for content in ({}, {"preview": False}):
        told = await talk.told(await talk.send(shop, text, content=content), "delivered")
        assert told["content"] == {}
    assert [entry.content for entry in talk.line.world.chats.handset(ANI).log.all()] == [Text(text)] * 2
    assert server.heads == []


async def test_a_link_that_leads_inside_is_sent_without_a_preview_and_not_asked(talk: Talk) -> None:
    visits: list[object] = []

    async def visit(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.append(writer)
        writer.close()

    async with await asyncio.start_server(visit, "127.0.0.1", 0) as inside:
        port = inside.sockets[0].getsockname()[1]
        shop, text = await talk.link(), f"https://127.0.0.1:{port}/"
        await talk.told(await talk.send(shop, text, **WANTED), "delivered")
        assert (await talk.line.shown_text(ANI, text)).content == Text(text)
    assert visits == []


async def test_a_page_that_fails_costs_the_preview_alone(talk: Talk, server: Server) -> None:
    server.answers["/"] = answer(status="500 Oops")
    shop, text = await talk.link(), server.url()
    await talk.told(await talk.send(shop, text, **WANTED), "delivered")
    await talk.line.shown_text(ANI, text)
    assert len(server.heads) == 1
