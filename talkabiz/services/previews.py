"""The preview of a link in a text, fetched by ourselves and guarded: the library is never given an address to ask.

Fetched when its message is about to be sent, before it is claimed, as files are uploaded then: what is accepted is
stored already, so neither a slow page nor a crash on the way loses it, accepting takes no longer for it, and a message
that is sent tomorrow shows tomorrow's page.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Protocol, TypeVar

import structlog

from talkabiz.domain.content import Preview
from talkabiz.domain.errors import TalkabizError
from talkabiz.domain.link_previews import Page, first_link, is_enough, page_of
from talkabiz.services.fetching import Fetch
from talkabiz.services.thumbnails import thumbnail_of

SECONDS = 5.0
"""For all of it: a place among those that fetch, the page and its picture."""
MOST_OF_PAGE = 512 * 1024
MOST_OF_PICTURE = 256 * 1024
MOST_SCANS = 50
"""Of a JPEG, which is drawn anew with each: a few bytes are one, and a picture has a dozen at most."""
PLACES = 8
"""Of all kliens together, so that slow pages leave room to those who fetch files."""
_ANY_LENGTH = 2**40
_SCAN = b"\xff\xda"
"""Before each scan of a JPEG, and nowhere in one; elsewhere by chance: four times in a picture of that size."""

T = TypeVar("T")
log = structlog.get_logger(__name__)


class OnThread(Protocol):
    async def __call__(self, do: Callable[..., T], *args: object) -> T: ...


class Previews:
    def __init__(self, fetch: Fetch, on_thread: OnThread, *, seconds: float = SECONDS) -> None:
        self._fetch = fetch
        self._on_thread = on_thread
        self._seconds = seconds
        self._places = asyncio.Semaphore(PLACES)

    async def of(self, text: str) -> Preview | None:
        """Of the first link in it; without a picture where that couldn't be had in time. None: there is no link, or
        nothing to show of it. Takes `seconds` at most, and never raises, but is cancelled.
        """
        link = first_link(text)
        if link is None:
            return None
        preview: Preview | None = None
        with suppress(TimeoutError):
            async with asyncio.timeout(self._seconds), self._places:
                page = await _tried(self._page(link))
                if page and page.title:
                    preview = Preview(link, page.title, page.description)
                    picture = await _tried(self._picture(page.picture)) if page.picture else None
                    preview = replace(preview, thumbnail=picture or b"")
        return preview

    async def _page(self, url: str) -> Page:
        html = bytearray()

        async def into(piece: bytes) -> None:
            looked = len(html)
            html.extend(piece[: MOST_OF_PAGE - looked])
            if len(html) >= MOST_OF_PAGE or is_enough(html, looked):
                raise _Enough

        with suppress(_Enough):
            await self._fetch(url, into, most_bytes=_ANY_LENGTH, seconds=self._seconds)
        return await self._on_thread(page_of, bytes(html), url)

    async def _picture(self, url: str) -> bytes:
        data = bytearray()

        async def into(piece: bytes) -> None:
            data.extend(piece)

        await self._fetch(url, into, most_bytes=MOST_OF_PICTURE, seconds=self._seconds)
        return b"" if data.count(_SCAN) > MOST_SCANS else await self._on_thread(thumbnail_of, bytes(data))


class _Enough(Exception):
    """The rest of the page isn't wanted."""


async def _tried(work: Awaitable[T]) -> T | None:
    """None: it came to nothing. Whatever stands at that address, the message goes without it."""
    try:
        return await work
    except TalkabizError as error:
        log.info("preview_left_out", code=error.code)
    except (OSError, SyntaxError, ValueError) as error:  # a damaged picture
        log.info("preview_left_out", code=type(error).__name__)
    except Exception:
        log.exception("preview_failed")
    return None
