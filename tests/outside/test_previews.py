"""Previews of links, from a real server on 127.0.0.1, which has to be allowed for it."""

from __future__ import annotations

import asyncio
import io
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeVar

import pytest
from PIL import Image

from talkabiz.domain.content import Preview
from talkabiz.outside.fetch import Fetcher
from talkabiz.outside.guard import Guard
from talkabiz.services.previews import MOST_OF_PAGE, MOST_SCANS, Previews
from talkabiz.services.thumbnails import LONGEST_SIDE, MOST_PIXELS
from tests.outside.server import NAME, Server, answer, redirect

HEAD = '<head><meta property="og:title" content="Promo"><meta property="og:description" content="Murah">'
T = TypeVar("T")
PICTURE = HEAD + '<meta property="og:image" content="/a.png">'


@pytest.fixture(name="fetcher")
async def _fetcher(trust: ssl.SSLContext) -> AsyncIterator[Fetcher]:
    async def resolve(host: str, _: int) -> Sequence[str]:
        if host not in {NAME, "inside.test"}:
            raise OSError("no such name")
        return ["127.0.0.1" if host == NAME else "10.0.0.7"]

    fetcher = Fetcher(Guard(["127.0.0.1/32"]), resolve=resolve, trust=trust)
    yield fetcher
    fetcher.close()


@pytest.fixture(name="previews")
def _previews(fetcher: Fetcher) -> Previews:
    return Previews(fetcher.fetch, at_once, seconds=1)


async def at_once(do: Callable[..., T], *args: object) -> T:
    return do(*args)


def png(width: int = 800, height: int = 400, mode: str = "RGB") -> bytes:
    picture = io.BytesIO()
    Image.new(mode, (width, height)).save(picture, "PNG")
    return picture.getvalue()


async def test_a_page_is_shown_by_its_own_words_and_a_small_picture(server: Server, previews: Previews) -> None:
    server.answers = {"/x": answer(PICTURE.encode()), "/a.png": answer(png(mode="RGBA"))}
    preview = await previews.of(f"lihat {server.url('/x')}, ya")
    assert preview
    assert (preview.url, preview.title, preview.description) == (server.url("/x"), "Promo", "Murah")
    with Image.open(io.BytesIO(preview.thumbnail)) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("JPEG", (LONGEST_SIDE, LONGEST_SIDE // 2))
        assert thumbnail.getpixel((0, 0)) == (255, 255, 255), "what one can see through is on white"
    assert len(server.heads) == 2


def progressive(scans: int) -> bytes:
    """A JPEG with as many scans, of which each but the first one adds a bit to the same."""
    picture = io.BytesIO()
    Image.effect_noise((64, 64), 60).save(picture, "JPEG", progressive=True)
    data = picture.getvalue()
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * (scans - data.count(b"\xff\xda") + 1) + data[-2:]


async def test_a_picture_is_drawn_so_often_and_no_oftener(server: Server, previews: Previews) -> None:
    server.answers = {"/x": answer(PICTURE.encode()), "/a.png": answer(progressive(MOST_SCANS))}
    preview = await previews.of(server.url("/x"))
    assert preview
    assert preview.thumbnail
    server.answers["/a.png"] = answer(progressive(MOST_SCANS + 1))
    assert await previews.of(server.url("/x")) == Preview(server.url("/x"), "Promo", "Murah")


async def test_without_a_link_nobody_is_asked(server: Server, previews: Previews) -> None:
    assert await previews.of("halo, lihat toko.example") is None
    assert server.heads == []


@pytest.mark.parametrize("host", ["127.0.0.2", "10.0.0.1", "[::1]", "169.254.169.254", "inside.test", "2130706433"])
async def test_no_link_leads_inside(server: Server, previews: Previews, host: str) -> None:
    assert await previews.of(server.url("/x", host)) is None
    server.answers = {"/x": redirect(server.url("/x", host))}
    assert await previews.of(server.url("/x")) is None
    assert len(server.heads) == 1


async def test_no_picture_is_fetched_from_inside(server: Server, previews: Previews) -> None:
    inside = HEAD + '<meta property="og:image" content="https://10.0.0.1/a.png">'
    server.answers = {"/x": answer(inside.encode())}
    assert await previews.of(server.url("/x")) == Preview(server.url("/x"), "Promo", "Murah")


@pytest.mark.parametrize(
    "picture",
    [
        answer(b"no picture"),
        answer(png()[:100]),
        answer(png(2001, MOST_PIXELS // 2000)),
        answer(png() + b"x" * 256 * 1024),
        answer(status="404 Not Found"),
        answer(b"<svg/>", headers={"Content-Type": "image/svg+xml"}),
    ],
    ids=["text", "cut off", "too many pixels", "too large", "missing", "svg"],
)
async def test_a_picture_that_cant_be_shown_is_left_out(server: Server, previews: Previews, picture: bytes) -> None:
    server.answers = {"/x": answer(PICTURE.encode()), "/a.png": picture}
    assert await previews.of(server.url("/x")) == Preview(server.url("/x"), "Promo", "Murah")
    assert len(server.heads) == 2


@pytest.mark.parametrize(
    "page",
    [
        answer(status="500 Oops"),
        answer(b"nothing"),
        answer(b"\x89PNG" + bytes(1000)),
        b"no http\r\n\r\n",
        b"",
        answer(PICTURE.encode(), headers={"Content-Encoding": "gzip"}),
    ],
    ids=["500", "no title", "no page", "no http", "nothing", "packed"],
)
async def test_a_page_that_says_nothing_is_no_preview(server: Server, previews: Previews, page: bytes) -> None:
    server.answers = {"/x": page}
    assert await previews.of(server.url("/x")) is None


async def test_an_endless_page_is_read_to_its_head_or_so_far_and_no_further(server: Server, previews: Previews) -> None:
    sent: dict[str, int] = {"/head": 0, "/none": 0}

    def endless(path: str, start: str) -> None:
        async def pour(writer: asyncio.StreamWriter) -> None:
            writer.write(f"HTTP/1.1 200 OK\r\n\r\n<title>Sinar</title>{start}".encode())
            while True:
                writer.write(b"x" * 10_000)
                sent[path] += 10_000
                await writer.drain()

        server.answers[path] = pour

    endless("/head", "</head>")
    endless("/none", "")
    for path in sent:
        begun = time.monotonic()
        preview = await previews.of(server.url(path))
        assert preview
        assert preview.title == "Sinar"
        assert time.monotonic() - begun < 1
    assert sent["/none"] < MOST_OF_PAGE + 16_000_000, "what the kernel holds"


async def test_what_is_too_slow_is_done_without(server: Server, previews: Previews) -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n<title>")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    server.answers = {"/slow": drip, "/x": answer(PICTURE.encode()), "/a.png": drip}
    begun = time.monotonic()
    assert await previews.of(server.url("/slow")) is None
    assert await previews.of(server.url("/x")) == Preview(server.url("/x"), "Promo", "Murah")
    assert 1.8 < time.monotonic() - begun < 3


async def test_a_fault_of_ours_costs_the_preview_alone() -> None:
    async def fetch(*_: object, **__: object) -> None:
        raise RuntimeError("oh")

    assert await Previews(fetch, at_once).of("https://a.example") is None  # type: ignore[arg-type] # a fault
